"""Money as arithmetic: reserve before a request, settle after it, never above the cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evalkit.errors import ApiError
from evalkit.messages.pricing import Price, cost_usd
from evalkit.messages.request import canonical
from evalkit.types import Attempt, Request, Response, Trial, TrialResult, Usage

# What a server adds around a prompt, more for one with tools.
_OVERHEAD_TOKENS = 16
_TOOLS_TOKENS = 800


class Ledger:
    """Spent and reserved dollars of a run.

    ``prices`` maps a model's name in the suite to its price (None: unknown). A request is
    admitted only while spent + doubtful + reserved + its own worst case stay within
    ``max_cost_usd``. ``doubtful_usd`` is the worst case of attempts, of this sitting and those
    before, that failed in a way in which the server may charge for them without having told how
    much, or that were given up.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | None],
        max_cost_usd: float | None = None,
        spent_usd: float = 0.0,
        doubtful_usd: float = 0.0,
    ) -> None:
        self._prices = prices
        self.max_cost_usd = max_cost_usd
        self._reserved: dict[str, float] = {}
        self.spent_usd = spent_usd
        self.doubtful_usd = doubtful_usd
        self._sent: dict[int, float] = {}

    @property
    def reserved_usd(self) -> float:
        """The worst case of everything in flight."""
        return sum(self._reserved.values())

    @property
    def _committed_usd(self) -> float:
        return self.spent_usd + self.doubtful_usd + self.reserved_usd

    def reserve(self, trial: Trial) -> bool:
        """Hold the worst case of a trial; False if the cap leaves no room for it now."""
        if self.max_cost_usd is None:
            return True
        cap = self._worst_case_usd(trial.variant.model, trial.request)
        if self._committed_usd + cap > self.max_cost_usd:
            return False
        self._reserved[trial.key] = cap
        return True

    @property
    def held_usd(self) -> float:
        """What may be charged for attempts of which nothing is known yet, or ever."""
        return self.doubtful_usd + sum(self._sent.values())

    def sending(self, model: str, request: Request) -> None:
        """An attempt goes."""
        if self.max_cost_usd is not None:
            self._sent[id(request)] = self._worst_case_usd(model, request)

    def returned(self, request: Request) -> None:
        """Its end is known."""
        self._sent.pop(id(request), None)

    def give_up(self) -> None:
        """Whatever is still in flight will never be known."""
        self.doubtful_usd += sum(self._sent.values())
        self._sent.clear()

    def doubt(self, model: str, request: Request, error: ApiError) -> bool:
        """An attempt has failed; False if the cap leaves no room to ask again.

        What was held for its trial is for the next attempt.
        """
        if error.may_cost:
            known = _partial_cost(error.usage, self._prices[model])
            if known is None:
                self.doubtful_usd += self._worst_case_usd(model, request)
            else:
                self.doubtful_usd += known
        return self.max_cost_usd is None or self._committed_usd <= self.max_cost_usd

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
        failed = sum(_failed_costs(result.outcome.attempts, price))
        # It was in doubt while the trial was on its way.
        self.doubtful_usd = max(0.0, self.doubtful_usd - failed)
        if not isinstance(result.outcome, Response):
            self.spent_usd += failed
            return failed or None, price.source if price else None
        answered = cost_usd(_answered(result.outcome), price)
        self.spent_usd += failed + (held if answered is None else answered)
        cost = None if answered is None else answered + failed
        return cost, price.source if price else None

    def _worst_case_usd(self, model: str, request: Request) -> float:
        price = self._prices[model]
        options = {**request.options, **request.extra_body}
        parts = {"system": request.system, "messages": request.messages, **options}
        # No token is shorter than a byte: a worst case may be too dear, never too cheap.
        given = len(canonical(parts)) + _OVERHEAD_TOKENS + (_TOOLS_TOKENS if options else 0)
        most = options.get("max_tokens")
        usage = Usage(
            input_tokens=given,
            output_tokens=most if isinstance(most, int) else request.max_tokens,
            inference_geo=_word(options.get("inference_geo")),
            speed=_word(options.get("speed")),
        )
        plain = cost_usd(usage, price) or 0.0
        if request.prefix_key is None:
            return plain
        written = replace(
            usage, input_tokens=0, cache_write_tokens=given, cache_write_1h_tokens=given
        )
        return max(plain, cost_usd(written, price) or 0.0)


def _answered(response: Response) -> Usage:
    """What the attempt that was answered has used."""
    last = response.attempts[-1] if response.attempts else None
    return last.usage if last is not None and last.usage is not None else response.usage


def _failed_costs(attempts: tuple[Attempt, ...], price: Price | None) -> list[float]:
    """Of the attempts that failed, what is known of their cost."""
    costs = [
        _partial_cost(attempt.usage, price)
        for attempt in attempts
        if attempt.error_kind is not None
    ]
    return [cost for cost in costs if cost is not None]


def _partial_cost(usage: Usage | None, price: Price | None) -> float | None:
    """The cost of an answer that broke off, where both its counts are known."""
    return None if usage is None else cost_usd(usage, price)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
