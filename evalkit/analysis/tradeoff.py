"""Score against cost over all variants, and which of them no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evalkit.analysis.results import VariantSummary
from evalkit.stats.estimates import Estimate
from evalkit.stats.fronts import pareto_front


@dataclass(frozen=True, slots=True)
class TradePoint:
    """One variant: what an answer costs on average, and its mean score.

    ``is_on_front``: no other variant costs at most as much and scores more, or less and as much.
    """

    variant: str
    cost: float
    score: Estimate
    is_on_front: bool


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """All variants whose score and cost are known; costs in dollars, or in output tokens where
    some variant's price is unknown.
    """

    unit: Literal["usd", "tokens"]
    points: tuple[TradePoint, ...]


def tradeoff(variants: Sequence[VariantSummary], scorer: str) -> Tradeoff | None:
    """The trade-off on one scorer; None with fewer than two variants to choose from."""
    scored = [
        (one, one.scores[scorer].mean)
        for one in variants
        if scorer in one.scores and one.scores[scorer].mean.value is not None
    ]
    costs = [one.cost_each.value if one.cost_each else None for one, _ in scored]
    is_priced = any(costs) and None not in costs
    if not is_priced:
        costs = [one.output_tokens_mean for one, _ in scored]
    known = [(*pair, cost) for pair, cost in zip(scored, costs, strict=True) if cost is not None]
    if len(known) < 2:
        return None
    front = pareto_front(
        np.array([cost for *_, cost in known]),
        np.array([mean.value for _, mean, _ in known], dtype=np.float64),
    )
    return Tradeoff(
        "usd" if is_priced else "tokens",
        tuple(
            TradePoint(one.variant, cost, mean, bool(is_on_front))
            for (one, mean, cost), is_on_front in zip(known, front, strict=True)
        ),
    )
