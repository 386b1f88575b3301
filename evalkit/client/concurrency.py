"""How many requests may be in flight: a number, or found out on the way as TCP does it.

Doubled with each round of answers that begin until something gives, then grown by one with each
round that ends, both only while somebody waits for a place; cut when the server refuses or slows
down, and not again before the answers to what was sent before the cut are in.
"""

from __future__ import annotations

import math

# Before the first answer nothing is known of the server's limits.
BEFORE_AN_ANSWER = 4
FIRST_CONCURRENCY = 8
MOST_CONCURRENCY = 200
_CUT = 0.7
_COOLDOWN_S = 1.0
_SLOW_DOWN = 2.0
_COLLAPSE = 3.0
# To begin an answer takes about as long as so many of its tokens.
_BEGINNING_TOKENS = 80
_SHORTEST_S = 1e-3
_HALF_FORGOTTEN_S = 600.0


class Slowness:
    """How slow answers are, as a multiple of the best that was seen of their own variant.

    A variant that thinks takes ten times as long as one that does not, and the first answers in are
    the short ones: so time counts by the token, and against the same variant.
    """

    def __init__(self) -> None:
        self._variants: dict[str, tuple[float, float, float]] = {}
        self._mean = 1.0

    def note(
        self, variant: str, service_s: float, output_tokens: int | None, now_s: float
    ) -> float:
        """Take an answer in; the running mean over all variants."""
        each_s = max(service_s, _SHORTEST_S) / ((output_tokens or 0) + _BEGINNING_TOKENS)
        recent_s, best_s, at_s = self._variants.get(variant, (each_s, each_s, now_s))
        recent_s += 0.2 * (each_s - recent_s)
        # The best is forgotten slowly: a server may be slower at noon.
        best_s = min(best_s * 2 ** ((now_s - at_s) / _HALF_FORGOTTEN_S), recent_s)
        self._variants[variant] = (recent_s, best_s, now_s)
        self._mean += 0.1 * (recent_s / best_s - self._mean)
        return self._mean


class Concurrency:
    """``fixed`` None means to find out; until the first answer begins only a few go."""

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self._limit = float(FIRST_CONCURRENCY)
        self._is_starting = True
        self._has_answer = False
        self._is_wanted = False
        self._answers = 0
        self._round = FIRST_CONCURRENCY
        self._service_s = 0.0
        self._cut_at_s = -math.inf
        self._has_begun = False

    @property
    def most(self) -> int:
        """The bound that is never passed."""
        return self._fixed or MOST_CONCURRENCY

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        if not self._has_answer:
            return min(BEFORE_AN_ANSWER, self.most)
        return self._fixed or max(1, int(self._limit))

    def set(self, fixed: int) -> None:
        """Use this number from now on."""
        self._fixed = fixed

    def wanted(self) -> None:
        """Somebody waits for a place."""
        self._is_wanted = True

    def begun(self, sent_s: float = math.inf) -> None:
        """An answer has begun: what was sent at ``sent_s`` was accepted."""
        self._has_answer = True
        if sent_s > self._cut_at_s:
            self._has_begun = True
        if self._is_starting and self._is_wanted:
            self._limit = min(self._limit + 1, MOST_CONCURRENCY)

    def answered(self, now_s: float, service_s: float, slowness: float = 1.0) -> None:
        """An answer came after ``service_s``, in a time that is ``slowness`` times the best."""
        self._service_s += 0.1 * (service_s - self._service_s)
        if slowness > _SLOW_DOWN:
            self._is_starting = False
        self._answers += 1
        if self._answers < self._round:
            return
        if slowness > _COLLAPSE:
            self._cut(now_s, FIRST_CONCURRENCY)
        elif slowness <= _SLOW_DOWN and self._is_wanted and not self._is_starting:
            self._limit = min(self._limit + 1, MOST_CONCURRENCY)
        self._is_wanted = False
        self._begin_round()

    def refused(self, now_s: float) -> None:
        """The server asked to slow down."""
        self._cut(now_s, 1)

    def _cut(self, now_s: float, least: int) -> None:
        if not self._has_begun:
            return  # everything is refused, at however few: going down would find out nothing
        self._is_starting = False
        if now_s - self._cut_at_s >= max(_COOLDOWN_S, self._service_s):
            self._cut_at_s = now_s
            self._has_begun = False
            self._limit = min(self._limit, max(float(least), self._limit * _CUT))
            self._begin_round()

    def _begin_round(self) -> None:
        self._answers = 0
        self._round = max(1, int(self._limit))
