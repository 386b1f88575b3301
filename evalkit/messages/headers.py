"""Response headers as numbers: when to come back, how much room is left, which request it was."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_REQUEST_IDS = ("request-id", "x-request-id", "x-litellm-call-id", "x-amzn-requestid")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d)")
_UNIT_S = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_UNIT_S["ns"] = 1e-9
_EPOCH_S = 1e9  # a bare number this large is a moment, not a wait
_EPOCH_MS = 1e12


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One bucket: its size, what is left, and the seconds until it is full again."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The buckets a response told of; None for those it did not.

    ``tokens`` is the tightest of all token limits, or the only one a server has.
    """

    requests: RateLimit | None = None
    input: RateLimit | None = None
    output: RateLimit | None = None
    tokens: RateLimit | None = None


NO_LIMITS = RateLimits()


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait as the server asks: ``retry-after-ms``, or ``retry-after`` in either form.

    None when it asks for nothing that can be understood; 0 for a moment that has passed.
    """
    known = _lowered(headers)
    milliseconds = _number(known.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = known.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return seconds if seconds is not None else _seconds_until(_http_date(value), now)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The server's own word on trying again (``x-should-retry``), if it gave one."""
    value = _lowered(headers).get("x-should-retry", "").strip().lower()
    return {"true": True, "false": False}.get(value)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The id under which the server, or the gateway before it, knows this request."""
    known = _lowered(headers)
    return next((known[name] for name in _REQUEST_IDS if known.get(name)), None)


def rate_limits(headers: Mapping[str, str], now: datetime) -> RateLimits:
    """The rate limits named in ``anthropic-ratelimit-*`` or ``x-ratelimit-*`` headers."""
    known = {name: value for name, value in _lowered(headers).items() if "ratelimit-" in name}
    if not known:
        return NO_LIMITS
    own, other = "anthropic-ratelimit-{}-", "x-ratelimit-"
    return RateLimits(
        requests=_anthropic(known, own.format("requests"), now)
        or _openai(known, other, "-requests", now)
        or _openai(known, other, "", now),
        input=_anthropic(known, own.format("input-tokens"), now),
        output=_anthropic(known, own.format("output-tokens"), now),
        tokens=_anthropic(known, own.format("tokens"), now)
        or _openai(known, other, "-tokens", now),
    )


def _anthropic(known: Mapping[str, str], prefix: str, now: datetime) -> RateLimit | None:
    return _bucket(
        _count(known.get(f"{prefix}limit")),
        _count(known.get(f"{prefix}remaining")),
        _seconds_until(_rfc3339(known.get(f"{prefix}reset")), now),
    )


def _openai(known: Mapping[str, str], prefix: str, suffix: str, now: datetime) -> RateLimit | None:
    return _bucket(
        _count(known.get(f"{prefix}limit{suffix}")),
        _count(known.get(f"{prefix}remaining{suffix}")),
        _wait_s(known.get(f"{prefix}reset{suffix}"), now),
    )


def _bucket(limit: int | None, remaining: int | None, reset_s: float | None) -> RateLimit | None:
    if limit is None and remaining is None and reset_s is None:
        return None
    return RateLimit(limit, remaining, reset_s)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _number(value: str | None) -> float | None:
    """A number that is finite and not negative."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def _count(value: str | None) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _wait_s(value: str | None, now: datetime) -> float | None:
    """Seconds from ``6m0s``, ``12``, an epoch in seconds or milliseconds, or a date."""
    number = _number(value)
    if number is not None:
        moment = number / 1000 if number >= _EPOCH_MS else number
        return moment if moment < _EPOCH_S else max(0.0, moment - now.timestamp())
    parts = _DURATION.findall(value or "")
    if parts and "".join(amount + unit for amount, unit in parts) == (value or "").strip():
        return sum(float(amount) * _UNIT_S[unit] for amount, unit in parts)
    return _seconds_until(_rfc3339(value), now)


def _seconds_until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def _rfc3339(value: str | None) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(value.strip())) if value else None
    except ValueError:
        return None


def _http_date(value: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
