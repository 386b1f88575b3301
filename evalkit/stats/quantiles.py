"""Quantiles with intervals from order statistics, for times and other skewed quantities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate, mean_estimate, without_interval
from evalkit.stats.jackknife import unit_sums


def quantile_ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """The ranks (from 1) of the order statistics between which the quantile lies.

    The largest l with P(X < l) and the smallest u with P(X >= u) at most half of 1 - confidence,
    for X ~ Bin(n, share). None where no order statistic is low or high enough: the 95th percentile
    has an upper limit from 72 values up.
    """
    tail = (1 - confidence) / 2
    least, at_most = _binomial(n, share)
    lower = least + int(np.searchsorted(at_most, tail, side="right"))
    upper = least + int(np.argmax(1 - at_most <= tail)) + 1
    return lower or None, upper if upper <= n else None


def _binomial(n: int, share: float) -> tuple[int, FloatArray]:
    """P(X <= k) for X ~ Bin(n, share), 0 < share < 1, and the k that it begins with.

    Ten standard deviations each way: what lies beyond is less than rounding. Chances follow from
    each other, and their sum is 1, so no factorial is needed.
    """
    reach = 10 * math.sqrt(n * share * (1 - share)) + 10
    least, most = max(0, int(n * share - reach)), min(n, int(n * share + reach))
    counts = np.arange(least + 1, most + 1)
    steps = np.log((n - counts + 1) / counts) + math.log(share / (1 - share))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logs - logs.max())
    return least, np.cumsum(chances) / chances.sum()


def quantile_estimate(
    values: npt.ArrayLike,
    share: float,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The quantile of at least one number per unit, with its interval.

    Independent values: order statistics. Where several values share a unit: the values for
    which the share below, with its own interval over units, is not clearly another (in the way of
    Woodruff 1952). An end is None where the values are too few to have one.
    """
    numbers = np.asarray(values, dtype=np.float64)
    n = len(numbers)
    if n == 0:
        return without_interval(None, 0, confidence)
    value = float(np.quantile(numbers, share))
    if clusters is not None:
        _, sizes = unit_sums(numbers, clusters)
        if len(sizes) < 2:
            return without_interval(value, n, confidence)
        if (sizes > 1).any():
            return _of_units(numbers, value, share, clusters, confidence)
    if n == 1:
        return without_interval(value, n, confidence)
    low, high = quantile_ranks(n, share, confidence)
    places = [rank - 1 for rank in (low, high) if rank is not None]
    ordered = np.partition(numbers, places) if places else numbers
    return Estimate(
        value=value,
        low=None if low is None else float(ordered[low - 1]),
        high=None if high is None else float(ordered[high - 1]),
        se=None,
        n=n,
        units=n,
        n_eff=float(n),
        confidence=confidence,
        method="order statistics",
        note=_missing_limit(low is None, high is None),
    )


def _of_units(
    numbers: FloatArray,
    value: float,
    share: float,
    clusters: npt.ArrayLike,
    confidence: float,
) -> Estimate:
    """All values x for which the share of numbers up to x is not clearly another than ``share``."""
    _, unit = np.unique(np.asarray(clusters), return_inverse=True)
    ordered = np.unique(numbers)

    def limits(at: int) -> tuple[float, float]:
        up_to = mean_estimate((numbers <= ordered[at]).astype(np.float64), unit, confidence)
        return up_to.low or 0.0, 1.0 if up_to.high is None else up_to.high

    units = int(unit.max()) + 1
    first = _first(len(ordered), lambda at: limits(at)[1] >= share)
    last = _first(len(ordered) - 1, lambda at: limits(at)[0] >= share)
    has_low, has_high = first > 0, last < len(ordered) - 1
    return Estimate(
        value=value,
        low=float(ordered[first]) if has_low else None,
        high=float(ordered[last]) if has_high else None,
        se=None,
        n=len(numbers),
        units=units,
        n_eff=None,
        confidence=confidence,
        method=f"inverted shares below, t({units - 1})",
        note=_missing_limit(not has_low, not has_high),
        df=units - 1,
    )


def _first(stop: int, holds: Callable[[int], bool]) -> int:
    """The first of 0 … stop - 1 for which ``holds`` is true and stays so, else ``stop``."""
    start = 0
    while start < stop:
        middle = (start + stop) // 2
        if holds(middle):
            stop = middle
        else:
            start = middle + 1
    return start


def _missing_limit(no_low: bool, no_high: bool) -> str | None:
    missing = [word for word, lacks in (("lower", no_low), ("upper", no_high)) if lacks]
    return f"no {' and no '.join(missing)} limit: too few values" if missing else None
