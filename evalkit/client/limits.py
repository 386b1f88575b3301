"""How fast to go, as arithmetic: token buckets and adaptive concurrency. Time is handed in.

Rules. A request enters when there is room for it everywhere: in flight, and in the buckets of
requests, input tokens and output tokens per minute. Tokens are charged by estimate on entering and
corrected when the answer is in; a bucket may go into debt and pays it before anyone else enters.
Buckets hold a second or two of their rate, so that requests are spread rather than burst, which is
what servers that enforce a minute's limit by the second want.

Concurrency chosen by itself follows the way of TCP: doubled each round until something gives, then
grown by one a round while all of it is in use, cut when the server refuses or slows down, and not
cut twice for one burst of refusals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.messages.headers import RateLimit, RateLimits
from evalkit.policies import Retries

REQUEST_BURST_S = 0.5
TOKEN_BURST_S = 2.0
# Remaining tokens are told rounded to the nearest thousand.
_ROUNDING_TOKENS = 500.0
_NOTHING = 1e-9


class Bucket:
    """A token bucket of ``per_minute`` that holds ``burst_s`` seconds of its rate, or one request.

    ``told`` is the limit the user gave, if any; the server may tighten it, never loosen it.
    """

    def __init__(self, burst_s: float, told: int | None = None, slack: float = 0.0) -> None:
        self._burst_s = burst_s
        self._told = told
        self._slack = slack
        self._per_s = told / 60.0 if told else math.inf
        self._level = self._capacity if told else math.inf
        self._at_s: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a limit at all."""
        return self._per_s < math.inf

    @property
    def _capacity(self) -> float:
        return max(1.0, self._per_s * self._burst_s)

    def level(self, now_s: float) -> float:
        """What may be taken now; negative while in debt."""
        if self.is_known:
            since = now_s - (now_s if self._at_s is None else self._at_s)
            self._level = min(self._capacity, self._level + since * self._per_s)
        self._at_s = now_s
        return self._level

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until ``amount`` (at most a full bucket) may be taken."""
        if not self.is_known:
            return 0.0
        missing = min(amount, self._capacity) - self.level(now_s)
        return missing / self._per_s if missing > _NOTHING else 0.0

    def take(self, amount: float, now_s: float) -> None:
        """Take an amount, into debt if need be; a negative one is given back."""
        if self.is_known:
            self._level = min(self._capacity, self.level(now_s) - amount)

    def observe(self, server: RateLimit | None, now_s: float) -> None:
        """What the server says of its own bucket: its limit a minute, and what is left."""
        if server is None:
            return
        if server.limit:
            limit = min(server.limit, self._told) if self._told else server.limit
            was_known = self.is_known
            self._per_s = limit / 60.0
            if not was_known:
                self._level, self._at_s = self._capacity, now_s
        if server.remaining is not None and self.is_known:
            self._level = min(self.level(now_s), server.remaining + self._slack)

    def drain(self, now_s: float) -> None:
        """Start from empty: a refusal says that there was nothing left."""
        if self.is_known:
            self._level = min(self.level(now_s), 0.0)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request is taken for on entering, in tokens."""

    input_tokens: float
    output_tokens: float


class Forecast:
    """Guesses tokens before an answer and learns from each: input by size, output by variant."""

    def __init__(self) -> None:
        self._tokens_per_byte = 1 / 3.5
        self._output: dict[str, tuple[float, int]] = {}

    def charge(self, variant: str, size: int, max_tokens: int) -> Charge:
        """The guess for a request of ``size`` bytes that may answer with ``max_tokens``."""
        mean, seen = self._output.get(variant, (max_tokens / 4, 0))
        return Charge(
            size * self._tokens_per_byte, min(mean if seen else max_tokens / 4, max_tokens)
        )

    def learn(
        self, variant: str, size: int, input_tokens: int | None, output_tokens: int | None
    ) -> None:
        """Take an answer's counts in, where they are known."""
        if input_tokens and size:
            self._tokens_per_byte += 0.1 * (input_tokens / size - self._tokens_per_byte)
        if output_tokens is not None:
            mean, seen = self._output.get(variant, (0.0, 0))
            # A running mean that forgets slowly, so that a drift is followed.
            weight = 1 / min(seen + 1, 50)
            self._output[variant] = (mean + weight * (output_tokens - mean), seen + 1)


FIRST_CONCURRENCY = 8
MOST_CONCURRENCY = 200
_CUT = 0.7
_COOLDOWN_S = 1.0
_SLOW_DOWN = 1.5
_COLLAPSE = 3.0
_SHORTEST_S = 1e-3
_HALF_FORGOTTEN_S = 600.0


