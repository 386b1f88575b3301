"""What each step to a dearer thinking setting brings: score for tokens, score for dollars."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.results import StepGain
from evalkit.analysis.sweep import Sweep
from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate
from evalkit.stats.paired import difference_estimate
from evalkit.stats.ratios import amount_estimate, ratio_estimate


def step_gains(sweep: Sweep) -> Iterator[StepGain]:
    """One gain for every two neighbouring settings, from the cheapest up.

    Tokens are measured ones, thinking tokens where the server reports them for both settings, else
    all output tokens; the budget that was allowed plays no part.
    """
    means = sweep.scored.cases.mean
    confidence = sweep.options.confidence
    for cheaper in range(len(sweep) - 1):
        dearer = cheaper + 1
        thought = [_thinking_tokens(sweep, at) for at in (cheaper, dearer)]
        is_counted = not any(np.isnan(tokens).all() for tokens in thought)
        rows = [sweep.rows[cheaper], sweep.rows[dearer]]
        used = np.array(thought) if is_counted else sweep.output_tokens[rows]
        values, clusters = sweep.differences(means, means, dearer, cheaper)
        yield StepGain(
            cheaper=sweep.name(cheaper),
            dearer=sweep.name(dearer),
            score=difference_estimate(values, clusters, confidence),
            tokens=_change(sweep, used),
            token_kind="thinking" if is_counted else "output",
            per_1k_tokens=_ratio(sweep, used / 1000, dearer, cheaper),
            per_dollar=_ratio(sweep, sweep.cost_usd[rows], dearer, cheaper),
        )


def _thinking_tokens(sweep: Sweep, position: int) -> FloatArray:
    """Measured thinking tokens by case. Off, and without a sign of thinking, they are 0."""
    tokens: FloatArray = sweep.thinking_tokens[sweep.rows[position]]
    point = sweep.points[position]
    if point.thinking.mode != "off" or point.n_thinking or not np.isnan(tokens).all():
        return tokens
    used = sweep.output_tokens[sweep.rows[position]]
    return np.asarray(np.where(np.isnan(used), np.nan, 0.0), dtype=np.float64)


def _change(sweep: Sweep, used: FloatArray) -> Estimate | None:
    """The mean change of an amount (rows: cheaper, dearer); None where no case has both."""
    values, clusters = differences(sweep.trials.cases, used[1], used[0])
    return amount_estimate(values, clusters, sweep.options.confidence) if len(values) else None


def _ratio(sweep: Sweep, used: FloatArray, dearer: int, cheaper: int) -> Estimate | None:
    """The gain in score for each unit of an amount, on the cases that have both."""
    scores = sweep.scored.cases.mean
    gain, more = scores[sweep.rows[dearer]] - scores[sweep.rows[cheaper]], used[1] - used[0]
    known = ~np.isnan(gain) & ~np.isnan(more)
    if int(known.sum()) < MIN_UNITS:
        return None
    clusters = sweep.trials.cases.clusters
    return ratio_estimate(
        gain[known],
        more[known],
        None if clusters is None else clusters[known],
        sweep.options.confidence,
        is_difference=True,
    )
