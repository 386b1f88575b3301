"""The one variance formula: leave out one independent unit at a time.

A unit is a cluster where clusters are known, else a row. For single rows the result is the
familiar s²/n; for equal clusters it is the clustered variance of Miller (2024) times G/(G-1); for
unequal clusters it is a little wider, like CR3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray

_SPARSE = 4
_ROUNDING = 1e-26
"""Below this times the number of units, a variance is rounding error of equal unit means."""


@dataclass(frozen=True, slots=True)
class UnitMean:
    """The mean of ``n`` rows in ``units`` units; ``variance`` of it, None with one unit."""

    value: float
    variance: float | None
    n: int
    units: int


def unit_sums(values: FloatArray, clusters: npt.ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """The sum and the number of rows of every unit.

    Raises ``ValueError`` where ``clusters`` has not one label a row.
    """
    if clusters is None:
        return values, np.ones(len(values))
    labels = np.asarray(clusters)
    if labels.shape != values.shape:
        raise ValueError(f"{labels.size} cluster labels for {values.size} rows")
    unit = labels if _is_dense(labels) else np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(unit)
    sums = np.asarray(np.bincount(unit, weights=values), dtype=np.float64)
    return sums[sizes > 0], sizes[sizes > 0].astype(np.float64)


def _is_dense(labels: npt.NDArray[Any]) -> bool:
    """Whether labels are small whole numbers, which can be counted without being sorted."""
    if not np.issubdtype(labels.dtype, np.integer) or not len(labels):
        return False
    return bool(labels.min() >= 0 and labels.max() < _SPARSE * len(labels))


def unit_mean(values: FloatArray, clusters: npt.ArrayLike | None = None) -> UnitMean:
    """The mean of at least one row with its delete-one-unit jackknife variance."""
    sums, sizes = unit_sums(values, clusters)
    total, n, units = float(sums.sum()), len(values), len(sums)
    if units < 2:
        return UnitMean(total / n, None, n, units)
    without = (total - sums) / (n - sizes)
    variance = float((units - 1) / units * ((without - without.mean()) ** 2).sum())
    return UnitMean(total / n, 0.0 if variance < units * _ROUNDING else variance, n, units)
