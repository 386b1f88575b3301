"""Means without bounds and ratios of means: dollars, tokens, seconds, gain per 1,000 tokens.

Variances are the unit jackknife's. A ratio's interval is Fieller's (1954): all ratios r for which
``numerator - r x denominator`` is not significantly different from 0. It stays right where the
denominator is near 0, and is unbounded where the denominator cannot be told from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, without_interval
from evalkit.stats.jackknife import unit_mean, unit_sums

_SAME = 1e-12
"""Differences of scores this close are one and the same."""


def amount_estimate(
    values: npt.ArrayLike, clusters: npt.ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """The mean of numbers of any size and sign, with Student's t on units - 1 degrees of freedom.

    Raises ``ValueError`` for a value that is not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a value is not a finite number")
    if len(numbers) == 0:
        return without_interval(None, 0, confidence)
    mean = unit_mean(numbers, clusters)
    if mean.variance is None:
        return without_interval(mean.value, mean.n, confidence)
    reach = critical(confidence, mean.units - 1) * sqrt(mean.variance)
    return Estimate(
        value=mean.value,
        low=mean.value - reach,
        high=mean.value + reach,
        se=sqrt(mean.variance),
        n=mean.n,
        units=mean.units,
        n_eff=None,
        confidence=confidence,
        method=f"t({mean.units - 1})",
        note="no variation between rows" if mean.variance == 0 else None,
        df=mean.units - 1,
    )


@dataclass(frozen=True, slots=True)
class TwoMeans:
    """Two means over the same rows, with their variances and covariance."""

    first: float
    second: float
    var_first: float
    var_second: float
    covariance: float
    n: int
    units: int


def two_means(
    first: FloatArray, second: FloatArray, clusters: npt.ArrayLike | None = None
) -> TwoMeans | None:
    """The means of two columns and how they vary together; None with fewer than two units."""
    sums, sizes = unit_sums(first, clusters)
    others, _ = unit_sums(second, clusters)
    n, units = len(first), len(sums)
    if units < 2:
        return None
    without = np.stack([(one.sum() - one) / (n - sizes) for one in (sums, others)])
    apart = without - without.mean(axis=1, keepdims=True)
    spread = (units - 1) / units * (apart @ apart.T)
    return TwoMeans(
        first=float(sums.sum()) / n,
        second=float(others.sum()) / n,
        var_first=float(spread[0, 0]),
        var_second=float(spread[1, 1]),
        covariance=float(spread[0, 1]),
        n=n,
        units=units,
    )


def ratio_estimate(
    numerator: FloatArray,
    denominator: FloatArray,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    *,
    is_difference: bool = False,
) -> Estimate:
    """The ratio of two means over the same rows with Fieller's interval.

    No value where the denominator's mean is 0, no interval (and a note) where it cannot be told
    from 0. A numerator that ``is_difference`` of scores, in [-1, 1], and never varies is taken to
    be as uncertain as Tango's interval has it: few rows that all agree prove nothing.
    """
    n = len(numerator)
    means = two_means(numerator, denominator, clusters) if n else None
    if means is None:
        below = float(denominator.mean()) if n else 0.0
        return without_interval(float(numerator.mean()) / below if below else None, n, confidence)
    value = means.first / means.second if means.second else None
    limit = critical(confidence, means.units - 1)
    if is_difference and np.ptp(numerator) < _SAME:
        means = replace(means, var_first=(limit / (means.units + limit**2)) ** 2, covariance=0.0)
    ends = fieller(means, limit)
    low, high = ends or (None, None)
    return Estimate(
        value=value,
        low=low,
        high=high,
        se=None,
        n=n,
        units=means.units,
        n_eff=None,
        confidence=confidence,
        method=f"Fieller, t({means.units - 1})",
        note=None if ends else "unbounded: what it is divided by cannot be told from 0",
        df=means.units - 1,
    )


def fieller(means: TwoMeans, critical_value: float) -> tuple[float, float] | None:
    """The ends of the interval of ``first / second``; None where it is unbounded."""
    c2 = critical_value**2
    a = means.second**2 - c2 * means.var_second
    if a <= 0:
        return None
    b = means.first * means.second - c2 * means.covariance
    c = means.first**2 - c2 * means.var_first
    root = sqrt(max(0.0, b * b - a * c))
    return (b - root) / a, (b + root) / a
