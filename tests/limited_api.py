"""Rate limits as the Messages API documents them, written apart from evalkit: no import of it.

Token buckets that refill continuously. A request takes one from the bucket of requests and its
input tokens from theirs when it arrives; output tokens are taken when they have been generated, so
that bucket may go into debt. Who finds a bucket empty is refused, and pays nothing. ``now_s`` is
handed in. There may also be a limit of requests at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Refill:
    """A bucket of ``size`` that refills at ``per_minute``."""

    def __init__(self, per_minute: float, size: float) -> None:
        self.per_minute = per_minute
        self.size = size
        self.level = size
        self.at_s = 0.0

    def now(self, now_s: float) -> float:
        self.level = min(self.size, self.level + (now_s - self.at_s) * self.per_minute / 60)
        self.at_s = now_s
        return self.level

    def missing_s(self, amount: float, now_s: float) -> float:
        lacking = min(amount, self.size) - self.now(now_s)
        return max(0.0, lacking * 60 / self.per_minute) if lacking > 1e-6 else 0.0

    def change(self, per_minute: float, now_s: float) -> None:
        """Another limit from now on; what the bucket holds shrinks or grows with it."""
        self.now(now_s)
        self.size *= per_minute / self.per_minute
        self.level = min(self.level, self.size)
        self.per_minute = per_minute


@dataclass
class LimitedApi:
    """One model's limits, and what has become of the requests.

    ``burst_s`` is how many seconds of its rate a bucket holds. ``told_as``: what ``retry-after`` of
    a refusal looks like (``none | seconds | ms | date``). ``tells``: whether headers name
    the limits.
    """

    requests_per_minute: float | None = None
    input_per_minute: float | None = None
    output_per_minute: float | None = None
    at_once: int | None = None
    burst_s: float = 1.0
    told_as: str = "seconds"
    tells: bool = True
    admitted_at_s: list[float] = field(default_factory=list)
    refused_at_s: list[float] = field(default_factory=list)
    refused_for: list[str] = field(default_factory=list)
    output_tokens: int = 0
    input_tokens: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        limits = {
            "requests": self.requests_per_minute,
            "input-tokens": self.input_per_minute,
            "output-tokens": self.output_per_minute,
        }
        self.buckets = {
            name: Refill(limit, max(1.0, limit / 60 * self.burst_s))
            for name, limit in limits.items()
            if limit is not None
        }

    def arrive(self, input_tokens: int, now_s: float) -> dict[str, str] | None:
        """None if the request is admitted, else the headers of its refusal."""
        needs = {"requests": 1.0, "input-tokens": float(input_tokens), "output-tokens": 1.0}
        waits = {
            name: bucket.missing_s(needs[name], now_s) for name, bucket in self.buckets.items()
        }
        name = max(waits, key=lambda key: waits[key], default="")
        if self.at_once is not None and self.in_flight >= self.at_once:
            return self._refuse("at once", 1.0, now_s)
        if waits.get(name, 0.0) > 0:
            return self._refuse(name, waits[name], now_s)
        for name in ("requests", "input-tokens"):
            if name in self.buckets:
                self.buckets[name].level -= needs[name]
        self.admitted_at_s.append(now_s)
        self.input_tokens += input_tokens
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return None

    def finish(self, output_tokens: int, now_s: float) -> None:
        """The answer has been generated."""
        self.in_flight -= 1
        self.output_tokens += output_tokens
        if "output-tokens" in self.buckets:
            self.buckets["output-tokens"].now(now_s)
            self.buckets["output-tokens"].level -= output_tokens

    def headers(self, now_s: float) -> dict[str, str]:
        """What an answer tells: limits and what is left; tokens rounded to the thousand."""
        if not self.tells:
            return {}
        told = {}
        for name, bucket in self.buckets.items():
            left = max(0.0, bucket.now(now_s))
            shown = round(left, -3) if "tokens" in name else math.floor(left)
            full_s = (bucket.size - bucket.level) * 60 / bucket.per_minute
            full_at = NOON + timedelta(seconds=now_s + full_s)
            told[f"anthropic-ratelimit-{name}-limit"] = str(int(bucket.per_minute))
            told[f"anthropic-ratelimit-{name}-remaining"] = str(int(shown))
            told[f"anthropic-ratelimit-{name}-reset"] = full_at.isoformat(timespec="seconds")
        return told

    def _refuse(self, name: str, wait_s: float, now_s: float) -> dict[str, str]:
        self.refused_at_s.append(now_s)
        self.refused_for.append(name)
        moment = NOON + timedelta(seconds=math.ceil(now_s + wait_s))
        written: dict[str, Callable[[], dict[str, str]]] = {
            "none": dict,
            "seconds": lambda: {"retry-after": str(max(1, math.ceil(wait_s)))},
            "ms": lambda: {"retry-after-ms": str(math.ceil(1000 * wait_s))},
            "date": lambda: {"retry-after": format_datetime(moment, usegmt=True)},
        }
        return {**written[self.told_as](), **self.headers(now_s)}
