from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.messages.headers import (
    NO_LIMITS,
    RateLimit,
    RateLimits,
    rate_limits,
    request_id,
    retry_after_s,
    should_retry,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"Retry-After": "5"}, 5.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Mon, 23 Nov 2026 13:01:30 +0100"}, 90.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:10 -0000"}, 10.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 99 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, NOW) == expected


def test_a_clock_of_another_zone_gives_the_same_wait() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, there) == 90.0


@given(st.text(max_size=40))
def test_any_header_is_a_wait_or_nothing(value: str) -> None:
    for name in ("retry-after", "retry-after-ms"):
        wait_s = retry_after_s({name: value}, NOW)
        assert wait_s is None or wait_s >= 0


@given(st.text(max_size=40))
def test_any_rate_limit_header_can_be_read(value: str) -> None:
    names = ("anthropic-ratelimit-requests-", "x-ratelimit-")
    told = {f"{name}{part}": value for name in names for part in ("limit", "remaining", "reset")}
    rate_limits(told, NOW)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("false", False), ("True", True), (" FALSE ", False), ("1", None), ("", None)],
)
def test_the_server_s_word(value: str, expected: bool | None) -> None:
    assert should_retry({"X-Should-Retry": value}) is expected
    assert should_retry({}) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"request-id": "req_1", "x-request-id": "other"}, "req_1"),
        ({"X-Request-Id": "other"}, "other"),
        ({"x-litellm-call-id": "call"}, "call"),
        ({"request-id": ""}, None),
        ({}, None),
    ],
)
def test_the_request_s_id(headers: dict[str, str], expected: str | None) -> None:
    assert request_id(headers) == expected


def test_the_headers_of_the_api() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "4000",
        "anthropic-ratelimit-requests-remaining": "3999",
        "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:01Z",
        "anthropic-ratelimit-tokens-limit": "480000",
        "anthropic-ratelimit-tokens-remaining": "470000",
        "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:10Z",
        "Anthropic-Ratelimit-Input-Tokens-Limit": "400000",
        "anthropic-ratelimit-input-tokens-remaining": "391000",
        "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:02.500Z",
        "anthropic-ratelimit-output-tokens-limit": "80000",
        "anthropic-ratelimit-output-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-reset": "2026-11-23T11:59:00+00:00",
        "content-type": "application/json",
    }
    assert rate_limits(headers, NOW) == RateLimits(
        requests=RateLimit(4000, 3999, 1.0),
        input=RateLimit(400_000, 391_000, 2.5),
        output=RateLimit(80_000, 0, 0.0),
        tokens=RateLimit(480_000, 470_000, 10.0),
    )


def test_parts_of_a_bucket_may_be_missing_or_broken() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "many",
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-requests-reset": "later",
        "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:10",
    }
    assert rate_limits(headers, NOW) == RateLimits(
        requests=RateLimit(None, 3, None), tokens=RateLimit(None, None, 10.0)
    )


@pytest.mark.parametrize(
    ("reset", "reset_s"),
    [
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("20ms", 0.02),
        ("1.5s", 1.5),
        ("2d", 172_800.0),
        ("59", 59.0),
        ("1795435260", 60.0),
        ("1795435260000", 60.0),
        ("2026-11-23T12:00:05Z", 5.0),
        ("whenever", None),
        ("6m later", None),
        ("", None),
    ],
)
def test_the_headers_of_openai_and_how_they_write_a_wait(reset: str, reset_s: float | None) -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": reset,
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
    }
    assert rate_limits(headers, NOW) == RateLimits(
        requests=RateLimit(60, 59, pytest.approx(reset_s) if reset_s is not None else None),
        tokens=RateLimit(150_000, 149_984, None),
    )


def test_a_router_s_only_limit_is_of_requests() -> None:
    headers = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0"}
    assert rate_limits(headers, NOW) == RateLimits(requests=RateLimit(20, 0, None))


def test_no_headers_no_limits() -> None:
    assert rate_limits({"server": "x"}, NOW) is NO_LIMITS
