"""What a gate can hold a variant to, case by case: scores, shares and amounts of recorded trials.

A measure is named ``score:NAME`` for a scorer, else as in ``evalkit.policies.METRICS``; what stands
behind those quantiles and ratios are the amounts ``elapsed_s``, ``first_token_s``, ``cost_usd``
and ``right``, the share of right answers of the first scorer. ``lost`` is the share of trials that
came to nothing through no fault of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.outcomes import Graded, case_scores, grade
from evalkit.analysis.results import OUTCOME_CLASSES
from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray

SHARES = ("failed", "truncated", "refused", "no_text", "unscored")
AMOUNTS = ("cost_usd", "elapsed_s", "first_token_s", "output_tokens", "thinking_tokens")
_UNSCORED = OUTCOME_CLASSES.index("unscored")


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """One measure by variant and case: sums over trials, and how many there were.

    ``missing`` trials have no value through no fault of the model. ``squares`` are sums of squares.
    Where the suite reduces the samples of a case to one value, that counts as one trial.
    """

    sums: FloatArray
    squares: FloatArray
    counts: IntArray
    missing: IntArray

    @property
    def mean(self) -> FloatArray:
        """Means over the trials of a case that have a value; nan where none has."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.counts > 0, self.sums / self.counts, np.nan)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """The means with everything missing at 0, and at 1; nan where there is no trial."""
        n = self.counts + self.missing
        with np.errstate(invalid="ignore", divide="ignore"):
            low = np.where(n > 0, self.sums / n, np.nan)
            high = np.where(n > 0, (self.sums + self.missing) / n, np.nan)
        return low, high


def measures(trials: Trials) -> dict[str, Measure]:
    """Everything that can be measured of these trials."""
    graded = {name: grade(trials, name) for name in trials.scorers}
    found = {f"score:{name}": _score(trials, one) for name, one in graded.items()}
    for name, flag in _shares(trials, list(graded.values())):
        rows = np.ones_like(flag) if name == "failed" else trials.is_answered
        found[name] = _measure(trials, np.where(rows, flag.astype(np.float64), np.nan))
    if graded:
        leading = next(iter(graded.values())).score
        right = np.where(np.isnan(leading), np.nan, (leading == 1).astype(np.float64))
        found["right"] = _measure(trials, right)
    found["lost"] = _measure(trials, (~trials.is_answered & ~trials.is_model_error).astype(float))
    for name in AMOUNTS:
        values = np.where(trials.is_answered, trials.numbers[name], np.nan)
        found[name] = _measure(trials, values)
    return found


def over(trials: Trials, name: str, limit: float) -> Measure:
    """The share of answers whose amount lies above a limit: what a quantile rule asks."""
    values = np.where(trials.is_answered, trials.numbers[name], np.nan)
    is_over = np.where(np.isnan(values), np.nan, (values > limit).astype(np.float64))
    return _measure(trials, is_over)


def recorded(trials: Trials) -> IntArray:
    """How many trials of a variant and case have an outcome."""
    return trials.tally(np.ones(len(trials.variant))).astype(np.int64)


def _score(trials: Trials, graded: Graded) -> Measure:
    if graded.scorer not in trials.reductions:
        return _measure(trials, graded.score, graded.is_missing)
    # One value a case; where a missing sample could change it, the whole case is missing.
    scores = case_scores(trials, graded)
    is_known = ~np.isnan(scores.mean) & (scores.low == scores.high)
    filled = np.where(is_known, scores.mean, 0.0)
    asked = recorded(trials) > 0
    return Measure(
        sums=filled,
        squares=filled * filled,
        counts=is_known.astype(np.int64),
        missing=(asked & ~is_known).astype(np.int64),
    )


def _shares(trials: Trials, graded: list[Graded]) -> Iterator[tuple[str, BoolArray]]:
    yield "failed", ~trials.is_answered
    yield "truncated", trials.is_truncated
    yield "refused", trials.is_refused
    yield "no_text", trials.is_answered & ~trials.has_text
    unscored = np.zeros_like(trials.is_answered)
    for one in graded:
        unscored |= one.outcome == _UNSCORED
    yield "unscored", unscored


def _measure(trials: Trials, values: FloatArray, missing: BoolArray | None = None) -> Measure:
    known = ~np.isnan(values)
    lost = np.zeros_like(known) if missing is None else missing
    filled = np.where(known, values, 0.0)
    return Measure(
        sums=trials.tally(filled),
        squares=trials.tally(filled * filled),
        counts=trials.tally(known.astype(np.float64)).astype(np.int64),
        missing=trials.tally(lost.astype(np.float64)).astype(np.int64),
    )
