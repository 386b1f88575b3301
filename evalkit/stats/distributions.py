"""Critical values and p-values of the normal and of Student's t distribution."""

from __future__ import annotations

from math import copysign, erfc, inf, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()


def critical(confidence: float, df: float | None) -> float:
    """The two-sided critical value at ``confidence``; ``df`` None means the normal distribution.

    A one-sided test at 5 % uses ``confidence=0.90``.
    """
    upper = 0.5 + confidence / 2
    if df is None:
        return normal_quantile(upper)
    # Loaded where it is needed: it takes longer than all of numpy.
    from scipy import special

    return float(special.stdtrit(df, upper))


def two_sided_p(statistic: float, df: float | None) -> float:
    """The chance of a statistic at least as far from 0 as this one."""
    if df is None:
        return erfc(abs(statistic) / sqrt(2))
    from scipy import special

    return float(min(1.0, 2 * special.stdtr(df, -abs(statistic))))


def one_sided_p(statistic: float, df: float | None) -> float:
    """The chance of a statistic at least as high as this one."""
    if df is None:
        return erfc(statistic / sqrt(2)) / 2
    from scipy import special

    return float(special.stdtr(df, -statistic))


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable falls with ``probability``."""
    return _NORMAL.inv_cdf(probability) if 0 < probability < 1 else copysign(inf, probability - 0.5)


def chi_square_p(statistic: float, df: int) -> float:
    """The chance of a chi-square variable of ``df`` degrees of freedom at least as large."""
    from scipy import special

    return float(special.chdtrc(df, statistic))
