"""How others look at data while it comes in, to hold our gate against.

Group-sequential bounds by spending error (Lan, DeMets 1983), and for means of bounded values the
hedged betting and the empirical-Bernstein confidence sequences (Waudby-Smith, Ramdas 2024, arXiv
2010.09686), with the choices of their authors' program. No verdict rests on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import e, log, sqrt
from typing import Literal

import numpy as np

from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import normal_quantile, one_sided_p

_NODES = 96
"""So many points of Gauss and Legendre integrate the density between two looks."""
_REACH = 9.0
"""Statistics beyond so many standard errors do not matter."""


def spending_bounds(
    fractions: Sequence[float], alpha: float, kind: Literal["obf", "pocock"] = "obf"
) -> list[float]:
    """One-sided critical values at looks after these ``fractions`` of the data.

    Error is spent as O'Brien and Fleming's or Pocock's bounds would (Lan, DeMets 1983), by
    numerical integration (Armitage, McPherson, Rowe 1969). Raises ``ValueError`` for fractions that
    do not rise to at most 1.
    """
    if not fractions or list(fractions) != sorted(set(fractions)) or fractions[0] <= 0:
        raise ValueError("the fractions must rise from above 0")
    if fractions[-1] > 1:
        raise ValueError("the fractions must not exceed 1")
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # The score process among paths that have not crossed yet: places and chances.
    places, chances = np.zeros(1), np.ones(1)
    bounds: list[float] = []
    spent = before = 0.0
    for fraction in fractions:
        deviation = sqrt(fraction - before)
        share = _spent(fraction, alpha, kind) - spent
        bound = _bound(places, chances, deviation, share, _REACH * sqrt(fraction))
        bounds.append(bound / sqrt(fraction))
        low = -_REACH * sqrt(fraction)
        inner = (bound - low) / 2 * (nodes + 1) + low
        density = _normal((inner[:, None] - places) / deviation) @ chances / deviation
        places, chances = inner, density * weights * (bound - low) / 2
        spent, before = spent + share, fraction
    return bounds


def _bound(
    places: FloatArray, chances: FloatArray, deviation: float, share: float, high: float
) -> float:
    """Where so large a share of what is left crosses at the next look, by bisection."""
    low = -high
    for _ in range(80):
        middle = (low + high) / 2
        beyond = sum(
            chance * one_sided_p((middle - place) / deviation, None)
            for place, chance in zip(places.tolist(), chances.tolist(), strict=True)
        )
        low, high = (middle, high) if beyond > share else (low, middle)
    return high


def _spent(fraction: float, alpha: float, kind: str) -> float:
    """The error spent by then."""
    if kind == "pocock":
        return alpha * log(1 + (e - 1) * fraction)
    return 2 * one_sided_p(normal_quantile(1 - alpha / 2) / sqrt(fraction), None)


def _normal(values: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-(values**2) / 2) / sqrt(2 * np.pi)
    return density


def bets(values: FloatArray, alpha: float) -> FloatArray:
    """The predictable plug-in stakes: each from the values before it alone."""
    t = np.arange(1, len(values) + 1)
    means = (0.5 + np.cumsum(values)) / (t + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    stakes: FloatArray = np.sqrt(2 * log(1 / alpha) / (t * np.log(1 + t) * before))
    return stakes


def betting_martingale(
    values: FloatArray, null: float, alpha: float = 0.05, stakes: FloatArray | None = None
) -> FloatArray:
    """The wealth after each value of bets that the mean of values in [0, 1] exceeds ``null``."""
    staked = bets(values, alpha) if stakes is None else stakes
    return np.asarray(np.cumprod(1 + np.minimum(staked, 0.5 / null) * (values - null)))


def hedged_interval(
    values: FloatArray, alpha: float = 0.05, steps: int = 1_000
) -> tuple[float, float]:
    """The means against which neither of two half-stakes has won 1/alpha at the end."""
    stakes = bets(values, alpha / 2)
    kept = []
    for mean in np.linspace(0, 1, steps + 1):
        up = np.minimum(stakes, 0.5 / mean if mean > 0 else np.inf)
        down = np.minimum(stakes, 0.5 / (1 - mean) if mean < 1 else np.inf)
        rise = np.log1p(up * (values - mean)).sum()
        fall = np.log1p(-down * (values - mean)).sum()
        if max(rise, fall) < log(2 / alpha):
            kept.append(mean)
    return max(0.0, float(kept[0]) - 1 / steps), min(1.0, float(kept[-1]) + 1 / steps)


def empirical_bernstein(values: FloatArray, alpha: float = 0.05) -> tuple[float, float]:
    """The predictable-mixture empirical-Bernstein confidence sequence at the end."""
    return _bernstein_limit(values, alpha), 1 - _bernstein_limit(1 - values, alpha)


def _bernstein_limit(values: FloatArray, alpha: float) -> float:
    """The lower limit of two."""
    stakes = np.minimum(bets(values, alpha / 2), 0.5)
    means = np.cumsum(values) / np.arange(1, len(values) + 1)
    before = np.concatenate([[0.0], means[:-1]])
    growth = (values - before) ** 2 * (-np.log1p(-stakes) - stakes)
    limit = (stakes @ values - log(2 / alpha) - growth.sum()) / stakes.sum()
    return max(0.0, float(limit))
