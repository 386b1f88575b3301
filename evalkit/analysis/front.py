"""The shape of a thinking curve: rising line, simultaneous bands, Pareto front."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.results import CurvePoint
from evalkit.analysis.sweep import Sweep
from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import critical, two_sided_p
from evalkit.stats.estimates import Estimate, wilson
from evalkit.stats.fronts import isotonic, mean_slope, pareto_front, share_within
from evalkit.stats.resampling import max_t_critical, resampled_means


def shaped(sweep: Sweep) -> tuple[CurvePoint, ...]:
    """The points with the rising line, bands that hold for all at once, and the front.

    The front weighs score against cost, or against output tokens where a price is unknown; how
    often a point is on it is counted over resampled cases. Points without a score stay as they are.
    """
    points = list(sweep.points)
    scored = [at for at, point in enumerate(points) if point.score.value is not None]
    line = isotonic(
        [points[at].score.value or 0.0 for at in scored],
        [points[at].score.n_eff or 1.0 for at in scored],
    )
    for at, height in zip(scored, line, strict=True):
        points[at] = replace(points[at], isotonic=height)
    is_priced = all(point.cost_usd is not None for point in points)
    costs = sweep.cost_usd if is_priced else sweep.output_tokens
    columns, clusters = _complete(sweep, costs)
    units = len(columns) if clusters is None else len(np.unique(clusters))
    if units < MIN_UNITS:
        return tuple(points)
    return tuple(_on_front(sweep, points, columns, clusters))


def scaling_per_1k(points: Sequence[CurvePoint]) -> float | None:
    """The mean slope of score over measured thinking tokens, per 1,000 (s1's scaling)."""
    known = [
        (point.thinking_tokens_mean, point.score.value)
        for point in points
        if point.thinking_tokens_mean is not None and point.score.value is not None
    ]
    return mean_slope([tokens for tokens, _ in known], [score for _, score in known])


def control(sweep: Sweep) -> float | None:
    """How many budgeted answers kept within their budget (s1's control); None: unknown."""
    budgets = [point.thinking.budget_tokens or 0 for point in sweep.points]
    thought = [sweep.thought(at) if budget else np.zeros(0) for at, budget in enumerate(budgets)]
    allowed = np.repeat(budgets, [len(one) for one in thought])
    return share_within(np.concatenate(thought), 0, allowed)


def _complete(sweep: Sweep, costs: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Scores and costs of the cases that have them under every setting: cases x 2 settings."""
    rows = list(sweep.rows)
    columns = np.concatenate([sweep.scored.cases.mean[rows], costs[rows]]).T
    whole = ~np.isnan(columns).any(axis=1)
    clusters = sweep.trials.cases.clusters
    return columns[whole], None if clusters is None else clusters[whole].astype(np.float64)


def _on_front(
    sweep: Sweep,
    points: Sequence[CurvePoint],
    columns: FloatArray,
    clusters: FloatArray | None,
) -> list[CurvePoint]:
    n, means = len(points), columns.mean(axis=0)
    seed = sweep.options.seed ^ zlib.crc32(f"front:{points[0].variant}".encode())
    drawn = resampled_means(columns, clusters, seed=seed)
    member = pareto_front(drawn[:, n:], drawn[:, :n]).mean(axis=0)
    front = pareto_front(means[n:], means[:n])
    at_once = max_t_critical(drawn[:, :n], sweep.options.confidence)
    return [
        replace(
            point,
            is_on_front=bool(front[at]),
            front_share=float(member[at]),
            band=_band(point.score, at_once),
        )
        for at, point in enumerate(points)
    ]


def _band(score: Estimate, at_once: float) -> tuple[float, float] | None:
    """Wilson's interval with the critical value of all settings at once, Student's where t is."""
    if score.value is None or score.n_eff is None:
        return None
    confidence = 1 - two_sided_p(at_once, None)
    return wilson(score.value, score.n_eff, critical(confidence, score.df))
