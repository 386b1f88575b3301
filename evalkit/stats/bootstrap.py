"""Bootstrap intervals of any statistic, bias-corrected and accelerated (Efron 1987).

For what has no formula. Seeded; whole units (clusters, else rows) are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import normal_quantile, one_sided_p

DRAWS = 39_999
_CELLS = 4_000_000
"""So many numbers are resampled at a time."""

Statistic = Callable[[FloatArray], FloatArray]
"""Values along the last axis in, one number for each set out."""


def bca_interval(
    values: npt.ArrayLike,
    statistic: Statistic,
    clusters: npt.ArrayLike | None = None,
    *,
    seed: int,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> tuple[float, float] | None:
    """The BCa interval of ``statistic`` over ``values``; None with fewer than two units.

    None too where the statistic does not vary, or where some units leave it without a value.
    Raises ``ValueError`` for a value that is not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("a value is not a finite number")
    if clusters is None:
        numbers = np.sort(numbers)  # so that the order of rows decides nothing
    groups = _units(numbers, clusters)
    if len(groups) < 2:
        return None
    observed = float(statistic(numbers))
    without = np.array([float(statistic(_joined(groups, leave))) for leave in range(len(groups))])
    drawn = _drawn(numbers, groups, statistic, seed, draws, is_plain=clusters is None)
    return bca_limits(observed, drawn, without, confidence)


def bca_limits(
    observed: float, drawn: FloatArray, without: FloatArray, confidence: float = 0.95
) -> tuple[float, float] | None:
    """The interval from a statistic, its resampled values and those ``without`` one unit each.

    None where they do not vary, or where one of them has no value.
    """
    if not (np.isfinite(without).all() and np.isfinite(drawn).all()) or np.ptp(drawn) == 0:
        return None
    least = 1 / (2 * len(drawn))
    below = float((drawn < observed).mean() + (drawn == observed).mean() / 2)
    bias = normal_quantile(min(max(below, least), 1 - least))
    moved = acceleration(without)
    levels = [_level(bias, moved, share) for share in ((1 - confidence) / 2, (1 + confidence) / 2)]
    low, high = np.quantile(drawn, levels)
    return float(low), float(high)


def acceleration(without: FloatArray) -> float:
    """How fast the spread changes with the value, from the statistic without each unit in turn."""
    apart = without.mean() - without
    spread = float((apart**2).sum()) ** 1.5
    return float((apart**3).sum()) / (6 * spread) if spread > 0 else 0.0


def _level(bias: float, accelerated: float, share: float) -> float:
    """The quantile of the draws that stands for a ``share`` of the normal distribution."""
    moved = bias + normal_quantile(share)
    return one_sided_p(-(bias + moved / (1 - accelerated * moved)), None)


def _units(numbers: FloatArray, clusters: npt.ArrayLike | None) -> list[FloatArray]:
    if clusters is None:
        return [numbers[at : at + 1] for at in range(len(numbers))]
    labels = np.asarray(clusters)
    return [numbers[labels == label] for label in np.unique(labels)]


def _joined(groups: list[FloatArray], leave: int) -> FloatArray:
    return np.concatenate([group for at, group in enumerate(groups) if at != leave])


def _drawn(
    numbers: FloatArray,
    groups: list[FloatArray],
    statistic: Statistic,
    seed: int,
    draws: int,
    *,
    is_plain: bool,
) -> FloatArray:
    rng = np.random.default_rng(seed)
    if not is_plain:
        picks = rng.integers(0, len(groups), size=(draws, len(groups)))
        found = [float(statistic(np.concatenate([groups[at] for at in pick]))) for pick in picks]
        return np.array(found)
    step = max(1, _CELLS // len(numbers))
    sizes = [min(step, draws - start) for start in range(0, draws, step)]
    return np.concatenate(
        [
            statistic(numbers[rng.integers(0, len(numbers), size=(size, len(numbers)))])
            for size in sizes
        ]
    )
