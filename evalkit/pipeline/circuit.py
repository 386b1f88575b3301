"""When asking on is no use: many failures in a row, or nothing but refusals or failures so far."""

from __future__ import annotations

from evalkit.errors import EXIT_API, FAILURES, ApiError
from evalkit.pipeline.stop import Reason
from evalkit.types import Failure, TrialResult

# So many refused requests before the first accepted one say that the rest would fare no better.
_MOST_REFUSALS = 20
# While nothing at all was answered, attempts count and not only trials given up: an endpoint that
# is not there is told of in half a minute, and not after every trial's patience.
_MOST_ATTEMPTS = 50
_DEAD_AFTER_S = 20.0
# Of a server that takes connections and falls silent, a few timeouts in a row tell the same.
_FEWEST_ATTEMPTS = 8
_SILENT_AFTER_S = 100.0


class Circuit:
    """Breaks for so many trials in a row that failed, or where nothing goes from the start."""

    def __init__(self, most_failures: int) -> None:
        self._most_failures = most_failures
        self._failures = 0
        self._refusals: int | None = 0
        self._attempts = 0
        self._first_failed_s: float | None = None

    def strained_by(self, error: ApiError, now_s: float) -> Reason | None:
        """Why to stop, if this attempt is one too many; ``now_s`` is any clock that goes on."""
        kind = FAILURES[error.kind]
        if self._refusals is None or kind.is_model_error or kind.slows_everyone:
            return None
        if self._first_failed_s is None:
            self._first_failed_s = now_s
        self._attempts += 1
        since_s = now_s - self._first_failed_s
        is_dead = self._attempts >= _MOST_ATTEMPTS and since_s >= _DEAD_AFTER_S
        is_silent = self._attempts >= _FEWEST_ATTEMPTS and since_s >= _SILENT_AFTER_S
        if not is_dead and not is_silent:
            return None
        return Reason(
            f"none of {self._attempts} attempts was answered, the last: "
            f"{error.kind}: {error.message}",
            EXIT_API,
            "Check the endpoint (evalkit doctor), then resume.",
        )

    def broken_by(self, result: TrialResult) -> Reason | None:
        """Why to stop, if this outcome is one too many."""
        outcome = result.outcome
        if not isinstance(outcome, Failure):
            self._failures, self._refusals = 0, None
            return None
        told = f"{outcome.kind}: {outcome.message}"
        if not FAILURES[outcome.kind].is_model_error:
            self._failures += 1
            if self._failures >= self._most_failures:
                return Reason(
                    f"{self._failures} requests in a row failed, the last with {told}",
                    EXIT_API,
                    "Check the endpoint (evalkit doctor), then resume.",
                )
            return None
        self._failures = 0
        if self._refusals is not None:
            self._refusals += 1
            if self._refusals >= _MOST_REFUSALS:
                return Reason(
                    f"none of the first {self._refusals} requests was accepted, the last: {told}",
                    EXIT_API,
                    "Check base_url and what the suite sends (evalkit plan), then start anew.",
                )
        return None
