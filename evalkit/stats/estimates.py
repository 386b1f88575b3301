"""One mean and its interval: Wilson on an effective sample size."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    ``low``/``high`` are None where no interval can be had (then ``note`` says why); ``value`` is
    None only when there was nothing to estimate from. ``n`` counts rows, ``units`` independent
    units (clusters, or rows), ``n_eff`` the effective size the interval was computed with, ``df``
    the degrees of freedom of Student's t (None: the normal distribution).
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n: int
    units: int
    n_eff: float | None
    confidence: float
    method: str
    note: str | None = None
    df: int | None = None


def without_interval(value: float | None, n: int, confidence: float) -> Estimate:
    """What can be said of no row at all, or of a single independent unit."""
    if n == 0:
        return Estimate(None, None, None, None, 0, 0, None, confidence, "none", "no scored rows")
    unit = "row" if n == 1 else "cluster"
    note = f"no interval: only one independent unit (1 {unit})"
    return Estimate(value, None, None, None, n, 1, None, confidence, "none", note)


def mean_estimate(
    scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """The mean of ``scores`` in [0, 1], one a row (average the samples of a row first).

    The standard error is the unit jackknife's; the interval is Wilson's on the effective size
    ``mean (1 - mean) / variance`` with Student's t on units - 1 degrees of freedom. For plain 0/1
    rows without clusters that is Wilson's own interval (1927). It never leaves [0, 1] and never
    has zero width. Raises ``ValueError`` for a score that is not a number in [0, 1].
    """
    import numpy as np

    from evalkit.stats.distributions import critical
    from evalkit.stats.jackknife import unit_mean

    values = np.asarray(scores, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a score is not a number in [0, 1]")
    if len(values) == 0:
        return without_interval(None, 0, confidence)
    mean = unit_mean(values, clusters)
    if mean.variance is None:
        return without_interval(mean.value, mean.n, confidence)
    is_plain = clusters is None and bool(((values == 0) | (values == 1)).all())
    df = None if is_plain else mean.units - 1
    spread = mean.value * (1 - mean.value)
    has_spread = mean.variance > 0 and spread > 0 and not is_plain
    n_eff = spread / mean.variance if has_spread else float(mean.units)
    low, high = wilson(mean.value, n_eff, critical(confidence, df))
    return Estimate(
        value=mean.value,
        low=low,
        high=high,
        se=sqrt(mean.variance),
        n=mean.n,
        units=mean.units,
        n_eff=n_eff,
        confidence=confidence,
        method="Wilson" if df is None else f"Wilson on effective n, t({df})",
        note="no variation: cached answers?" if mean.variance == 0 and spread > 0 else None,
        df=df,
    )


def wilson(share: float, n: float, critical_value: float) -> tuple[float, float]:
    """Wilson's score interval for a ``share`` seen in ``n`` (not necessarily whole) trials."""
    c2 = critical_value**2
    middle = share + c2 / (2 * n)
    reach = critical_value * sqrt(share * (1 - share) / n + c2 / (4 * n * n))
    low, high = (middle - reach) / (1 + c2 / n), (middle + reach) / (1 + c2 / n)
    return (0.0 if share == 0 else max(0.0, low)), (1.0 if share == 1 else min(1.0, high))


def quantile(values: npt.ArrayLike, share: float) -> float | None:
    """The value that ``share`` of ``values`` do not exceed, interpolated; None for no values."""
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    return float(np.quantile(numbers, share)) if len(numbers) else None
