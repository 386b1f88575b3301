"""The live view of a run, drawn from events, on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click

from evalkit.cli.liveview import doing, percent, picture, score, span, trouble, waiting
from evalkit.cli.logfile import event_data, logging
from evalkit.events import Event, Listener, RunStarted, Snapshot, Stopping

_PLAIN_EVERY_S = 5.0


@contextmanager
def watching(
    style: str | None,
    log_file: str | None = None,
    *,
    with_prompts: bool = False,
    verbose: bool = False,
) -> Iterator[Listener]:
    """A listener that shows progress in a style; None chooses for where stderr goes.

    ``log_file`` also gets every outcome as a JSON line; ``verbose`` ends with how the engine fared.
    """
    listeners: list[Listener] = []
    last: list[Snapshot] = []
    with ExitStack() as stack:
        listeners.append(stack.enter_context(_shown(style)))
        if log_file:
            listeners.append(stack.enter_context(logging(log_file, with_prompts=with_prompts)))

        def listen(event: Event) -> None:
            if isinstance(event, Snapshot):
                last[:] = [event]
            for listener in listeners:
                listener(event)

        yield listen
    if verbose and last:
        click.echo(engine_report(last[0]), err=True)


@contextmanager
def _shown(style: str | None) -> Iterator[Listener]:
    chosen = style or _style_for(sys.stderr.isatty(), os.environ.get("TERM", ""))
    if chosen == "rich":
        with _rich() as listener:
            yield listener
    else:
        yield {"plain": _plain, "json": _json, "none": _none}[chosen]()


def _style_for(is_terminal: bool, kind: str) -> str:
    """Quiet where nobody watches; a terminal that cannot move its cursor gets plain lines."""
    if not is_terminal:
        return "none"
    return "plain" if kind.lower() in ("dumb", "unknown") else "rich"


def engine_report(now: Snapshot) -> str:
    """How the engine fared, for ``-v``."""
    return (
        f"{now.done:,} outcomes in {span(now.elapsed_s)}, "
        f"{sum(now.retries.values()):,} attempts made again, "
        f"longest stall of the event loop {1000 * now.stall_s:.0f} ms "
        f"({1000 * now.stall_cpu_s:.0f} ms by its own computing)"
    )


def _none() -> Listener:
    def listen(event: Event) -> None:
        if isinstance(event, Stopping):
            click.echo(event.message, err=True)

    return listen


def _plain() -> Listener:
    told_at_s, is_over = -_PLAIN_EVERY_S, False

    def listen(event: Event) -> None:
        nonlocal told_at_s, is_over
        if isinstance(event, RunStarted):
            click.echo(f"{event.name}: {event.done}/{event.planned}", err=True)
        elif isinstance(event, Stopping):
            click.echo(event.message, err=True)
        elif isinstance(event, Snapshot):
            now_s, was_over = time.monotonic(), is_over
            is_over = event.done >= event.planned
            if now_s - told_at_s >= _PLAIN_EVERY_S or (is_over and not was_over):
                told_at_s = now_s
                click.echo(one_line(event), err=True)
            if is_over and not was_over:
                for line in variant_lines(event):
                    click.echo(f"  {line}", err=True)

    return listen


def one_line(now: Snapshot) -> str:
    """A run's state in a line: ``81/312 25%  12.5/s  8 of 64 in flight  $0.39  16s left``."""
    left = [f"{span(now.eta_s)} left"] if now.eta_s is not None and now.done < now.planned else []
    counts = f"{now.done:,}/{now.planned:,} {percent(now.done, now.planned)}"
    return "  ".join([counts, *doing(now), *waiting(now), *trouble(now), *left])


def variant_lines(now: Snapshot) -> list[str]:
    """How far each variant is, and its running score."""
    return [
        f"{one.variant}  {one.done:,}/{one.planned:,}  {score(one)}".rstrip()
        for one in now.variants
    ]


def _json() -> Listener:
    def listen(event: Event) -> None:
        click.echo(json.dumps(event_data(event)), err=True)

    return listen


@contextmanager
def _rich() -> Iterator[Listener]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    name = ""

    with Live(console=console, transient=True, auto_refresh=False) as live:

        def listen(event: Event) -> None:
            nonlocal name
            if isinstance(event, RunStarted):
                name = event.name
            elif isinstance(event, Stopping):
                console.print(event.message, markup=False, highlight=False)
            elif isinstance(event, Snapshot):
                size = console.size
                live.update(picture(name, event, size.width, size.height), refresh=True)

        yield listen
