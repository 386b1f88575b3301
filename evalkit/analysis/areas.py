"""One figure for a whole thinking curve: the mean score over the logarithm of cost.

The area is a weighted mean of the scores of each case, so that its interval is that of any mean,
and two models' difference that of any paired difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.results import AreaDifference
from evalkit.analysis.sweep import Sweep
from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.fronts import area_weights
from evalkit.stats.paired import difference_estimate


def area(sweep: Sweep) -> Estimate | None:
    """A sweep's area from its cheapest to its dearest; None: unpriced, free, or too few cases."""
    costs = _costs(sweep)
    by_case = _by_case(sweep, min(costs), max(costs)) if costs else None
    if by_case is None:
        return None
    known = ~np.isnan(by_case)
    if int(known.sum()) < MIN_UNITS:
        return None
    clusters = sweep.trials.cases.clusters
    return mean_estimate(
        np.clip(by_case[known], 0.0, 1.0),
        None if clusters is None else clusters[known],
        sweep.options.confidence,
    )


def areas_against(sweep: Sweep, others: Sequence[Sweep]) -> Iterator[AreaDifference]:
    """The difference to every other model's curve of the same prompt, where costs overlap."""
    ours = _costs(sweep)
    for other in others:
        theirs = _costs(other)
        if other is sweep or other.prompt != sweep.prompt or not ours or not theirs:
            continue
        low, high = max(min(ours), min(theirs)), min(max(ours), max(theirs))
        one, two = (_by_case(side, low, high) for side in (sweep, other))
        if one is None or two is None:
            continue
        values, clusters = differences(sweep.trials.cases, one, two)
        if len(values) < MIN_UNITS:
            continue
        found = difference_estimate(np.clip(values, -1.0, 1.0), clusters, sweep.options.confidence)
        yield AreaDifference(other.summaries[0].model, found, low, high)


def _costs(sweep: Sweep) -> list[float]:
    """What an answer costs under each setting; nothing where a price is unknown."""
    told = [
        one.cost_usd / one.n_answered
        for one in sweep.summaries
        if one.cost_usd is not None and one.n_answered
    ]
    return told if len(told) == len(sweep) else []


def _by_case(sweep: Sweep, low: float, high: float) -> FloatArray | None:
    """Each case's area; nan where a setting has no score."""
    costs = _costs(sweep)
    order = np.argsort(costs, kind="stable")
    weights = area_weights([costs[at] for at in order], low, high)
    if weights is None:
        return None
    rows = [sweep.rows[at] for at in order]
    return np.asarray(weights @ sweep.scored.cases.mean[rows], dtype=np.float64)
