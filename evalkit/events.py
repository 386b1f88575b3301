"""What happens during a run, for whoever watches: progress, status, logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evalkit.types import TrialResult


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan is known. ``done`` trials were stored by an earlier session of the same run."""

    name: str
    path: str
    planned: int
    done: int


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial's outcome is on disk."""

    result: TrialResult


@dataclass(frozen=True, slots=True)
class Stopping:
    """No further trial is admitted; requests in flight are still awaited."""

    message: str


Event = RunStarted | TrialFinished | Stopping
Listener = Callable[[Event], None]
