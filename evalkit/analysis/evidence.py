"""Two variants held against each other by case: what a verdict about them can rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.matching import Match
from evalkit.analysis.options import Estimand
from evalkit.analysis.outcomes import CaseScores, Graded
from evalkit.analysis.trials import Cases, Trials
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.fixed import Drawn, fixed_pair
from evalkit.stats.paired import Paired, difference_estimate, pair
from evalkit.stats.ratios import amount_estimate
from evalkit.stats.unpaired import Unpaired, unpaired

MIN_UNITS = 10
"""With fewer independent units there is no verdict."""
MAX_MISSING = 0.05
"""With a larger share of missing trials, what was measured is not what was asked."""

_ROUNDING = 1e-12
_Tested = Paired | Unpaired | None
_Test = Callable[[Cases, FloatArray, FloatArray], _Tested]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Candidate minus baseline, case by case, and what is missing from it.

    ``test`` is what decides: None with fewer than two independent units, unpaired where fewer than
    half of the cases have both scores. ``worst`` and ``best`` take every missing sample at its
    worst and best for the candidate. Counts are of trials, baseline first. ``noise`` is the part
    of a difference's variance that more samples would remove, ``within`` the variance of one
    sample of both together (None: every case has one sample). ``n_identical`` counts cases on
    which both hold one stored answer. ``correlation`` is that of both scores over cases,
    ``failures`` the difference in the share of failed trials (None: none failed). ``is_fixed``:
    the test speaks of these cases alone, of which only answers are drawn.
    """

    match: Match
    values: FloatArray
    clusters: IntArray | None
    test: Paired | Unpaired | None
    worst: Paired | Unpaired | None
    best: Paired | Unpaired | None
    n_unpaired: int
    recorded: tuple[int, int]
    missing: tuple[int, int]
    model_errors: tuple[int, int]
    elapsed_s: Estimate | None = None
    cost_usd: Estimate | None = None
    noise: float | None = None
    within: float | None = None
    n_identical: int = 0
    correlation: float | None = None
    failures: Paired | None = None
    is_fixed: bool = False

    @property
    def units(self) -> int:
        """Independent units with both scores (or, unpaired, with the rarer one)."""
        return self.test.units if self.test else min(1, len(self.values))

    @property
    def equal_units(self) -> float:
        """How many clusters of equal size would tell as much as those of unequal size do.

        Kish's (1965) effective number; few large clusters carry a mean that many small ones join.
        """
        if self.clusters is None or not len(self.values):
            return float(self.units)
        sizes = np.unique(self.clusters, return_counts=True)[1].astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    @property
    def is_paired(self) -> bool:
        """Whether at least half of the cases that have a score have both."""
        return self.n_unpaired <= len(self.values)

    def difference(self, confidence: float) -> Estimate:
        """The difference with its interval, by the method that decides."""
        if self.test is not None:
            return self.test.estimate(confidence)
        return difference_estimate(self.values, self.clusters, confidence)

    @property
    def is_measured(self) -> bool:
        """Whether so little is missing from both that they were measured at all."""
        return all(
            missing <= MAX_MISSING * recorded
            for missing, recorded in zip(self.missing, self.recorded, strict=True)
        )


def gather(
    trials: Trials,
    graded: Graded,
    scores: CaseScores,
    matches: Sequence[Match],
    estimand: Estimand = "population",
) -> list[Evidence]:
    """Pair the two variants of every match by case."""
    everything = np.ones_like(trials.is_answered)
    recorded = _by_variant(trials, everything)
    missing = _by_variant(trials, graded.is_missing)
    model_errors = _by_variant(trials, trials.is_model_error)
    elapsed, cost = (
        trials.case_means(np.where(trials.is_answered, trials.numbers[name], np.nan))
        for name in ("elapsed_s", "cost_usd")
    )
    failed = None
    if not trials.is_answered.all():
        failed = trials.case_means((~trials.is_answered).astype(np.float64))
    found: list[Evidence] = []
    for match in matches:
        old, new = match.baseline, match.candidate
        values, clusters = differences(trials.cases, scores.mean[new], scores.mean[old])
        n_unpaired = int((np.isnan(scores.mean[old]) != np.isnan(scores.mean[new])).sum())
        is_paired = n_unpaired <= len(values)
        fixed = _fixed(scores, new, old) if estimand == "dataset" and is_paired else None
        decide = _paired if is_paired else _unpaired
        test, worst, best = fixed or _sampled(decide, trials.cases, scores, new, old)
        noise, within = _sampling_noise(scores, new, old)
        found.append(
            Evidence(
                match=match,
                values=values,
                clusters=clusters,
                test=test,
                worst=worst,
                best=best,
                n_unpaired=n_unpaired,
                recorded=(recorded[old], recorded[new]),
                missing=(missing[old], missing[new]),
                model_errors=(model_errors[old], model_errors[new]),
                elapsed_s=_amount(trials.cases, elapsed[new], elapsed[old]),
                cost_usd=_amount(trials.cases, cost[new], cost[old]),
                noise=noise,
                within=within,
                n_identical=_identical(trials, new, old),
                correlation=_correlation(scores.mean[new], scores.mean[old]),
                is_fixed=fixed is not None,
                failures=None if failed is None else _failures(trials.cases, failed, match),
            )
        )
    return found


