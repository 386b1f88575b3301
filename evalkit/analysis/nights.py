"""Evidence over nights: each asks a part of the cases, and what speaks for a loss adds up.

One CUSUM for every question about a loss (``stats.sequential.Cusum``); with M of them the alarm is
M times as high, so that all together raise no more false alarms than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from evalkit.analysis.evidence import MAX_MISSING
from evalkit.analysis.gate_tests import GateTest, Question
from evalkit.analysis.measures import Measure, measures, recorded
from evalkit.analysis.trials import Trials
from evalkit.analysis.verdicts import RuleOutcome, RuleResult
from evalkit.analysis.wording import counted, in_points
from evalkit.stats.arrays import BoolArray, IntArray
from evalkit.stats.distributions import chi_square_p
from evalkit.stats.sequential import SUSPICIOUS, Cusum

DRIFT = 0.01
"""Below this p-value, nights differ by more than chance."""


@dataclass(frozen=True, slots=True)
class Tonight:
    """Tonight's mean difference with its error, from how many cases, and what is missing."""

    mean: float | None
    error: float | None
    cases: int
    n_missing: int
    n_recorded: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A question's evidence: before tonight, after it, and what was seen tonight."""

    key: str
    before: float
    after: float
    alarm: float
    tonight: Tonight
    test: GateTest

    @property
    def is_alarm(self) -> bool:
        """Whether a loss has shown over the nights."""
        return self.after >= self.alarm and self.is_measured

    @property
    def is_suspicious(self) -> bool:
        """Whether more cases tonight would help."""
        return SUSPICIOUS < self.after < self.alarm

    @property
    def is_measured(self) -> bool:
        """Whether so little is missing that tonight counts."""
        seen = self.tonight
        return seen.n_recorded > 0 and seen.n_missing <= MAX_MISSING * seen.n_recorded


def is_about_loss(test: GateTest) -> bool:
    """Whether a test is one that nights add up for."""
    return test.question.base is not None and test.question.kind in ("drop", "fixed")


def key_of(asked: Question, variant: str) -> str:
    """What a question's evidence is filed under."""
    return "|".join((asked.subject, variant, asked.tag or ""))


def watch_nights(
    trials: Trials,
    tests: Sequence[GateTest],
    before: Mapping[str, float],
    *,
    samples: int,
    alarm: float,
    tolerance: float | None = None,
) -> list[Watched]:
    """Tonight's cases on top of the evidence ``before``, in the order of the tests' units.

    ``samples`` are planned of every case. Missing answers enter at their best.
    """
    found, done = measures(trials), recorded(trials)
    about = [test for test in tests if is_about_loss(test)]
    told = []
    for test in about:
        asked = test.question
        key = key_of(asked, trials.variants[asked.variant].key)
        cusum = cusum_of(test, alarm * len(about), tolerance)
        measure = found[asked.measure]
        rows = _ready_rows(asked, done[asked.variant] >= samples)
        old = float(before.get(key, 1.0))
        told.append(
            Watched(
                key=key,
                before=old,
                after=cusum.night(old, _sums(asked, measure, rows)),
                alarm=cusum.alarm,
                tonight=_tonight(asked, measure, done, rows),
                test=test,
            )
        )
    return told


def cusum_of(test: GateTest, alarm: float, tolerance: float | None) -> Cusum:
    """What a question's evidence is added up by."""
    asked = test.question
    return Cusum(
        asked.limit,
        asked.unit_variance(),
        alarm,
        None if tolerance is None else min(tolerance, asked.limit / 2),
        asked.largest,
        asked.mean_size,
    )


def _ready_rows(asked: Question, ready: BoolArray) -> list[IntArray]:
    """The units that are complete, up to the first that is not."""
    rows = []
    for members in asked.members:
        if not ready[members].all():
            break
        rows.append(members)
    return rows


def _sums(
    asked: Question, measure: Measure, units: Sequence[IntArray]
) -> Iterator[tuple[float, int]]:
    assert asked.base is not None
    low, high = (ends[asked.variant] for ends in measure.bounds())
    for rows in units:
        known = rows[~np.isnan(low[rows])]
        if len(known):
            base = asked.base[known]
            best = high[known] - base if asked.sign > 0 else base - low[known]
            yield float(best.sum()), len(known)


def _tonight(
    asked: Question, measure: Measure, done: IntArray, units: Sequence[IntArray]
) -> Tonight:
    assert asked.base is not None
    rows = np.concatenate(units) if units else np.empty(0, dtype=np.int64)
    d = measure.mean[asked.variant][rows] - asked.base[rows]
    d = d[~np.isnan(d)]
    return Tonight(
        mean=float(d.mean()) if len(d) else None,
        error=sqrt((asked.variance or 0.25) / len(d)) if len(d) else None,
        cases=len(rows),
        n_missing=int(measure.missing[asked.variant][rows].sum()),
        n_recorded=int(done[asked.variant][rows].sum()),
    )


def night_result(watched: Watched, variant: str, nights: int) -> RuleResult:
    """What a question's evidence says after tonight."""
    asked = watched.test.question
    mean = watched.tonight.mean
    moved = "nothing seen" if mean is None else f"tonight {in_points(mean)}"
    evidence = f"evidence {watched.after:.3g} of {watched.alarm:g}"
    told = f"{evidence} after {counted(nights, 'night')}; {moved}"
    outcome: RuleOutcome
    if not watched.is_measured:
        outcome, why = "unmeasured", f"more than 5% of tonight's answers are missing ({told})"
    elif watched.is_alarm:
        outcome, why = "regression", f"a loss over the nights ({told})"
    else:
        outcome, why = "pass", f"no alarm ({told})"
    return RuleResult(
        subject=asked.subject,
        bound=asked.bound,
        limit=asked.limit,
        variant=variant,
        outcome=outcome,
        why=why,
        method="CUSUM over nights",
        tag=asked.tag,
        baseline=asked.banked,
        value=mean,
        e_fail=watched.after,
        units=len(asked.members),
        seen=watched.tonight.cases,
        n_missing=watched.tonight.n_missing,
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether nights differ by more than chance: ``p`` that nights of one mean differ as much.

    ``between`` is the standard deviation of their true means, by which an error is to be widened
    once they do.
    """

    p: float
    between: float

    @property
    def is_there(self) -> bool:
        """Whether what lies behind the API moves from night to night."""
        return self.p < DRIFT

    def widened(self, error: float) -> float:
        """The error of a night's mean, with the part between nights where there is drift."""
        return hypot(error, self.between) if self.is_there else error


def drift_of(nights: Sequence[tuple[float, float]]) -> Drift | None:
    """Chi-square of equal means and, by its excess, the variance between (DerSimonian, Laird 1986).

    ``nights`` are means with their standard errors; None for fewer than three.
    """
    if len(nights) < 3:
        return None
    means, errors = np.array(nights, dtype=np.float64).T
    weights = 1 / np.maximum(errors, 1e-6) ** 2
    total = float(weights.sum())
    centre = float((weights * means).sum() / total)
    q, freedom = float((weights * (means - centre) ** 2).sum()), len(nights) - 1
    between = max(0.0, q - freedom) / (total - float((weights**2).sum()) / total)
    return Drift(chi_square_p(q, freedom), sqrt(between))
