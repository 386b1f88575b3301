"""What happens during a run, for whoever watches: progress, status, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True)
class VariantProgress:
    """How far a variant is; the running score is this sitting's, with its 95 % interval."""

    variant: str
    done: int
    planned: int = 0
    score: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class GateProgress:
    """What decides when the next request of one endpoint and model goes.

    ``concurrency`` is how many may be in flight, ``limited_by`` what the next one waits for.
    ``closed_for_s`` are the seconds until anybody may go after a refusal, ``pace_per_s`` the
    requests a second learned from refusals, ``per_minute`` the limits told by suite or server.
    """

    name: str
    in_flight: int
    concurrency: int
    limited_by: str | None
    is_paused: bool
    closed_for_s: float
    pace_per_s: float | None
    per_minute: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. Rates are per second over the last seconds; money may be unknown.

    ``retries`` counts attempts that failed and were, or will be, made again, ``failures`` trials,
    both by kind. ``doubtful_usd`` is what attempts may have cost, at worst, that failed without
    telling. ``stall_s`` is the longest the event loop has been kept from its work, ``stall_cpu_s``
    the longest by the run's own computing; ``tasks`` is how many tasks the loop has.
    """

    elapsed_s: float
    planned: int
    done: int
    failed: int
    retries: Mapping[str, int]
    failures: Mapping[str, int]
    in_flight: int
    limit: int
    limited_by: str | None
    requests_per_s: float
    input_tokens_per_s: float
    output_tokens_per_s: float
    eta_s: float | None
    spent_usd: float | None
    reserved_usd: float
    doubtful_usd: float
    projected_usd: float | None
    max_cost_usd: float | None
    variants: tuple[VariantProgress, ...]
    gates: tuple[GateProgress, ...]
    is_paused: bool
    stall_s: float
    stall_cpu_s: float
    tasks: int


Event = RunStarted | TrialFinished | Stopping | Snapshot
Listener = Callable[[Event], None]