class Concurrency:
    """How many requests may be in flight: a fixed number, or found out on the way.

    ``fixed`` None means to find out. Until the first answer no more than ``FIRST_CONCURRENCY`` go,
    since before it nothing is known of the server's limits.
    """

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self._limit = float(FIRST_CONCURRENCY)
        self._is_starting = True
        self._has_answer = False
        self._answers = 0
        self._cut_at_s = -math.inf
        self._recent_s: float | None = None
        self._best_s = math.inf
        self._round_at_s = 0.0

    @property
    def most(self) -> int:
        """The bound that is never passed."""
        return self._fixed or MOST_CONCURRENCY

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        if not self._has_answer:
            return min(FIRST_CONCURRENCY, self.most)
        return self._fixed or max(1, int(self._limit))

    def set(self, fixed: int) -> None:
        """Use this number from now on."""
        self._fixed = fixed

    def answered(self, now_s: float, service_s: float, *, is_full: bool) -> None:
        """An answer came after ``service_s``; ``is_full``: all of the limit was in use."""
        self._has_answer = True
        recent = service_s if self._recent_s is None else self._recent_s
        self._recent_s = recent + 0.1 * (service_s - recent)
        self._answers += 1
        if self._answers < int(self._limit):
            return
        # Once a round. The best round is forgotten slowly: a server may be slower at noon.
        self._answers = 0
        faded_s = self._best_s * 2 ** ((now_s - self._round_at_s) / _HALF_FORGOTTEN_S)
        self._round_at_s = now_s
        self._best_s = min(faded_s, max(self._recent_s, _SHORTEST_S))
        slowness = self._recent_s / self._best_s
        if slowness > _COLLAPSE:
            self._cut(now_s)
        elif slowness > _SLOW_DOWN:
            self._is_starting = False
        elif is_full:
            grown = self._limit * 2 if self._is_starting else self._limit + 1
            self._limit = min(grown, MOST_CONCURRENCY)

    def refused(self, now_s: float) -> None:
        """The server asked to slow down."""
        self._has_answer = True
        self._cut(now_s)

    def _cut(self, now_s: float) -> None:
        self._is_starting = False
        if now_s - self._cut_at_s >= _COOLDOWN_S:
            self._cut_at_s = now_s
            self._answers = 0
            self._limit = max(1.0, self._limit * _CUT)


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
        self._requests = Bucket(REQUEST_BURST_S, requests_per_minute)
        self._input = Bucket(TOKEN_BURST_S, input_tokens_per_minute, _ROUNDING_TOKENS)
        self._output = Bucket(TOKEN_BURST_S, output_tokens_per_minute, _ROUNDING_TOKENS)

    def wait_s(self, charge: Charge, now_s: float) -> tuple[float, str | None]:
        """Seconds until a request may enter, and what it waits for; infinite for a free place."""
        if self.is_paused:
            return math.inf, "paused"
        if self.in_flight >= self.concurrency.limit:
            return math.inf, "concurrency"
        waits: Iterable[tuple[float, str]] = (
            (self._open_at_s - now_s, "server refusal"),
            (self._requests.wait_s(1.0, now_s), "requests per minute"),
            (self._input.wait_s(charge.input_tokens, now_s), "input tokens per minute"),
            (self._output.wait_s(charge.output_tokens, now_s), "output tokens per minute"),
        )
        longest, reason = max(waits)
        return (longest, reason) if longest > 0 else (0.0, None)

    def enter(self, charge: Charge, now_s: float) -> None:
        """A request goes."""
        self.in_flight += 1
        self._requests.take(1.0, now_s)
        self._input.take(charge.input_tokens, now_s)
        self._output.take(charge.output_tokens, now_s)

    def leave(self) -> None:
        """A request has ended, however it ended."""
        self.in_flight -= 1

    def settle(
        self, charge: Charge, input_tokens: int | None, output_tokens: int | None, now_s: float
    ) -> None:
        """Correct what was charged by what was used, where that is known."""
        if input_tokens is not None:
            self._input.take(input_tokens - charge.input_tokens, now_s)
        if output_tokens is not None:
            self._output.take(output_tokens - charge.output_tokens, now_s)

    def answered(self, service_s: float, now_s: float) -> None:
        """An answer came; called before :meth:`leave`."""
        is_full = self.in_flight >= self.concurrency.limit
        self.concurrency.answered(now_s, service_s, is_full=is_full)
        self._overloads *= 1 - _OVERLOAD_WEIGHT
        self._pause_s = 0.0

    def observe(self, limits: RateLimits, now_s: float) -> None:
        """What the headers of an answer say."""
        self._requests.observe(limits.requests, now_s)
        self._input.observe(limits.input, now_s)
        self._output.observe(limits.output, now_s)

    def refused(
        self, retry_after_s: float | None, now_s: float, *, is_overload: bool = False
    ) -> None:
        """A 429 or 529: nobody enters until the named time, and then at the known rate.

        Where no time is named, a 429 closes the gate for a while, longer with every one in a row.
        An overload (529) does so only where they are many among the answers: a few say nothing of
        our rate, and each has its own trial wait already.
        """
        self.concurrency.refused(now_s)
        self._requests.drain(now_s)
        if is_overload:
            self._overloads += _OVERLOAD_WEIGHT * (1 - self._overloads)
            if not retry_after_s and self._overloads < _MANY_OVERLOADS:
                return
        if not retry_after_s or retry_after_s > _LONGEST_KEPT_S:
            if now_s < self._open_at_s:
                return  # one of a burst; the gate is closed already
            self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            retry_after_s = self._pause_s
        self._open_at_s = max(self._open_at_s, now_s + retry_after_s)


# Without a word from the server: the first pause, doubled with every refusal in a row.
_FIRST_PAUSE_S = 0.5
# The share of overloads among the last answers from which everyone waits.
_OVERLOAD_WEIGHT = 0.05
_MANY_OVERLOADS = 0.3
_LONGEST_PAUSE_S = 30.0
# A longer time named by the server fails its trial. Others are still asked, so that a run against
# an endpoint that is closed for the day ends with that failure instead of waiting for tomorrow.
_LONGEST_KEPT_S = Retries().max_retry_after_s
