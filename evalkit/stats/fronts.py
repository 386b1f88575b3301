"""Curves and fronts: a rising line through means, and what no other beats in cost and score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import BoolArray, FloatArray


def isotonic(values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The never-falling line closest to ``values`` in (weighted) squares.

    By pooling adjacent violators; weights must be positive.
    """
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights or [1.0] * len(values), strict=True):
        mean, total, size = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, other, length = blocks.pop()
            mean = (before * other + mean * total) / (other + total)
            total, size = total + other, size + length
        blocks.append((mean, total, size))
    return [mean for mean, _, size in blocks for _ in range(size)]


def pareto_front(costs: FloatArray, scores: FloatArray) -> BoolArray:
    """Which points no other beats: none costs at most as much and scores more, or less and as much.

    The last axis counts the points; further axes in front are independent sets. Points alike in
    both are on the front together.
    """
    cost, score = costs[..., :, None], scores[..., :, None]
    other_cost, other_score = costs[..., None, :], scores[..., None, :]
    no_worse = (other_cost <= cost) & (other_score >= score)
    better = (other_cost < cost) | (other_score > score)
    return np.asarray(~(no_worse & better).any(axis=-1), dtype=np.bool_)


def hypervolume(costs: Sequence[float], scores: Sequence[float], reference: float) -> float:
    """The area under the best score that each cost up to ``reference`` buys."""
    area, best, at = 0.0, 0.0, 0.0
    for cost, score in sorted(zip(costs, scores, strict=True)):
        if cost >= reference:
            break
        area += best * (cost - at)
        at, best = cost, max(best, score)
    return area + best * (reference - at)


def share_within(amounts: npt.ArrayLike, lows: npt.ArrayLike, highs: npt.ArrayLike) -> float | None:
    """How many amounts lie within what was allowed (s1's control); None for no amount."""
    used = np.asarray(amounts, dtype=np.float64)
    is_within = (used >= np.asarray(lows)) & (used <= np.asarray(highs))
    return float(is_within.mean()) if len(used) else None


def area_weights(costs: Sequence[float], low: float, high: float) -> FloatArray | None:
    """How much each point counts in the area under scores against the logarithm of cost.

    Between ``low`` and ``high``, scores joined by straight lines; the weights add up to 1, so that
    the area is a mean score. None where a cost is not above 0, two are alike, or the range is not
    within them. ``costs`` rise.
    """
    if min(costs) <= 0 or not min(costs) <= low < high <= max(costs):
        return None
    at = np.log(np.asarray(costs, dtype=np.float64))
    if not (np.diff(at) > 0).all():
        return None
    inner = at[(at > np.log(low)) & (at < np.log(high))]
    knots = np.concatenate([[np.log(low)], inner, [np.log(high)]])
    heights = np.array([np.interp(knots, at, unit) for unit in np.eye(len(at))])
    areas = ((heights[:, 1:] + heights[:, :-1]) / 2 * np.diff(knots)).sum(axis=1)
    return np.asarray(areas / (knots[-1] - knots[0]), dtype=np.float64)


def mean_slope(tokens: Sequence[float], scores: Sequence[float]) -> float | None:
    """The mean slope over all pairs of points, per 1,000 tokens (s1, Muennighoff et al. 2025).

    None where two points do not differ in tokens, or with fewer than two.
    """
    points = list(zip(tokens, scores, strict=True))
    pairs = [(one, other) for i, one in enumerate(points) for other in points[i + 1 :]]
    if not pairs or any(one[0] == other[0] for one, other in pairs):
        return None
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]
    return 1000 * float(np.mean(slopes))
