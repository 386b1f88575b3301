"""Token buckets and rate limits as arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.server.limits import Bucket, RateLimits

WALL = datetime(2026, 1, 1, tzinfo=UTC)


def admitted(limits: RateLimits, now_s: float, tokens: int = 1) -> bool:
    return limits.admit(tokens, now_s).wait_s == 0


def test_a_bucket_refills_continuously_up_to_its_capacity() -> None:
    bucket = Bucket(per_minute=60, capacity=5, now_s=0.0)
    bucket.take(5, 0.0)
    assert bucket.level(2.5) == pytest.approx(2.5)
    assert bucket.full_in_s(2.5) == pytest.approx(2.5)
    assert bucket.wait_s(4, 2.5) == pytest.approx(1.5)
    assert bucket.level(100.0) == 5


def test_an_amount_above_the_capacity_waits_only_for_a_full_bucket() -> None:
    bucket = Bucket(per_minute=60, capacity=5, now_s=0.0)
    assert bucket.wait_s(50, 0.0) == 0
    bucket.take(50, 0.0)
    assert bucket.wait_s(1, 0.0) == pytest.approx(46)


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=200), st.integers(1, 20))
def test_no_window_ever_admits_more_than_burst_and_rate(gaps: list[float], burst: int) -> None:
    limits = RateLimits(requests_per_minute=60, burst=burst, now_s=0.0)
    now_s, passed = 0.0, []
    for gap in gaps:
        now_s += gap
        if admitted(limits, now_s):
            passed.append(now_s)
    for number, start in enumerate(passed):
        for later, end in enumerate(passed[number:], 1):
            assert later <= burst + (end - start) * 1.0 + 1e-3


def test_waiting_as_told_is_enough() -> None:
    limits = RateLimits(requests_per_minute=30, burst=1, now_s=0.0)
    assert admitted(limits, 0.0)
    verdict = limits.admit(1, 0.5)
    assert verdict.limit == "requests"
    assert verdict.wait_s == pytest.approx(1.5)
    assert admitted(limits, 0.5 + verdict.wait_s)


def test_a_refused_request_is_charged_to_no_bucket() -> None:
    limits = RateLimits(requests_per_minute=60, burst=10, input_tokens_per_minute=1000, now_s=0.0)
    assert admitted(limits, 0.0, 900)
    refused = limits.admit(900, 0.0)
    assert refused.limit == "input-tokens"
    remaining = dict(limits.headers(0.0, WALL))
    assert remaining[b"anthropic-ratelimit-requests-remaining"] == b"9"


def test_output_tokens_bring_a_debt_that_must_be_paid_off() -> None:
    limits = RateLimits(output_tokens_per_minute=600, now_s=0.0)
    assert admitted(limits, 0.0)
    limits.generated(700, 0.0)
    verdict = limits.admit(1, 0.0)
    assert verdict.limit == "output-tokens"
    assert verdict.wait_s == pytest.approx(10.1)


def test_headers_name_every_limit_and_the_tightest_of_the_token_limits() -> None:
    limits = RateLimits(
        requests_per_minute=120,
        input_tokens_per_minute=60_000,
        output_tokens_per_minute=6000,
        now_s=0.0,
    )
    limits.admit(12_400, 0.0)
    headers = {name.decode(): value.decode() for name, value in limits.headers(0.0, WALL)}
    start = "anthropic-ratelimit-"
    assert headers[f"{start}requests-limit"] == "120"
    assert headers[f"{start}requests-remaining"] == "1"
    assert headers[f"{start}input-tokens-remaining"] == "48000"
    assert headers[f"{start}input-tokens-reset"] == "2026-01-01T00:00:12Z"
    assert headers[f"{start}tokens-limit"] == headers[f"{start}output-tokens-limit"] == "6000"
    assert len(headers) == 12


def test_without_limits_everything_passes_unreported() -> None:
    limits = RateLimits()
    assert not limits
    assert all(admitted(limits, 0.0, 10**9) for _ in range(100))
    assert limits.headers(0.0) == ()
