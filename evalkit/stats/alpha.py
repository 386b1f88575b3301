"""Krippendorff's alpha of grades (interval data) with a bootstrap interval, in sums over subjects.

For squared differences both parts of alpha are sums over subjects, so that a resample is a weighted
sum and thousands of them cost little: Krippendorff (2011), "Computing Krippendorff's
Alpha-Reliability"; resampling subjects as in Hayes and Krippendorff (2007).
Tests hold it against that of NLTK.
"""

from __future__ import annotations

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray

DRAWS = 2_000
_MOST_CELLS = 4_000_000


def interval_alpha(ratings: FloatArray) -> float | None:
    """Agreement of raters (rows) on subjects (columns), nan where a rating is missing.

    None where no subject has two ratings, or all ratings are alike.
    """
    sums = _sums(ratings)
    value = float(_alpha(sums.sum(axis=0))) if len(sums) else float("nan")
    return None if np.isnan(value) else value


def interval_alpha_limits(
    ratings: FloatArray,
    *,
    seed: int,
    clusters: IntArray | None = None,
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """The percentile interval of :func:`interval_alpha` over resampled subjects.

    ``clusters`` are numbers from 0 on, one a subject, of those that are drawn together. None where
    most resamples have no alpha.
    """
    sums = _sums(ratings, clusters)
    if len(sums) < 2:
        return None
    rng = np.random.default_rng(seed)
    chunk = max(1, _MOST_CELLS // len(sums))
    even = np.full(len(sums), 1 / len(sums))
    found = [
        _alpha(rng.multinomial(len(sums), even, size=min(chunk, DRAWS - done)) @ sums)
        for done in range(0, DRAWS, chunk)
    ]
    values = np.concatenate(found)
    values = values[~np.isnan(values)]
    if len(values) < DRAWS / 2:
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _sums(ratings: FloatArray, clusters: IntArray | None = None) -> FloatArray:
    """For each subject with two ratings: their number, sum, sum of squares, and disagreement.

    With ``clusters`` what these add up to in each.
    """
    is_there = ~np.isnan(ratings)
    count = is_there.sum(axis=0).astype(np.float64)
    plain = np.where(is_there, ratings, 0.0)
    total, squares = plain.sum(axis=0), (plain**2).sum(axis=0)
    # The squared differences of all ordered pairs of a subject's ratings, over one less than those.
    apart = 2 * (count * squares - total**2) / np.maximum(count - 1, 1)
    sums = np.stack([count, total, squares, apart], axis=1)
    is_rated = count >= 2
    if clusters is None:
        return np.asarray(sums[is_rated], dtype=np.float64)
    kinds, place = np.unique(clusters[is_rated], return_inverse=True)
    together = np.zeros((len(kinds), sums.shape[1]))
    np.add.at(together, place, sums[is_rated])
    return together


def _alpha(sums: FloatArray) -> FloatArray:
    """Alpha of sums over subjects; nan where chance leaves nothing to disagree about."""
    count, total, squares, apart = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    observed = apart / count
    expected = 2 * (count * squares - total**2) / (count * (count - 1))
    is_open = expected > 1e-12
    return np.asarray(np.where(is_open, 1 - observed / np.where(is_open, expected, 1.0), np.nan))
