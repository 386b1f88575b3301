"""How far raters agree: Cohen's kappa, Gwet's AC1, Krippendorff's alpha, Fleiss' kappa.

Kappa collapses where nearly all ratings are alike, whatever the agreement; AC1 does not, so that
both are given. Ratings are whole numbers, -1 where one is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray

DRAWS = 2_000


def cohen_kappa(first: IntArray, second: IntArray) -> float | None:
    """Agreement of two raters beyond that of their own habits; None where those leave no room."""
    observed = float((first == second).mean())
    kinds = np.union1d(first, second)
    by_habit = float(sum((first == kind).mean() * (second == kind).mean() for kind in kinds))
    return None if by_habit >= 1 else (observed - by_habit) / (1 - by_habit)


def gwet_ac1(first: IntArray, second: IntArray) -> float | None:
    """Gwet's (2008) AC1 of two raters; None where only one kind of rating occurs."""
    kinds = np.union1d(first, second)
    if len(kinds) < 2:
        return None
    shares = np.array([((first == kind).mean() + (second == kind).mean()) / 2 for kind in kinds])
    by_chance = float((shares * (1 - shares)).sum()) / (len(kinds) - 1)
    return (float((first == second).mean()) - by_chance) / (1 - by_chance)


def fleiss_kappa(counts: IntArray) -> float | None:
    """Agreement of many raters from ``counts``: subjects x kinds, as many ratings everywhere."""
    raters = counts.sum(axis=1)
    if len(set(raters.tolist())) != 1 or raters[0] < 2:
        raise ValueError("every subject needs the same number of ratings, at least two")
    n = float(raters[0])
    observed = float((((counts**2).sum(axis=1) - n) / (n * (n - 1))).mean())
    by_chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)


def _nominal(values: FloatArray, _: FloatArray) -> FloatArray:
    return np.asarray(values[:, None] != values[None, :], dtype=np.float64)


def _ordinal(values: FloatArray, totals: FloatArray) -> FloatArray:
    reach = np.cumsum(totals) - totals / 2
    return np.asarray((reach[:, None] - reach[None, :]) ** 2, dtype=np.float64)


def _interval(values: FloatArray, _: FloatArray) -> FloatArray:
    return np.asarray((values[:, None] - values[None, :]) ** 2, dtype=np.float64)


def _ratio(values: FloatArray, _: FloatArray) -> FloatArray:
    total = values[:, None] + values[None, :]
    apart = values[:, None] - values[None, :]
    return np.asarray(np.divide(apart, total, out=np.zeros_like(total), where=total != 0) ** 2)


_DISTANCES: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
    "ratio": _ratio,
}


def krippendorff_alpha(ratings: FloatArray, level: str = "nominal") -> float | None:
    """Agreement of any number of raters (rows) on subjects (columns), nan where one is missing.

    Krippendorff (2011); ``level`` is nominal, ordinal, interval or ratio. None where no subject
    has two ratings or all ratings are alike.
    """
    values = np.unique(ratings[~np.isnan(ratings)])
    counts = np.stack([(ratings == value).sum(axis=0) for value in values], axis=1, dtype=float)
    counts = counts[counts.sum(axis=1) >= 2]
    if len(values) < 2 or not len(counts):
        return None
    raters = counts.sum(axis=1, keepdims=True)
    weighted = counts / (raters - 1)
    coincidences = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distance = _DISTANCES[level](values, totals)
    expected = float(totals @ distance @ totals) / (float(totals.sum()) - 1)
    return None if expected == 0 else 1 - float((coincidences * distance).sum()) / expected


def bootstrap_interval(
    first: IntArray,
    second: IntArray,
    statistic: Callable[[IntArray, IntArray], float | None],
    *,
    seed: int,
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """The percentile interval of an agreement over resampled subjects; None where it has none."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(first), size=(DRAWS, len(first)))
    found = [statistic(first[pick], second[pick]) for pick in picks]
    values = [one for one in found if one is not None]
    if len(values) < DRAWS / 2:
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
