"""The live line, drawn from events, on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from evalkit.events import Event, Listener, RunStarted, Stopping, TrialFinished
from evalkit.types import Failure

_PLAIN_EVERY_S = 5.0


@dataclass(slots=True)
class Tally:
    """What a watcher counts: trials of this sitting and of earlier ones, failures, dollars."""

    planned: int = 0
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    cost_usd: float | None = None

    def count(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, RunStarted):
            self.planned, self.done = event.planned, event.done
        elif isinstance(event, TrialFinished):
            self.done += 1
            outcome = event.result.outcome
            if isinstance(outcome, Failure):
                self.failures[outcome.kind] += 1
            if event.result.cost_usd is not None:
                self.cost_usd = (self.cost_usd or 0.0) + event.result.cost_usd

    def trouble(self) -> str:
        """Failures by kind and dollars, as far as there are any."""
        parts = [f"{count} {kind}" for kind, count in self.failures.most_common(3)]
        if self.cost_usd is not None:
            parts.append(f"${self.cost_usd:.4f}")
        return ", ".join(parts)


@contextmanager
def watching(style: str | None) -> Iterator[Listener]:
    """A listener that shows progress in a style; None chooses for where stderr goes."""
    chosen = style or ("rich" if sys.stderr.isatty() else "none")
    if chosen == "rich":
        with _rich() as listener:
            yield listener
    else:
        yield {"plain": _plain, "json": _json, "none": _none}[chosen]()


def _none() -> Listener:
    def listen(event: Event) -> None:
        if isinstance(event, Stopping):
            click.echo(event.message, err=True)

    return listen


def _plain() -> Listener:
    tally, last = Tally(), [0.0]

    def listen(event: Event) -> None:
        tally.count(event)
        if isinstance(event, Stopping):
            click.echo(event.message, err=True)
            return
        is_due = time.monotonic() - last[0] >= _PLAIN_EVERY_S or tally.done == tally.planned
        if isinstance(event, RunStarted) or is_due:
            last[0] = time.monotonic()
            click.echo(f"{tally.done}/{tally.planned} {tally.trouble()}".rstrip(), err=True)

    return listen


def _json() -> Listener:
    def listen(event: Event) -> None:
        click.echo(json.dumps(_plain_data(event)), err=True)

    return listen


def _plain_data(event: Event) -> dict[str, object]:
    if isinstance(event, RunStarted):
        return {"event": "started", "run": event.path, "planned": event.planned, "done": event.done}
    if isinstance(event, Stopping):
        return {"event": "stopping", "message": event.message}
    result = event.result
    return {
        "event": "trial",
        "trial_key": result.trial.key,
        "case_id": result.trial.case_id,
        "variant": result.trial.variant.key,
        "sample": result.trial.sample,
        "status": "ok" if result.is_ok else "failed",
        "error_kind": result.outcome.kind if isinstance(result.outcome, Failure) else None,
        "cost_usd": result.cost_usd,
    }


@contextmanager
def _rich() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    tally = Tally()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[trouble]}", style="yellow"),
        console=Console(stderr=True),
        transient=True,
    )

    def listen(event: Event) -> None:
        tally.count(event)
        if isinstance(event, RunStarted):
            progress.add_task(event.name, total=event.planned, completed=event.done, trouble="")
        elif isinstance(event, Stopping):
            progress.console.print(event.message, markup=False)
        elif progress.task_ids:
            progress.update(progress.task_ids[0], completed=tally.done, trouble=tally.trouble())

    with progress:
        yield listen
