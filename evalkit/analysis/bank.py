"""A baseline as analysis sees it: what several runs of one suite found for each case.

The bank's own error is the noise left in its means: ``sqrt(sum of within-case variances / k) / n``.
Its false alarms are estimated without any new request: each run is held against the others by the
gate, though nothing has changed between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.sequential import PRIOR_VARIANCE, Design, Gate

LEAST_MARGIN_IN_ERRORS = 4.0
"""A margin below so many times the bank's error is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One measure of one variant by case: the sum over all trials banked, and their number."""

    sums: FloatArray
    counts: IntArray

    @property
    def mean(self) -> FloatArray:
        """Means by case, nan where nothing is banked."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.counts > 0, self.sums / self.counts, np.nan)

    def plus(self, more: Column | None) -> Column:
        """Both together."""
        return self if more is None else Column(self.sums + more.sums, self.counts + more.counts)

    @property
    def overall(self) -> float | None:
        """The mean over cases."""
        known = self.mean[self.counts > 0]
        return float(known.mean()) if len(known) else None


@dataclass(frozen=True, slots=True, eq=False)
class BankedVariant:
    """What is banked of a variant: columns by measure, and for scores the variance within a case.

    ``error`` and ``within`` are by measure; None where no case has two trials. ``quantiles`` are of
    all trials: ``latency_p95`` and the like, in their own units.
    """

    columns: Mapping[str, Column]
    within: Mapping[str, float | None]
    error: Mapping[str, float | None]
    quantiles: Mapping[str, float]
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Variants by key, over the cases of a run in its order."""

    name: str
    n_runs: int
    variants: Mapping[str, BankedVariant]


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Each banked run held against the others: ``gates`` of them, so many passed and failed."""

    margin: float
    gates: int
    passes: int
    fails: int


def within_variance(sums: FloatArray, squares: FloatArray, counts: IntArray) -> float | None:
    """The mean variance of one trial within its case; None where no case has two trials."""
    several = counts >= 2
    if not several.any():
        return None
    n = counts[several]
    apart = squares[several] - sums[several] ** 2 / n
    return float((np.maximum(apart, 0.0) / (n - 1)).mean())


def own_error(within: float | None, counts: IntArray) -> float | None:
    """The standard error of the bank's mean on just these cases."""
    known = counts[counts > 0]
    if within is None or not len(known):
        return None
    return sqrt(float((within / known).sum())) / len(known)


def false_alarms(runs: Sequence[Column], margin: float, within: float | None) -> FalseAlarms | None:
    """Hold every run against the mean of the others; None for fewer than two runs.

    ``runs`` are one measure of one variant, a column a run, over the same cases.
    """
    if len(runs) < 2:
        return None
    sums, counts = sum(run.sums for run in runs), sum(run.counts for run in runs)
    passes = fails = 0
    for run in runs:
        rest = Column(np.asarray(sums - run.sums), np.asarray(counts - run.counts))
        d = run.mean - rest.mean
        d = d[~np.isnan(d)]
        if not len(d):
            continue
        noise = PRIOR_VARIANCE if within is None else within * (1 + 1 / (len(runs) - 1))
        gate = Gate(Design(margin, len(d), variance=noise))
        for one in d.tolist():
            gate.update(one)
            if gate.is_settled:
                break
        passes += gate.passing.crossed_at is not None
        fails += gate.passing.crossed_at is None and gate.failing.crossed_at is not None
    return FalseAlarms(margin, len(runs), passes, fails)
