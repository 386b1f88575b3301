"""Money as arithmetic: reserve before a request, settle after it, never above the cap."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.messages.pricing import Price, cost_usd
from evalkit.messages.request import canonical
from evalkit.plan.estimate import request_cap_usd
from evalkit.types import Response, Trial, TrialResult


class Ledger:
    """Spent and reserved dollars of a run.

    ``prices`` maps a model's name in the suite to its price (None: unknown). A request is
    admitted only while spent + reserved + its own worst case stay within ``max_cost_usd``.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | None],
        max_cost_usd: float | None = None,
        spent_usd: float = 0.0,
    ) -> None:
        self._prices = prices
        self._max_cost_usd = max_cost_usd
        self._reserved: dict[str, float] = {}
        self.spent_usd = spent_usd

    @property
    def reserved_usd(self) -> float:
        """The worst case of everything in flight."""
        return sum(self._reserved.values())

    def reserve(self, trial: Trial) -> bool:
        """Hold the worst case of a trial; False if the cap leaves no room for it now."""
        if self._max_cost_usd is None:
            return True
        cap = self._worst_case_usd(trial)
        if self.spent_usd + self.reserved_usd + cap > self._max_cost_usd:
            return False
        self._reserved[trial.key] = cap
        return True

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight, so that waiting would free nothing."""
        return not self._reserved

    def settle(self, result: TrialResult) -> tuple[float | None, str | None]:
        """What a trial has cost, all its attempts together, and by which price list.

        The cost is None when price or usage is unknown; then the reservation counts as spent.
        """
        price = self._prices[result.trial.variant.model]
        held = self._reserved.pop(result.trial.key, 0.0)
        cost = self._cost_usd(result, price)
        self.spent_usd += held if cost is None and result.is_ok else cost or 0.0
        return cost, price.source if price else None

    def _cost_usd(self, result: TrialResult, price: Price | None) -> float | None:
        usages = [attempt.usage for attempt in result.outcome.attempts]
        if isinstance(result.outcome, Response) and not usages:
            usages = [result.outcome.usage]
        costs = [cost_usd(usage, price) for usage in usages if usage is not None]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None

    def _worst_case_usd(self, trial: Trial) -> float:
        request = trial.request
        # The body's bytes are more than its text's: a worst case may be too dear, never too cheap.
        parts = {"system": request.system, "messages": request.messages, **request.options}
        price = self._prices[trial.variant.model]
        return request_cap_usd(price, len(canonical(parts)), request.max_tokens) or 0.0
