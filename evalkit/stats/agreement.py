"""How far raters agree: Cohen's kappa, Gwet's AC1, Krippendorff's alpha, Fleiss' kappa.

Kappa collapses where nearly all ratings are alike, whatever the agreement; AC1 does not, so that
both are given. Ratings are whole numbers, -1 where one is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.bootstrap import bca_limits

DRAWS = 2_000

TableStatistic = Callable[[FloatArray], FloatArray]
"""Tables of two raters' ratings in the last two axes in, one agreement each out (nan: none)."""


def rating_table(first: IntArray, second: IntArray) -> FloatArray:
    """How often which rating of one rater met which of the other; a row and a column a kind."""
    kinds = np.union1d(first, second)
    place = np.searchsorted(kinds, first) * len(kinds) + np.searchsorted(kinds, second)
    counts = np.bincount(place, minlength=len(kinds) ** 2).astype(np.float64)
    return np.asarray(counts.reshape(len(kinds), len(kinds)), dtype=np.float64)


def kappa_of(tables: FloatArray) -> FloatArray:
    """Cohen's kappa of each table; nan where habit alone explains all agreement."""
    shares, observed = _shares(tables)
    by_habit = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
    return _beyond(observed, by_habit)


def ac1_of(tables: FloatArray) -> FloatArray:
    """Gwet's (2008) AC1 of each table; nan where only one kind of rating occurs."""
    shares, observed = _shares(tables)
    kinds = shares.shape[-1]
    if kinds < 2:
        return np.full(observed.shape, np.nan)
    means = (shares.sum(axis=-1) + shares.sum(axis=-2)) / 2
    by_chance = (means * (1 - means)).sum(axis=-1) / (kinds - 1)
    return _beyond(observed, np.where((means > 0).sum(axis=-1) < 2, 1.0, by_chance))


def _shares(tables: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each table's shares and the part on its diagonal, where the raters agree."""
    shares = tables / tables.sum(axis=(-2, -1), keepdims=True)
    return shares, np.trace(shares, axis1=-2, axis2=-1)


def _beyond(observed: FloatArray, expected: FloatArray) -> FloatArray:
    room = 1 - expected
    is_open = room > 1e-12
    return np.asarray(
        np.where(is_open, (observed - expected) / np.where(is_open, room, 1.0), np.nan)
    )


def cohen_kappa(first: IntArray, second: IntArray) -> float | None:
    """Agreement of two raters beyond that of their own habits; None where those leave no room."""
    return _known(kappa_of(rating_table(first, second)))


def gwet_ac1(first: IntArray, second: IntArray) -> float | None:
    """Gwet's (2008) AC1 of two raters; None where only one kind of rating occurs."""
    return _known(ac1_of(rating_table(first, second)))


def _known(value: FloatArray) -> float | None:
    return None if np.isnan(value) else float(value)


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


def agreement_interval(
    first: IntArray,
    second: IntArray,
    statistic: TableStatistic,
    clusters: IntArray | None = None,
    *,
    seed: int,
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """The BCa interval of ``kappa_of`` or ``ac1_of`` over resampled units; None: it has none.

    Units are ``clusters`` of subjects, else subjects. Draws without a value are left out, up to
    half of them.
    """
    table = rating_table(first, second)
    kinds, counts = _unit_tables(first, second, clusters)
    observed, units = statistic(table), int(counts.sum())
    if len(kinds) < 2 or np.isnan(observed):
        return None
    rng = np.random.default_rng(seed)
    tables = rng.multinomial(units, counts / units, size=DRAWS) @ kinds
    drawn = statistic(tables.reshape(-1, *table.shape))
    drawn = drawn[~np.isnan(drawn)]
    without = np.repeat(statistic((table.ravel() - kinds).reshape(-1, *table.shape)), counts)
    if len(drawn) < DRAWS / 2:
        return None
    return bca_limits(float(observed), drawn, without[~np.isnan(without)], confidence)


def _unit_tables(
    first: IntArray, second: IntArray, clusters: IntArray | None
) -> tuple[FloatArray, IntArray]:
    """The different tables (flat) of single units, and how many units have each."""
    ratings = np.union1d(first, second)
    size = len(ratings)
    cell = np.searchsorted(ratings, first) * size + np.searchsorted(ratings, second)
    if clusters is None:
        counts = np.bincount(cell, minlength=size**2)
        seen = np.flatnonzero(counts)
        return np.eye(size**2)[seen], counts[seen]
    _, unit = np.unique(clusters, return_inverse=True)
    tables = np.zeros((int(unit.max(initial=-1)) + 1, size**2))
    np.add.at(tables, (unit, cell), 1.0)
    kinds, counts = np.unique(tables, axis=0, return_counts=True)
    return kinds, counts
