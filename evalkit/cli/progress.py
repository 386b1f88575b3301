"""The live view of a run, drawn from events, on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from evalkit.events import Event, Listener, RunStarted, Snapshot, Stopping, TrialFinished
from evalkit.types import Failure

if TYPE_CHECKING:
    from rich.console import RenderableType

_PLAIN_EVERY_S = 5.0
_MOST_VARIANTS = 12


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
    chosen = style or ("rich" if sys.stderr.isatty() else "none")
    if chosen == "rich":
        with _rich() as listener:
            yield listener
    else:
        yield {"plain": _plain, "json": _json, "none": _none}[chosen]()


def engine_report(now: Snapshot) -> str:
    """How the engine fared, for ``-v``."""
    return (
        f"{now.done:,} outcomes in {span(now.elapsed_s)}, {now.retries} retries, "
        f"longest stall of the event loop {1000 * now.stall_s:.0f} ms "
        f"({1000 * now.stall_cpu_s:.0f} ms by its own computing)"
    )


def _none() -> Listener:
    def listen(event: Event) -> None:
        if isinstance(event, Stopping):
            click.echo(event.message, err=True)

    return listen


def _plain() -> Listener:
    told_at_s = [-_PLAIN_EVERY_S]

    def listen(event: Event) -> None:
        if isinstance(event, RunStarted):
            click.echo(f"{event.name}: {event.done}/{event.planned}", err=True)
        elif isinstance(event, Stopping):
            click.echo(event.message, err=True)
        elif isinstance(event, Snapshot):
            now_s = time.monotonic()
            if now_s - told_at_s[0] >= _PLAIN_EVERY_S or event.done == event.planned:
                told_at_s[0] = now_s
                click.echo(one_line(event), err=True)

    return listen


def one_line(now: Snapshot) -> str:
    """A run's state in a line: ``81/312  12.5/s  8 in flight  $0.39 of ~$1.44  16s left``."""
    parts = [
        f"{now.done:,}/{now.planned:,}",
        f"{now.requests_per_s:.1f}/s",
        f"{now.in_flight} of {now.limit} in flight",
        *trouble(now),
    ]
    if now.spent_usd is not None:
        projected = f" of ~${now.projected_usd:.2f}" if now.projected_usd is not None else ""
        parts.append(f"${now.spent_usd:.2f}{projected}")
    if now.eta_s is not None and now.done < now.planned:
        parts.append(f"{span(now.eta_s)} left")
    return "  ".join(parts)


def trouble(now: Snapshot) -> list[str]:
    """What holds the run up or has gone wrong, in a few words each."""
    told = []
    if now.is_paused:
        told.append("paused")
    elif now.limited_by and now.limited_by != "concurrency":
        told.append(f"limited by {now.limited_by}")
    if now.retries:
        told.append(f"{now.retries} retries")
    told += [f"{count} {kind}" for kind, count in list(now.failures.items())[:3]]
    return told


def span(seconds: float) -> str:
    """``42s``, ``3m10s``, ``2h05m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


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
                live.update(_view(name, event, console.width), refresh=True)

        yield listen


def _view(name: str, now: Snapshot, width: int) -> RenderableType:
    """The picture of a moment: a bar, then a line a variant."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    first = Table.grid(padding=(0, 1))
    first.add_row(
        Text(name[:24], style="bold"),
        ProgressBar(total=max(now.planned, 1), completed=now.done, width=max(10, width - 26)),
    )
    rows = Table.grid(padding=(0, 2))
    each = now.planned / max(len(now.variants), 1)
    for progress in now.variants[:_MOST_VARIANTS]:
        score = Text("")
        if progress.score is not None and progress.low is not None and progress.high is not None:
            score = Text(
                f"{progress.score:4.0%}  {100 * progress.low:.0f}–{100 * progress.high:.0f}%"
            )
        rows.add_row(Text(progress.variant), Text(f"{progress.done}/{each:.0f}"), score)
    more = len(now.variants) - _MOST_VARIANTS
    if more > 0:
        rows.add_row(Text(f"and {more} more variants", style="dim"))
    return Group(first, Text(one_line(now), style="cyan", overflow="ellipsis", no_wrap=True), rows)


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
