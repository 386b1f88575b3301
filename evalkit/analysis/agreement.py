"""How far variants agree case by case, whatever they score on average.

A case counts as right for a variant from a mean score of one half on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalkit.analysis.outcomes import CaseScores
from evalkit.analysis.trials import Trials
from evalkit.stats.agreement import cohen_kappa
from evalkit.stats.estimates import Estimate, mean_estimate

MAX_VARIANTS = 12
"""Of more variants the first so many are held against one another."""
RIGHT_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two variants are both right or both not, over the cases that both have a score of.

    ``kappa`` is Cohen's, agreement beyond chance; None where chance leaves no room for any.
    """

    one: str
    other: str
    n_cases: int
    share: Estimate
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Unanimity:
    """Of the ``n_cases`` that every variant has a score of, those all or none got right."""

    n_cases: int
    n_all_right: int
    n_none_right: int


def agreements(trials: Trials, cases: CaseScores, confidence: float) -> Iterator[Agreement]:
    """Every pair of variants, in the order of the suite."""
    clusters = trials.cases.clusters
    for one, other in combinations(range(min(len(trials.variants), MAX_VARIANTS)), 2):
        both = ~np.isnan(cases.mean[one]) & ~np.isnan(cases.mean[other])
        first = (cases.mean[one][both] >= RIGHT_FROM).astype(np.int64)
        second = (cases.mean[other][both] >= RIGHT_FROM).astype(np.int64)
        same = (first == second).astype(np.float64)
        yield Agreement(
            one=trials.variants[one].key,
            other=trials.variants[other].key,
            n_cases=len(same),
            share=mean_estimate(same, None if clusters is None else clusters[both], confidence),
            kappa=cohen_kappa(first, second) if len(same) else None,
        )


def unanimity(cases: CaseScores) -> Unanimity | None:
    """What all variants together solve and fail; None with fewer than two."""
    if len(cases.mean) < 2:
        return None
    whole = ~np.isnan(cases.mean).any(axis=0)
    right = (cases.mean[:, whole] >= RIGHT_FROM).sum(axis=0)
    return Unanimity(
        n_cases=int(whole.sum()),
        n_all_right=int((right == len(cases.mean)).sum()),
        n_none_right=int((right == 0).sum()),
    )
