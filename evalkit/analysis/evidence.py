"""Two variants paired by case: what a verdict about them can rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.matching import Match
from evalkit.analysis.outcomes import CaseScores, Graded
from evalkit.analysis.trials import Cases, Trials
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.paired import Paired, pair

MIN_UNITS = 10
"""With fewer independent units there is no verdict."""
MAX_MISSING = 0.05
"""With a larger share of missing trials, what was measured is not what was asked."""

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Candidate minus baseline, case by case, and what is missing from it.

    ``paired`` is None with fewer than two independent units. ``worst`` and ``best`` take every
    missing sample at its worst and best for the candidate. Counts are of trials, baseline first.
    """

    match: Match
    values: FloatArray
    clusters: IntArray | None
    paired: Paired | None
    worst: Paired | None
    best: Paired | None
    n_unpaired: int
    recorded: tuple[int, int]
    missing: tuple[int, int]
    model_errors: tuple[int, int]

    @property
    def units(self) -> int:
        """Independent units with both scores."""
        return self.paired.units if self.paired else min(1, len(self.values))

    @property
    def is_measured(self) -> bool:
        """Whether so little is missing from both that they were measured at all."""
        return all(
            missing <= MAX_MISSING * recorded
            for missing, recorded in zip(self.missing, self.recorded, strict=True)
        )


def gather(
    trials: Trials, graded: Graded, scores: CaseScores, matches: Sequence[Match]
) -> list[Evidence]:
    """Pair the two variants of every match by case."""
    everything = np.ones_like(trials.is_answered)
    recorded = _by_variant(trials, everything)
    missing = _by_variant(trials, graded.is_missing)
    model_errors = _by_variant(trials, trials.is_model_error)
    found: list[Evidence] = []
    for match in matches:
        old, new = match.baseline, match.candidate
        values, clusters = differences(trials.cases, scores.mean[new], scores.mean[old])
        paired = worst = best = pair(values, clusters)
        if missing[old] or missing[new]:
            worst = pair(*differences(trials.cases, scores.low[new], scores.high[old]))
            best = pair(*differences(trials.cases, scores.high[new], scores.low[old]))
        has_one = np.isnan(scores.mean[old]) != np.isnan(scores.mean[new])
        found.append(
            Evidence(
                match=match,
                values=values,
                clusters=clusters,
                paired=paired,
                worst=worst,
                best=best,
                n_unpaired=int(has_one.sum()),
                recorded=(recorded[old], recorded[new]),
                missing=(missing[old], missing[new]),
                model_errors=(model_errors[old], model_errors[new]),
            )
        )
    return found


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
