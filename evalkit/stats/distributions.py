"""Critical values and p-values of the normal and of Student's t distribution."""

from __future__ import annotations

from scipy import special


def critical(confidence: float, df: int | None) -> float:
    """The two-sided critical value at ``confidence``; ``df`` None means the normal distribution.

    A one-sided test at 5 % uses ``confidence=0.90``.
    """
    upper = 0.5 + confidence / 2
    return float(special.ndtri(upper) if df is None else special.stdtrit(df, upper))


def two_sided_p(statistic: float, df: int | None) -> float:
    """The chance of a statistic at least as far from 0 as this one."""
    lower = -abs(statistic)
    return float(min(1.0, 2 * (special.ndtr(lower) if df is None else special.stdtr(df, lower))))


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable falls with ``probability``."""
    return float(special.ndtri(probability))
