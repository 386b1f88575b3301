from __future__ import annotations

from typing import Any

import pytest

from evalkit.messages.models import models_table
from evalkit.messages.pricing import PRICES_AS_OF, Price, cost_usd, find_price
from evalkit.types import Usage

MILLION = 1_000_000

# Input, output, cache read, cache write 5 min, cache write 1 h; USD per million tokens.
LIST_PRICES = {
    "claude-fable-5-2": (8, 40, 0.20, 10, 16),
    "claude-mythos-5-1": (10, 50, 0.25, 12.5, 20),
    "claude-opus-5-5": (4, 20, 0.20, 5, 8),
    "claude-opus-5": (5, 25, 0.50, 6.25, 10),
    "claude-opus-4-5": (5, 25, 0.50, 6.25, 10),
    "claude-sonnet-5-5": (2, 10, 0.10, 2.5, 4),
    "claude-sonnet-4-6": (3, 15, 0.30, 3.75, 6),
    "claude-haiku-5-5": (0.10, 0.50, 0.01, 0.125, 0.20),
    "claude-haiku-4-5": (1, 5, 0.10, 1.25, 2),
    "claude-3-7-sonnet-20250219": (3, 15, 0.30, 3.75, 6),
}


def price_of(model: str) -> Price:
    price = find_price(model)
    assert price is not None
    return price


def cost(model: str, input_tokens: int | None, output_tokens: int | None, **usage: Any) -> Any:
    return cost_usd(
        Usage(input_tokens=input_tokens, output_tokens=output_tokens, **usage), find_price(model)
    )


@pytest.mark.parametrize("model", LIST_PRICES)
def test_list_prices(model: str) -> None:
    price = price_of(model)
    shown = (
        price.input,
        price.output,
        price.cache_read,
        price.cache_write_5m,
        price.cache_write_1h,
    )
    assert shown == pytest.approx(LIST_PRICES[model])


def test_the_source_and_date_of_the_table() -> None:
    assert models_table()["about"]["compiled"] == PRICES_AS_OF
    assert price_of("claude-haiku-4-5").source == f"models.json {PRICES_AS_OF}"
    assert Price(1, 2).source == "suite"


def test_every_model_of_the_table_has_a_price() -> None:
    assert all(find_price(model) is not None for model in models_table()["models"])


@pytest.mark.parametrize("alias", ["claude-haiku-4-5", "claude-opus-4-0", "claude-sonnet-4-5"])
def test_an_alias_costs_what_its_model_costs(alias: str) -> None:
    assert find_price(alias) == find_price(models_table()["aliases"][alias])


@pytest.mark.parametrize(
    "model", ["", "claude-haiku", "anthropic/claude-haiku-4-5", "claude-haiku-4-5-latest", "gpt"]
)
def test_any_other_id_has_no_price(model: str) -> None:
    assert find_price(model) is None
    assert cost(model, 1000, 1000) is None


def test_a_plain_answer() -> None:
    assert cost("claude-haiku-4-5", 1000, 2000) == pytest.approx(0.001 + 0.01)


def test_the_cache_and_its_two_lifetimes() -> None:
    spent = cost(
        "claude-sonnet-4-6",
        100,
        10,
        cache_read_tokens=20_000,
        cache_write_tokens=3_000,
        cache_write_1h_tokens=1_000,
    )
    expected = (100 * 3 + 10 * 15 + 20_000 * 0.3 + 2_000 * 3.75 + 1_000 * 6) / MILLION
    assert spent == pytest.approx(expected)


def test_writes_without_a_split_are_of_the_five_minute_kind() -> None:
    assert cost("claude-sonnet-4-6", 0, 0, cache_write_tokens=1000) == pytest.approx(0.00375)


def test_a_split_that_exceeds_the_whole_is_capped() -> None:
    spent = cost("claude-sonnet-4-6", 0, 0, cache_write_tokens=1000, cache_write_1h_tokens=5000)
    assert spent == pytest.approx(0.006)


def test_the_batch_tier_costs_half() -> None:
    usage = {"cache_read_tokens": 500}
    full = cost("claude-opus-5", 1000, 1000, **usage)
    assert cost("claude-opus-5", 1000, 1000, service_tier="batch", **usage) == pytest.approx(
        full / 2
    )
    assert cost("claude-opus-5", 1000, 1000, service_tier="priority", **usage) == full


def test_inference_in_the_us_costs_a_tenth_more() -> None:
    full = cost("claude-opus-5", 1000, 1000)
    assert cost("claude-opus-5", 1000, 1000, inference_geo="us") == pytest.approx(full * 1.1)
    assert cost("claude-opus-5", 1000, 1000, inference_geo="global") == full
    both = cost("claude-opus-5", 1000, 1000, inference_geo="us", service_tier="batch")
    assert both == pytest.approx(full * 0.55)


def test_a_long_prompt_raises_the_price_of_the_whole_request() -> None:
    at_limit = cost("claude-haiku-5-5", 40_000, 1000, cache_read_tokens=60_000)
    assert at_limit == pytest.approx((40_000 * 0.1 + 60_000 * 0.01 + 1000 * 0.5) / MILLION)
    above = cost("claude-haiku-5-5", 40_000, 1000, cache_read_tokens=60_001)
    assert above == pytest.approx((40_000 * 0.5 + 60_001 * 0.05 + 1000 * 2.5) / MILLION)
    assert cost("claude-haiku-4-5", 200_000, 0) == pytest.approx(0.2)


def test_the_fast_speed_has_a_price_of_its_own_or_none() -> None:
    spent = cost("claude-opus-5-5", 1000, 1000, speed="fast", cache_read_tokens=1000)
    assert spent == pytest.approx((1000 * 8 + 1000 * 40 + 1000 * 0.4) / MILLION)
    assert cost("claude-opus-5-5", 1000, 1000, speed="standard") == pytest.approx(0.024)
    assert cost("claude-sonnet-5", 1000, 1000, speed="fast") is None


def test_web_searches_are_paid_for_each_at_no_discount() -> None:
    plain = cost("claude-opus-5", 1000, 1000, service_tier="batch")
    searched = cost("claude-opus-5", 1000, 1000, service_tier="batch", web_searches=3)
    assert searched == pytest.approx(plain + 0.03)
    assert cost_usd(Usage(1000, 1000, web_searches=1), Price(1, 1)) is None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(input_tokens=10),
        Usage(output_tokens=10),
        Usage(output_tokens=10, cache_read_tokens=10),
    ],
)
def test_an_unknown_count_makes_the_cost_unknown_and_never_zero(usage: Usage) -> None:
    assert cost_usd(usage, find_price("claude-haiku-4-5")) is None


def test_known_zeros_cost_nothing() -> None:
    assert cost("claude-haiku-4-5", 0, 0) == 0.0


def test_a_price_from_a_suite_without_cache_prices_takes_those_of_input() -> None:
    usage = Usage(10, 10, cache_read_tokens=10, cache_write_tokens=20, cache_write_1h_tokens=10)
    assert cost_usd(usage, Price(input=2, output=4)) == pytest.approx(
        (10 * 2 + 10 * 4 + 10 * 2 + 20 * 2) / MILLION
    )
    named = Price(input=2, output=4, cache_read=0, cache_write_5m=3)
    assert cost_usd(usage, named) == pytest.approx((10 * 2 + 10 * 4 + 20 * 3) / MILLION)
