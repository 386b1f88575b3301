"""A score that levels off with thinking: a curve to guess the next setting from, no verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np

from evalkit.stats.arrays import FloatArray

MIN_SETTINGS = 4
_FLAT = 1e-9
_HALVES = 120
"""So many half-way points are tried, evenly apart in their logarithm."""


@dataclass(frozen=True, slots=True)
class Saturation:
    """``highest - (highest - lowest) x 2^(-tokens / half)``.

    ``half`` thinking tokens gain half of all that thinking can.
    """

    lowest: float
    highest: float
    half: float

    def score(self, tokens: float) -> float:
        """The score at so many thinking tokens."""
        return float(self.highest - (self.highest - self.lowest) * 2 ** (-tokens / self.half))

    def tokens_for(self, score: float) -> float | None:
        """The thinking tokens at which the curve reaches a score; None beyond its ends."""
        if not self.lowest < score < self.highest:
            return None
        return self.half * log2((self.highest - self.lowest) / (self.highest - score))


def fit_saturation(
    tokens: FloatArray, scores: FloatArray, weights: FloatArray
) -> Saturation | None:
    """The rising curve closest to the scores in weighted squares.

    None for fewer than four settings, tokens that do not grow, or scores that do not rise. For
    each half-way point the other two numbers follow by linear least squares.
    """
    if len(tokens) < MIN_SETTINGS or tokens.max() <= 0 or len(np.unique(tokens)) < MIN_SETTINGS:
        return None
    least = tokens[tokens > 0].min() / 4
    root = np.sqrt(weights)
    best: tuple[float, Saturation] | None = None
    for half in np.geomspace(least, 4 * tokens.max(), _HALVES):
        gained = 1 - 2 ** (-tokens / half)
        design = np.stack([1 - gained, gained], axis=1)
        found, *_ = np.linalg.lstsq(design * root[:, None], scores * root, rcond=None)
        curve = Saturation(float(found[0]), float(found[1]), float(half))
        miss = float((weights * (design @ found - scores) ** 2).sum())
        if curve.highest > curve.lowest + _FLAT and (best is None or miss < best[0]):
            best = miss, curve
    return best[1] if best else None
