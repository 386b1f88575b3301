"""Rate limits as the API enforces them: token buckets with continuous refill. Pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evalkit.server.delivery import Headers

_NOTHING = 1e-6


class Bucket:
    """A bucket of ``capacity`` that refills at ``per_minute``. It may be overdrawn by :meth:`take`.

    All times are seconds of one clock, handed in.
    """

    def __init__(self, per_minute: float, capacity: float, now_s: float) -> None:
        self.per_minute = per_minute
        self.capacity = capacity
        self._level = capacity
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """What is in the bucket now."""
        self._level = min(
            self.capacity, self._level + (now_s - self._at_s) * self.per_minute / 60.0
        )
        self._at_s = now_s
        return self._level

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until ``amount``, or at most a full bucket, can be taken."""
        missing = min(amount, self.capacity) - self.level(now_s)
        return missing * 60.0 / self.per_minute if missing > _NOTHING else 0.0

    def full_in_s(self, now_s: float) -> float:
        """Seconds until the bucket is full again."""
        return (self.capacity - self.level(now_s)) * 60.0 / self.per_minute

    def take(self, amount: float, now_s: float) -> None:
        """Take an amount, into debt if need be."""
        self._level = self.level(now_s) - amount


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, else how long to wait and for which limit."""

    wait_s: float = 0.0
    limit: str = ""


class RateLimits:
    """Requests, input tokens and output tokens per minute; a limit of None is not enforced.

    ``burst`` is the capacity of the request bucket (default: one second's worth). Input tokens
    count when a request is admitted, output tokens when they have been generated.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        burst: int | None = None,
        input_tokens_per_minute: int | None = None,
        output_tokens_per_minute: int | None = None,
        now_s: float = 0.0,
    ) -> None:
        self._buckets: dict[str, Bucket] = {}
        if requests_per_minute:
            capacity = burst or max(1, requests_per_minute // 60)
            self._buckets["requests"] = Bucket(requests_per_minute, capacity, now_s)
        for name, limit in (
            ("input-tokens", input_tokens_per_minute),
            ("output-tokens", output_tokens_per_minute),
        ):
            if limit:
                self._buckets[name] = Bucket(limit, limit, now_s)

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def admit(self, input_tokens: int, now_s: float) -> Verdict:
        """Charge a request, or say how long it must wait (then nothing is charged)."""
        asked = {"requests": 1, "input-tokens": input_tokens, "output-tokens": 1}
        waits = [
            Verdict(bucket.wait_s(asked[name], now_s), name)
            for name, bucket in self._buckets.items()
        ]
        worst = max(waits, key=lambda verdict: verdict.wait_s, default=Verdict())
        if worst.wait_s > 0:
            return worst
        for name, bucket in self._buckets.items():
            if name != "output-tokens":
                bucket.take(asked[name], now_s)
        return Verdict()

    def generated(self, output_tokens: int, now_s: float) -> None:
        """Charge what an answer took."""
        bucket = self._buckets.get("output-tokens")
        if bucket is not None:
            bucket.take(output_tokens, now_s)

    def headers(self, now_s: float, wall: datetime | None = None) -> Headers:
        """The ``anthropic-ratelimit-*`` headers of this moment."""
        wall = wall or datetime.now(UTC)
        shown = dict(self._buckets)
        tokens = [bucket for name, bucket in shown.items() if name != "requests"]
        if tokens:
            shown["tokens"] = min(tokens, key=lambda bucket: bucket.level(now_s))
        pairs: list[tuple[bytes, bytes]] = []
        for name, bucket in shown.items():
            left = max(0, math.floor(bucket.level(now_s)))
            if name != "requests":
                left = round(left, -3)
            reset = wall + timedelta(seconds=bucket.full_in_s(now_s))
            for part, value in (
                ("limit", f"{bucket.per_minute:.0f}"),
                ("remaining", str(left)),
                ("reset", reset.isoformat(timespec="seconds").replace("+00:00", "Z")),
            ):
                pairs.append((f"anthropic-ratelimit-{name}-{part}".encode(), value.encode()))
        return tuple(pairs)


def refusal_message(verdict: Verdict) -> str:
    """The text of a 429 for this limit."""
    unit = verdict.limit.replace("-", " ")
    return f"This request would exceed your organization's rate limit of {unit} per minute."
