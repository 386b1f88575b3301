"""How fast to go, as arithmetic over buckets, pace and concurrency. Time is handed in.

Rules. A request enters when there is room for it everywhere: in flight, and in the buckets of
requests, input tokens and output tokens per minute. Tokens are charged by estimate on entering and
corrected when the answer is in; a bucket may go into debt and pays it before anyone else enters.
Buckets hold half a second of their rate, so that requests are spread rather than burst, which is
what servers that enforce a minute's limit by the second want. Where no limit is known that explains
a refusal, a pace is learned from refusals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.client.buckets import Bucket, Charge
from evalkit.client.concurrency import Concurrency, Slowness
from evalkit.client.pace import Pace
from evalkit.messages.headers import NO_LIMITS, RateLimit, RateLimits
from evalkit.policies import Retries

BURST_S = 0.5
# Clocks and the ways to the server are not quite even, and lengths of answers are guesses: what is
# left of a limit fills the server's bucket up again.
REQUEST_SHARE = 0.99
TOKEN_SHARE = 0.98
# What is left is told rounded: requests down, tokens to the nearest thousand.
_ROUNDING_REQUESTS = 1.0
_ROUNDING_TOKENS = 500.0


class Limiter:
    """Everything that decides when the next request of an endpoint and model may go."""

    def __init__(
        self,
        concurrency: int | None = None,
        requests_per_minute: int | None = None,
        input_tokens_per_minute: int | None = None,
        output_tokens_per_minute: int | None = None,
    ) -> None:
        self.concurrency = Concurrency(concurrency)
        self.in_flight = 0
        self.is_paused = False
        self._open_at_s = -math.inf
        self._pause_s = 0.0
        self._overloads = 0.0
        self._told = NO_LIMITS
        self._slowness = Slowness()
        self._pace = Pace()
        self._requests = Bucket(
            BURST_S, requests_per_minute, share=REQUEST_SHARE, slack=_ROUNDING_REQUESTS
        )
        self._input = _tokens(input_tokens_per_minute)
        self._output = _tokens(output_tokens_per_minute)
        # Of servers that limit input and output together, and tell of nothing else.
        self._tokens = _tokens(None)

    def wait_s(self, charge: Charge, now_s: float) -> tuple[float, str | None]:
        """Seconds until a request may enter, and what it waits for; infinite for a free place."""
        if self.is_paused:
            return math.inf, "paused"
        if self.in_flight >= self.concurrency.limit:
            self.concurrency.wanted()
            return math.inf, "concurrency"
        both = charge.input_tokens + charge.output_tokens
        waits: Iterable[tuple[float, str]] = (
            (self._open_at_s - now_s, "server refusal"),
            (
                self._pace.wait_s(now_s),
                "pace after refusals" if self._pace.is_learned else "beginning",
            ),
            (self._requests.wait_s(1.0, now_s), "requests per minute"),
            (self._input.wait_s(charge.input_tokens, now_s), "input tokens per minute"),
            (self._output.wait_s(charge.output_tokens, now_s), "output tokens per minute"),
            (self._tokens.wait_s(both, now_s), "tokens per minute"),
        )
        longest, reason = max(waits)
        return (longest, reason) if longest > 0 else (0.0, None)

    def enter(self, charge: Charge, now_s: float) -> None:
        """A request goes."""
        self.in_flight += 1
        self._pace.enter(now_s)
        self._requests.take(1.0, now_s)
        self._take(charge.input_tokens, charge.output_tokens, now_s)

    def leave(self) -> None:
        """A request has ended, however it ended."""
        self.in_flight -= 1

    def settle(
        self, charge: Charge, input_tokens: int | None, output_tokens: int | None, now_s: float
    ) -> None:
        """Correct what was charged by what was used, where that is known."""
        given = 0.0 if input_tokens is None else input_tokens - charge.input_tokens
        answered = 0.0 if output_tokens is None else output_tokens - charge.output_tokens
        self._take(given, answered, now_s)

    def _take(self, input_tokens: float, output_tokens: float, now_s: float) -> None:
        self._input.take(input_tokens, now_s)
        self._output.take(output_tokens, now_s)
        self._tokens.take(input_tokens + output_tokens, now_s)

    def begun(self, sent_s: float = 0.0) -> None:
        """An answer to what was sent at ``sent_s`` has begun; its headers are observed already."""
        self.concurrency.begun(sent_s)
        self._pace.begun(sent_s)

    def answered(
        self, variant: str, service_s: float, output_tokens: int | None, now_s: float
    ) -> None:
        """An answer came."""
        slowness = self._slowness.note(variant, service_s, output_tokens, now_s)
        self.concurrency.answered(now_s, service_s, slowness)
        self._overloads *= 1 - _OVERLOAD_WEIGHT
        self._pause_s = 0.0

    def observe(self, limits: RateLimits, now_s: float) -> None:
        """What the headers of an answer say."""
        self._told = limits
        self._requests.observe(limits.requests, now_s)
        self._input.observe(limits.input, now_s)
        self._output.observe(limits.output, now_s)
        if limits.input is None and limits.output is None:
            self._tokens.observe(limits.tokens, now_s)

    def refused(
        self,
        retry_after_s: float | None,
        now_s: float,
        *,
        charge: Charge | None = None,
        sent_s: float | None = None,
        is_overload: bool = False,
    ) -> None:
        """A 429 or 529: nobody enters until the named time, and then at the known rate.

        Where no time is named, a 429 closes the gate for a while, longer with every one in a row.
        Overloads (529) slow everyone only where they are many among the answers: a few say nothing
        of our rate, and each has its own trial wait already. ``charge`` is what was refused,
        ``sent_s`` when it was sent.
        """
        if is_overload:
            self._overloads += _OVERLOAD_WEIGHT * (1 - self._overloads)
            if self._overloads >= _SOME_OVERLOADS:
                self.concurrency.refused(now_s)
            if self._overloads < _MANY_OVERLOADS:
                return
        else:
            self.concurrency.refused(now_s)
            if not self._is_explained(charge or Charge(0.0, 0.0), now_s):
                self._pace.refused(now_s if sent_s is None else sent_s, now_s)
        self._requests.drain(now_s)
        if not retry_after_s or retry_after_s > _LONGEST_KEPT_S:
            if now_s < self._open_at_s:
                return  # one of a burst; the gate is closed already
            self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            retry_after_s = self._pause_s
        self._open_at_s = max(self._open_at_s, now_s + retry_after_s)
        self._pace.rest(self._open_at_s)

    def _is_explained(self, charge: Charge, now_s: float) -> bool:
        """Whether a limit that is known has nothing left, so that keeping to it will do.

        By our own count, or by the server's, told with the refusal. One that refuses though it
        says that enough is left has limits that it does not tell.
        """
        both = charge.input_tokens + charge.output_tokens
        told = self._told
        return any(
            bucket.wait_s(amount, now_s) > 0 or _lacks(said, amount + slack)
            for bucket, said, amount, slack in (
                (self._requests, told.requests, 1.0, 0.0),
                (self._input, told.input, charge.input_tokens, _ROUNDING_TOKENS),
                (self._output, told.output, charge.output_tokens, _ROUNDING_TOKENS),
                (self._tokens, told.tokens, both, _ROUNDING_TOKENS),
            )
        )

    def state(self, now_s: float) -> Mapping[str, Any]:
        """What is known and used, as plain data: limits a minute, levels, the gate, the pace."""
        pace = self._pace.per_s(now_s)
        return {
            "in_flight": self.in_flight,
            "concurrency": self.concurrency.limit,
            "is_paused": self.is_paused,
            "closed_for_s": max(0.0, self._open_at_s - now_s),
            "pace_per_s": pace if pace < math.inf else None,
            "per_minute": {
                name: bucket.per_minute
                for name, bucket in (
                    ("requests", self._requests),
                    ("input_tokens", self._input),
                    ("output_tokens", self._output),
                    ("tokens", self._tokens),
                )
                if bucket.is_known
            },
        }


def _lacks(told: RateLimit | None, amount: float) -> bool:
    """Whether a server says that less than an amount is left."""
    return told is not None and told.remaining is not None and told.remaining < amount


def _tokens(per_minute: int | None) -> Bucket:
    return Bucket(BURST_S, per_minute, share=TOKEN_SHARE, slack=_ROUNDING_TOKENS)


# Without a word from the server: the first pause, doubled with every refusal in a row.
_FIRST_PAUSE_S = 0.5
# The share of overloads among the last answers from which fewer go at once, and everyone waits.
_OVERLOAD_WEIGHT = 0.05
_SOME_OVERLOADS = 0.15
_MANY_OVERLOADS = 0.3
_LONGEST_PAUSE_S = 30.0
# A longer time named by the server fails its trial. Others are still asked, so that a run against
# an endpoint that is closed for the day ends with that failure instead of waiting for tomorrow.
_LONGEST_KEPT_S = Retries().max_retry_after_s
