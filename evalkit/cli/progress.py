"""The live view of a run, drawn from events, on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

import click

from evalkit.cli.liveview import doing, percent, picture, score, span, trouble, waiting
from evalkit.events import Event, Listener, RunStarted, Snapshot, Stopping, TrialFinished
from evalkit.types import Failure

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
            listeners.append(stack.enter_context(_logging(log_file, with_prompts=with_prompts)))

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
        click.echo(json.dumps(_data(event)), err=True)

    return listen


def _data(event: Event) -> dict[str, Any]:
    if isinstance(event, RunStarted):
        return {"event": "started", "run": event.path, "planned": event.planned, "done": event.done}
    if isinstance(event, Stopping):
        return {"event": "stopping", "message": event.message}
    if isinstance(event, Snapshot):
        return {"event": "snapshot", **asdict(event)}
    return {"event": "trial", **trial_data(event)}


def trial_data(event: TrialFinished) -> dict[str, Any]:
    """An outcome as plain data, without what was asked and answered."""
    result = event.result
    outcome = result.outcome
    is_failure = isinstance(outcome, Failure)
    return {
        "trial_key": result.trial.key,
        "case_id": result.trial.case_id,
        "variant": result.trial.variant.key,
        "sample": result.trial.sample,
        "status": "failed" if is_failure else "ok",
        "error_kind": outcome.kind if isinstance(outcome, Failure) else None,
        "cost_usd": result.cost_usd,
        "attempts": len(outcome.attempts),
        "elapsed_s": outcome.elapsed_s,
    }


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


@contextmanager
def _logging(path: str, *, with_prompts: bool) -> Iterator[Listener]:
    """A listener that appends every outcome to a file as a JSON line."""
    with click.open_file(path, "a", encoding="utf-8", lazy=False) as file:

        def listen(event: Event) -> None:
            if isinstance(event, TrialFinished):
                file.write(json.dumps(_logged(event, with_prompts=with_prompts)) + "\n")
            elif isinstance(event, Stopping | RunStarted):
                file.write(json.dumps(_data(event)) + "\n")
                file.flush()

        yield listen


def _logged(event: TrialFinished, *, with_prompts: bool) -> dict[str, Any]:
    result = event.result
    data = {
        "event": "trial",
        "at": result.started_at.isoformat(),
        **trial_data(event),
        "queued_s": result.queued_s,
        "attempts": [
            {
                "status": attempt.status,
                "error_kind": attempt.error_kind,
                "message": attempt.message,
                "waited_s": attempt.waited_s,
                "elapsed_s": attempt.elapsed_s,
                "request_id": attempt.request_id,
            }
            for attempt in result.outcome.attempts
        ],
    }
    if with_prompts:
        data["system"] = result.trial.request.system
        data["messages"] = result.trial.request.messages
    return data
