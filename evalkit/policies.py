"""The knobs a suite turns, as plain values, so that client and executor know only their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast to go. ``concurrency`` None means: let evalkit choose.

    Timeouts are seconds: to connect, without a single byte (streams), and in all (whole answers;
    streams have ten times as long).
    ``max_failed_share`` is the share of failed trials from which a run as a whole has failed.
    """

    concurrency: int | None = None
    requests_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 120.0
    total_timeout_s: float = 600.0
    max_response_bytes: int = 64 * 1024 * 1024
    max_failed_share: float = 0.25
    max_consecutive_failures: int = 50


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and for how long one trial is tried again.

    Waits are full-jitter exponential, ``uniform(0, min(max_wait_s, first_wait_s * 2^n))`` seconds,
    unless the server names a time; a named time above ``max_retry_after_s`` fails the trial.
    """

    attempts: int = 8
    within_s: float = 900.0
    first_wait_s: float = 0.5
    max_wait_s: float = 60.0
    max_retry_after_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Budget:
    """The hard cap on a run's cost, and the estimate from which ``run`` asks first."""

    max_cost_usd: float | None = None
    confirm_above_usd: float = 1.0


MetricName = Literal[
    "failed",
    "truncated",
    "refused",
    "no_text",
    "unscored",
    "completeness",
    "cost_usd",
    "cost_per_correct",
    "latency_p50",
    "latency_p95",
    "first_token_p50",
    "output_tokens",
    "thinking_tokens",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something beside the scores that a gate may hold a variant to."""

    meaning: str
    unit: Literal["share", "usd", "s", "tokens"]
    is_better_high: bool = False


METRICS: Mapping[MetricName, Metric] = {
    "failed": Metric("share of trials without an answer", "share"),
    "truncated": Metric("share of answers cut off at max_tokens", "share"),
    "refused": Metric("share of answers that are refusals", "share"),
    "no_text": Metric("share of answers without text", "share"),
    "unscored": Metric("share of answers that a scorer could not grade", "share"),
    "completeness": Metric("share of planned trials answered and graded", "share", True),
    "cost_usd": Metric("mean cost of a trial", "usd"),
    "cost_per_correct": Metric("cost of all trials over right answers", "usd"),
    "latency_p50": Metric("median time in service", "s"),
    "latency_p95": Metric("95th percentile of time in service", "s"),
    "first_token_p50": Metric("median time to the first token", "s"),
    "output_tokens": Metric("mean output tokens of an answer", "tokens"),
    "thinking_tokens": Metric("mean thinking tokens of an answer", "tokens"),
}


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """A scorer's mean falls by less than ``max_drop`` below the baseline's and not below ``min``.

    Scores lie in [0, 1]; at least one bound is given. With ``tags`` (names or globs) the rule holds
    for the cases of each tag, else for all. ``alpha`` stands in place of the gate's ``a_pass``.
    """

    scorer: str
    max_drop: float | None = None
    min: float | None = None
    tags: tuple[str, ...] = ()
    alpha: float | None = None


@dataclass(frozen=True, slots=True)
class MetricRule:
    """A metric stays within ``max`` (``min`` where more is better), in the metric's own unit.

    ``max_increase`` over the baseline is in points for a share, relative (0.2: a fifth more) for an
    amount. ``alpha`` stands in place of the gate's ``a_pass``.
    """

    metric: MetricName
    max: float | None = None
    max_increase: float | None = None
    min: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """When a run is no worse than its baseline.

    ``a_pass`` is the chance taken of passing a true loss of ``max_drop``, ``a_fail`` that of
    failing where nothing was lost. ``variants`` are globs (none: every variant).
    """

    rules: tuple[ScoreRule | MetricRule, ...] = ()
    baseline: str | None = None
    variants: tuple[str, ...] = ()
    method: Literal["sequential", "fixed"] = "sequential"
    a_pass: float = 0.05
    a_fail: float = 0.01
    on_inconclusive: Literal["warn", "fail"] = "warn"
