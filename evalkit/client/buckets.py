"""Token buckets and the guess of what a request will take from them. Time is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.messages.headers import RateLimit

_NOTHING = 1e-9


class Bucket:
    """A token bucket of ``per_minute`` that holds ``burst_s`` seconds of its rate, or one request.

    ``told`` is the limit the user gave, if any; the server may tighten it, never loosen it. Of a
    limit, ``share`` is used. ``slack`` is how far what the server says of its own bucket may be
    from the truth, by rounding.
    """

    def __init__(
        self, burst_s: float, told: int | None = None, *, share: float = 1.0, slack: float = 0.0
    ) -> None:
        self._burst_s = burst_s
        self._told = told
        self._share = share
        self._slack = slack
        self._per_s = told * share / 60.0 if told else math.inf
        self._level = self._capacity if told else math.inf
        self._at_s: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a limit at all."""
        return self._per_s < math.inf

    @property
    def per_minute(self) -> float | None:
        """The limit that counts, if any."""
        return self._per_s * 60.0 / self._share if self.is_known else None

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
            self.level(now_s)
            self._per_s = limit * self._share / 60.0
            if not was_known:
                self._level = self._capacity
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
        mean, _ = self._output.get(variant, (max_tokens / 4, 0))
        return Charge(size * self._tokens_per_byte, min(mean, max_tokens))

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