def _sampled(
    decide: _Test, cases: Cases, scores: CaseScores, new: int, old: int
) -> tuple[_Tested, _Tested, _Tested]:
    """For all cases like these: as they are, at worst and at best."""
    test = decide(cases, scores.mean[new], scores.mean[old])
    if scores.low is scores.mean:  # nothing is missing
        return test, test, test
    worst = decide(cases, scores.low[new], scores.high[old])
    return test, worst, decide(cases, scores.high[new], scores.low[old])


def _paired(cases: Cases, candidate: FloatArray, baseline: FloatArray) -> Paired | None:
    return pair(*differences(cases, candidate, baseline))


def _fixed(scores: CaseScores, new: int, old: int) -> tuple[Paired, Paired, Paired] | None:
    """On these cases alone: as they are, at worst and at best; None without repeated samples."""
    both = ~np.isnan(scores.mean[new]) & ~np.isnan(scores.mean[old])
    if scores.drawn(new, both) is None or scores.drawn(old, both) is None:
        return None

    def pair_of(ours: FloatArray, theirs: FloatArray) -> Paired:
        known = ~np.isnan(ours[new]) & ~np.isnan(theirs[old])
        sides = [
            Drawn(
                means[row][known],
                scores.within[row][known],
                np.maximum(scores.samples[row][known], 1),
            )
            for means, row in ((ours, new), (theirs, old))
        ]
        return fixed_pair(*sides)

    return (
        pair_of(scores.mean, scores.mean),
        pair_of(scores.low, scores.high),
        pair_of(scores.high, scores.low),
    )


def _unpaired(cases: Cases, candidate: FloatArray, baseline: FloatArray) -> Unpaired | None:
    means = []
    for scores in (candidate, baseline):
        known = ~np.isnan(scores)
        clusters = None if cases.clusters is None else cases.clusters[known]
        means.append(mean_estimate(np.clip(scores[known], 0.0, 1.0), clusters))
    return unpaired(*means)


def _correlation(candidate: FloatArray, baseline: FloatArray) -> float | None:
    """Pearson's, over the cases that have both scores; None where one of them does not vary."""
    both = ~np.isnan(candidate) & ~np.isnan(baseline)
    one, other = candidate[both], baseline[both]
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.clip(np.corrcoef(one, other)[0, 1], -1.0, 1.0))


def _failures(cases: Cases, failed: FloatArray, match: Match) -> Paired | None:
    """The difference in the share of failed trials; None where neither variant has any."""
    ours, theirs = failed[match.candidate], failed[match.baseline]
    if np.nansum(ours) == 0 and np.nansum(theirs) == 0:
        return None
    return _paired(cases, ours, theirs)


def _amount(cases: Cases, candidate: FloatArray, baseline: FloatArray) -> Estimate | None:
    """The mean difference of an amount on the cases that have both; None where none has."""
    both = ~np.isnan(candidate) & ~np.isnan(baseline)
    if not both.any():
        return None
    clusters = None if cases.clusters is None else cases.clusters[both]
    return amount_estimate(candidate[both] - baseline[both], clusters)


def _sampling_noise(scores: CaseScores, new: int, old: int) -> tuple[float | None, float | None]:
    noise = within = 0.0
    for row in (new, old):
        spread, k = scores.within[row], scores.samples[row]
        if np.isnan(spread).all():
            return None, None
        mean = float(np.nanmean(spread))
        seen = k > 0
        noise += float((np.where(np.isnan(spread), mean, spread)[seen] / k[seen]).mean())
        within += mean
    return noise, within


def _identical(trials: Trials, new: int, old: int) -> int:
    """On how many cases both variants hold the same stored answers and no others."""
    if (trials.shared < 0).all():
        return 0
    held: list[dict[int, set[int]]] = []
    for row in (new, old):
        rows = np.flatnonzero((trials.variant == row) & trials.is_answered)
        of_case: dict[int, set[int]] = {}
        for case, answer in zip(
            trials.case[rows].tolist(), trials.shared[rows].tolist(), strict=True
        ):
            of_case.setdefault(case, set()).add(answer)
        held.append(of_case)
    one, other = held
    return sum(answers == other.get(case) and -1 not in answers for case, answers in one.items())


def differences(
    cases: Cases, candidate: FloatArray, baseline: FloatArray
) -> tuple[FloatArray, IntArray | None]:
    """Candidate minus baseline for every case that has both, and the clusters of those cases."""
    both = ~np.isnan(candidate) & ~np.isnan(baseline)
    difference = candidate[both] - baseline[both]
    difference[np.abs(difference) < _ROUNDING] = 0.0
    return difference, None if cases.clusters is None else cases.clusters[both]


def _by_variant(trials: Trials, flag: BoolArray) -> list[int]:
    """How many trials of each variant carry a flag."""
    counts = np.bincount(trials.variant[flag], minlength=len(trials.variants))
    return [int(count) for count in counts]
