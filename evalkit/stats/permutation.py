"""A distribution-free check of a paired difference: flip the signs of whole units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.jackknife import unit_sums

EXACT_UNITS = 16
"""Up to this many units that are not 0, every pattern of signs is counted."""
DRAWS = 9_999

_BYTE = 8
_SIGNS = 1.0 - 2.0 * ((np.arange(256)[:, None] >> np.arange(_BYTE)) & 1)
"""The signs that the bits of a byte stand for: 256 x 8."""


def is_exact(differences: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> bool:
    """Whether :func:`sign_flip_p` counts every pattern instead of drawing some."""
    return len(_magnitudes(differences, clusters)) <= EXACT_UNITS


def sign_flip_p(
    differences: npt.ArrayLike, clusters: npt.ArrayLike | None = None, *, seed: int
) -> float:
    """Two-sided p of no difference when each unit's sign is a fair coin (Fisher 1935).

    Exact for few units; else ``(1 + hits) / (1 + DRAWS)`` over seeded draws.
    """
    sums = _magnitudes(differences, clusters)
    if len(sums) == 0:
        return 1.0
    observed = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    if len(sums) <= EXACT_UNITS:
        return float((np.abs(_all_totals(sums)) >= observed).mean())
    hits = int((np.abs(_drawn_totals(sums, seed)) >= observed).sum())
    return (1 + hits) / (1 + DRAWS)


def _magnitudes(differences: npt.ArrayLike, clusters: npt.ArrayLike | None) -> FloatArray:
    """The unit sums that a flip would change, signed."""
    sums, _ = unit_sums(np.asarray(differences, dtype=np.float64), clusters)
    changing: FloatArray = sums[sums != 0]
    return changing


def _byte_totals(sums: FloatArray) -> FloatArray:
    """For every eight units, their total under each of 256 sign patterns: units/8 x 256."""
    padded = np.zeros(-(-len(sums) // _BYTE) * _BYTE)
    padded[: len(sums)] = sums
    totals: FloatArray = padded.reshape(-1, _BYTE) @ _SIGNS.T
    return totals


def _all_totals(sums: FloatArray) -> FloatArray:
    """The total under every sign pattern (units padded with 0 only repeat them equally)."""
    totals = np.zeros(1)
    for table in _byte_totals(sums):
        totals = (totals[:, None] + table[None, :]).ravel()
    return totals


def _drawn_totals(sums: FloatArray, seed: int) -> FloatArray:
    """The total under ``DRAWS`` random sign patterns.

    Units of one size need only how many of them are positive, a binomial number; of the others,
    one random byte serves eight.
    """
    rng = np.random.default_rng(seed)
    totals = np.zeros(DRAWS)
    sizes, counts = np.unique(np.abs(sums), return_counts=True)
    is_common = counts > _BYTE
    for size, count in zip(sizes[is_common], counts[is_common], strict=True):
        totals += size * (2.0 * rng.binomial(count, 0.5, DRAWS) - count)
    for table in _byte_totals(np.repeat(sizes[~is_common], counts[~is_common])):
        totals += table[rng.integers(0, 256, size=DRAWS, dtype=np.uint8)]
    return totals
