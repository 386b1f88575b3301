"""Seeded resampling of whole units: what may happen to several means at once.

Up to ``RESAMPLED`` units are drawn with replacement; beyond, means are as good as normal and are
drawn from the normal distribution with the jackknife's covariances, which takes a fraction of the
time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.jackknife import unit_sums

DRAWS = 2_000
RESAMPLED = 2_000


def resampled_means(
    columns: FloatArray, clusters: npt.ArrayLike | None = None, *, seed: int
) -> FloatArray:
    """``DRAWS`` resampled mean vectors of ``columns`` (rows x columns, no nan): draws x columns.

    Units (clusters, else rows) are drawn whole. Raises ``ValueError`` for fewer than two units.
    """
    sums = np.stack([unit_sums(column, clusters)[0] for column in columns.T], axis=1)
    _, sizes = unit_sums(columns[:, 0], clusters)
    units, n = len(sizes), len(columns)
    if units < 2:
        raise ValueError("resampling needs two independent units")
    rng = np.random.default_rng(seed)
    if units <= RESAMPLED:
        # In an order of their own, so that the order of rows decides nothing.
        order = np.lexsort((*sums.T, sizes))
        sums, sizes = sums[order], sizes[order]
        counts = rng.multinomial(units, np.full(units, 1 / units), size=DRAWS).astype(np.float64)
        drawn: FloatArray = (counts @ sums) / (counts @ sizes)[:, None]
        return drawn
    without = (sums.sum(axis=0) - sums) / (n - sizes)[:, None]
    apart = without - without.mean(axis=0)
    covariance = (units - 1) / units * (apart.T @ apart)
    return rng.multivariate_normal(sums.sum(axis=0) / n, covariance, size=DRAWS, method="eigh")


def max_t_critical(drawn: FloatArray, confidence: float = 0.95) -> float:
    """How many standard errors make bands that hold for all columns' means at once (max-T).

    ``drawn`` are :func:`resampled_means`. Never below the normal critical value of a single one;
    columns that do not vary say nothing.
    """
    from evalkit.stats.distributions import critical

    spread = drawn.std(axis=0)
    varies = spread > 1e-12
    if not varies.any():
        return critical(confidence, None)
    apart = np.abs(drawn[:, varies] - drawn[:, varies].mean(axis=0)) / spread[varies]
    return max(critical(confidence, None), float(np.quantile(apart.max(axis=1), confidence)))
