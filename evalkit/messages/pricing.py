"""Token counts to dollars. What is not known has no price, which is not a price of zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from evalkit.messages.models import find_model, models_table
from evalkit.types import Usage

PRICES_AS_OF: Final = "2026-11-23"


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens.

    A cache price that is None is that of plain input. ``batch`` and ``us`` multiply the whole cost
    for the batch tier and for inference in the US; ``web_search`` is USD for each. ``fast`` is the
    price of the fast speed. ``long`` holds for the whole request when its prompt, cached tokens
    included, exceeds ``long_above_tokens``.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    batch: float = 0.5
    us: float = 1.0
    web_search: float | None = None
    fast: Price | None = None
    long: Price | None = None
    long_above_tokens: int | None = None
    source: str = "suite"


@cache
def find_price(model: str) -> Price | None:
    """The official list price of an exact model id or alias; None for any other id."""
    found = find_model(model)
    if found is None:
        return None
    pricing = found[1]["pricing"]
    about = models_table()["about"]
    long, fast = pricing.get("long"), pricing.get("fast")
    return replace(
        _rates(pricing),
        batch=about["multipliers"]["batch"],
        us=about["multipliers"]["inference_geo_us"],
        web_search=about["web_search_usd"],
        fast=None if fast is None else _fast(pricing, fast),
        long=None if long is None else _rates(long),
        long_above_tokens=None if long is None else long["above_prompt_tokens"],
        source=f"models.json {PRICES_AS_OF}",
    )


def cost_usd(usage: Usage, price: Price | None) -> float | None:
    """What an answer cost; None when the price, or a count that matters, is unknown.

    Without a split by lifetime, cache writes are taken to be of the 5-minute kind.
    """
    prompt_tokens, output_tokens = usage.total_input_tokens, usage.output_tokens
    if price is None or prompt_tokens is None or output_tokens is None:
        return None
    rates = price
    if usage.speed == "fast":
        if price.fast is None:
            return None
        rates = price.fast
    elif price.long is not None and prompt_tokens > (price.long_above_tokens or 0):
        rates = price.long
    tokens_cost = _tokens_cost(usage, rates, output_tokens)
    searches_cost = _searches_cost(usage, price)
    if searches_cost is None:
        return None
    multiplier = price.batch if usage.service_tier == "batch" else 1.0
    if usage.inference_geo == "us":
        multiplier *= price.us
    return tokens_cost * multiplier + searches_cost


def _tokens_cost(usage: Usage, rates: Price, output_tokens: int) -> float:
    written = usage.cache_write_tokens or 0
    written_1h = min(usage.cache_write_1h_tokens or 0, written)
    write_1h = rates.cache_write_1h if rates.cache_write_1h is not None else rates.cache_write_5m
    return (
        (usage.input_tokens or 0) * rates.input
        + (usage.cache_read_tokens or 0) * _or_input(rates.cache_read, rates)
        + (written - written_1h) * _or_input(rates.cache_write_5m, rates)
        + written_1h * _or_input(write_1h, rates)
        + output_tokens * rates.output
    ) / 1e6


def _or_input(rate: float | None, rates: Price) -> float:
    return rates.input if rate is None else rate


def _searches_cost(usage: Usage, price: Price) -> float | None:
    if not usage.web_searches:
        return 0.0
    return None if price.web_search is None else usage.web_searches * price.web_search


def _rates(pricing: Mapping[str, Any], scale: float = 1.0) -> Price:
    return Price(
        input=pricing["input"] * scale,
        output=pricing["output"] * scale,
        cache_read=pricing["cache_read"] * scale,
        cache_write_5m=pricing["cache_write_5m"] * scale,
        cache_write_1h=pricing["cache_write_1h"] * scale,
    )


def _fast(pricing: Mapping[str, Any], fast: Mapping[str, Any]) -> Price:
    """The fast speed's price; its cache prices keep their proportion to the price of input."""
    return replace(_rates(pricing, fast["input"] / pricing["input"]), output=fast["output"])
