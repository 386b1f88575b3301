"""Student's t for amounts without bounds: seconds, dollars, tokens, inches of maize.

One reduced value serves interval, test of no difference and equivalence, so that they cannot
contradict one another. For scores in [0, 1] there are better intervals: ``estimates``, ``paired``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, hypot, inf, sqrt

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import critical, one_sided_p, two_sided_p
from evalkit.stats.estimates import Estimate
from evalkit.stats.jackknife import unit_mean


@dataclass(frozen=True, slots=True)
class Tost:
    """Two one-sided tests against the ends of a range: equivalent where both p-values are small."""

    t_low: float
    p_low: float
    t_high: float
    p_high: float

    @property
    def p_value(self) -> float:
        """The larger of the two: that of "the difference lies outside the range"."""
        return max(self.p_low, self.p_high)


@dataclass(frozen=True, slots=True)
class Student:
    """A mean or a difference of means with its standard error and degrees of freedom."""

    value: float
    se: float
    df: float

    def statistic(self, x: float = 0.0) -> float:
        """How far the value lies above ``x``, in standard errors."""
        apart = self.value - x
        if self.se > 0:
            return apart / self.se
        return copysign(inf, apart) if apart else 0.0

    def p_value(self, x: float = 0.0) -> float:
        """Two-sided p of a true value of ``x``."""
        return two_sided_p(self.statistic(x), self.df)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided interval."""
        reach = critical(confidence, self.df) * self.se
        return self.value - reach, self.value + reach

    def tost(self, low: float, high: float) -> Tost:
        """Whether the true value lies between ``low`` and ``high`` (Schuirmann 1987).

        Both tests reject at 5 % exactly where the 90 % interval lies within the range. Raises
        ``ValueError`` for an empty range.
        """
        if not low < high:
            raise ValueError(f"no range of equivalence from {low} to {high}")
        above, below = self.statistic(low), self.statistic(high)
        return Tost(above, one_sided_p(above, self.df), below, one_sided_p(-below, self.df))


def student(values: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Student | None:
    """The mean of ``values``, one a row; None with fewer than two independent units.

    For paired differences this is the paired t test.
    """
    numbers = np.asarray(values, dtype=np.float64)
    mean = unit_mean(numbers, clusters) if len(numbers) else None
    if mean is None or mean.variance is None:
        return None
    return Student(mean.value, sqrt(mean.variance), mean.units - 1)


def welch(first: Estimate, second: Estimate) -> Student | None:
    """First minus second, of means on different rows with variances of their own (Welch 1947).

    None where one of them has no standard error.
    """
    means = [
        (one.value, one.se, one.units - 1)
        for one in (first, second)
        if one.value is not None and one.se is not None
    ]
    if len(means) < 2:
        return None
    (value, se, df), (other, other_se, other_df) = means
    both = hypot(se, other_se)
    shares = se**4 / df + other_se**4 / other_df
    return Student(value - other, both, both**4 / shares if shares else float(df + other_df))
