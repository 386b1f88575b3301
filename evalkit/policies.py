"""The knobs a suite turns, as plain values, so that client and executor know only their own."""

from __future__ import annotations

from dataclasses import dataclass


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
