"""Flips: the cases that a comparison turns on, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.outcomes import CaseScores
from evalkit.analysis.results import Comparison
from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import FloatArray

FLIP = 0.5
"""From this difference of a case's mean score on, two variants disagree about it."""
MAX_FLIPS = 20
"""So many flips of each direction are named for each comparison."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A case and its mean scores."""

    case: str
    baseline: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Flips:
    """The cases of one comparison that the candidate won or lost by at least :data:`FLIP`.

    ``won`` and ``lost`` name the largest :data:`MAX_FLIPS` of ``n_won`` and ``n_lost``.
    """

    baseline: str
    candidate: str
    n_won: int
    n_lost: int
    won: tuple[Flip, ...]
    lost: tuple[Flip, ...]


def flips(
    trials: Trials, cases: CaseScores, comparisons: Sequence[Comparison], scorer: str
) -> Iterator[Flips]:
    """The flips of every comparison on this scorer."""
    place = {variant.key: row for row, variant in enumerate(trials.variants)}
    for one in comparisons:
        if one.scorer == scorer:
            baseline, candidate = cases.mean[place[one.baseline]], cases.mean[place[one.candidate]]
            gap = candidate - baseline
            yield Flips(
                one.baseline,
                one.candidate,
                n_won=int((gap >= FLIP).sum()),
                n_lost=int((gap <= -FLIP).sum()),
                won=tuple(_largest(trials, gap, baseline, candidate)),
                lost=tuple(_largest(trials, -gap, baseline, candidate)),
            )


def _largest(
    trials: Trials, gap: FloatArray, baseline: FloatArray, candidate: FloatArray
) -> Iterator[Flip]:
    found = np.flatnonzero(gap >= FLIP)
    for case in found[np.argsort(-gap[found], kind="stable")][:MAX_FLIPS]:
        yield Flip(trials.cases.ids[case], float(baseline[case]), float(candidate[case]))
