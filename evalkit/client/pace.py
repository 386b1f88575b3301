"""A rate found out from refusals, for servers that tell none.

After a refusal requests go at 90 % of the rate at which they were accepted just before. From there
the rate grows along a cubic: quickly at first, hardly at all near the rate that was refused, then
quickly again (in the way of CUBIC TCP, RFC 9438), so that few requests find out where the limit is.
"""

from __future__ import annotations

import math
from collections import deque

_WINDOW_S = 5.0
_SHORTEST_WINDOW_S = 0.5
_BIN_S = 0.25
_STEP = 0.1
_SLOWEST_PER_S = 0.2
# From fewer requests no rate is learned; that the gate closes for a while must do.
_FEWEST = 10
_BURST_S = 0.1
# Refusals are one request in some hundreds.
_REQUESTS_A_CYCLE = 400.0
_SHORTEST_S, _LONGEST_S = 5.0, 20.0
# A few requests say little: however few were accepted, no cut is deeper.
_DEEPEST_CUT = 0.7
# Grown so far beyond what was once refused that it limits nothing any more.
_FORGOTTEN = 4.0


class _Accepted:
    """How many requests a second were accepted: those that went, less those refused."""

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._bins: deque[list[float]] = deque()
        self._end_s = start_s
        self.sent = 0

    def count(self, now_s: float, amount: float) -> None:
        at_s = now_s - now_s % _BIN_S
        if not self._bins or self._bins[-1][0] != at_s:
            self._bins.append([at_s, 0.0])
        self._bins[-1][1] += amount
        self.sent += amount > 0
        while self._bins[0][0] < now_s - _WINDOW_S:
            self._bins.popleft()
        self._end_s = now_s

    def per_s(self) -> float:
        since_s = self._end_s - max(self._start_s, self._end_s - _WINDOW_S)
        total = sum(amount for _, amount in self._bins)
        return max(0.0, total) / max(since_s, _SHORTEST_WINDOW_S)

    def take_back(self) -> None:
        """One of those that went was refused afterwards."""
        if self._bins:
            self._bins[-1][1] -= 1.0


class Pace:
    """Requests a second: unlimited until something is refused."""

    def __init__(self) -> None:
        self._accepted: _Accepted | None = None
        self._before_cut = _Accepted(0.0)
        self._plateau_per_s = math.inf
        self._least_per_s = _SLOWEST_PER_S
        self._cut_at_s = -math.inf
        self._half_s = _SHORTEST_S
        self._level = 0.0
        self._at_s = 0.0

    def per_s(self, now_s: float) -> float:
        """The rate at this moment."""
        if self._plateau_per_s == math.inf:
            return math.inf
        along = (now_s - self._cut_at_s - self._half_s) / self._half_s
        if along > _FORGOTTEN:
            self._plateau_per_s = math.inf
        return self._plateau_per_s * (1 + _STEP * along**3)

    def wait_s(self, now_s: float) -> float:
        """Seconds until a request may go."""
        rate = self.per_s(now_s)
        if rate == math.inf:
            return 0.0
        most = max(1.0, rate * _BURST_S)
        self._level = min(most, self._level + (now_s - self._at_s) * rate)
        self._at_s = now_s
        return (1.0 - self._level) / rate if self._level < 1.0 - 1e-9 else 0.0

    def enter(self, now_s: float) -> None:
        """A request goes."""
        self._level -= 1.0
        if self._accepted is None:
            self._accepted = _Accepted(now_s)
        self._accepted.count(now_s, 1.0)

    def refused(self, sent_s: float, now_s: float) -> None:
        """A request that was sent at ``sent_s`` was refused: go slower than what was accepted."""
        if sent_s <= self._cut_at_s:
            # One of a burst: sent before we slowed down, it only tells how much too fast it was.
            self._before_cut.take_back()
            accepted = max(self._before_cut.per_s(), self._least_per_s)
            self._plateau_per_s = min(self._plateau_per_s, accepted)
            return
        self._before_cut = self._accepted or _Accepted(now_s)
        self._before_cut.count(now_s, -1.0)
        rate = self.per_s(now_s)
        if rate == math.inf and self._before_cut.sent < _FEWEST:
            self._accepted = self._before_cut
            return
        least = max(_SLOWEST_PER_S, _DEEPEST_CUT * rate if rate < math.inf else 0.0)
        self._least_per_s = least
        self._plateau_per_s = min(rate, max(self._before_cut.per_s(), least))
        # The first rate is a guess from a short time, and soon tried again.
        is_guess = rate == math.inf
        cycle_s = 0.0 if is_guess else _REQUESTS_A_CYCLE / self._plateau_per_s
        self._half_s = min(max(cycle_s, _SHORTEST_S), _LONGEST_S)
        self._cut_at_s = now_s
        self._accepted = None
        self._level, self._at_s = 0.0, now_s
