"""A rate found out from refusals, for servers that tell none.

After a refusal requests go at 90 % of the rate at which they were accepted just before. From there
the rate grows along a cubic: quickly at first, hardly at all near the rate that was refused, then
quickly again (in the way of CUBIC TCP, RFC 9438), so that few requests find out where the limit is.

What was accepted between two refusals, over the time between them, is the server's rate: at both
moments there was nothing left. The first refusal has no other before it, so its rate is a guess
with the server's burst in it, or one from a run that had hardly begun; it is soon tried again.
A server that refuses everything says nothing of a rate: none is learned from it, and only single
requests find out whether it answers again.
"""

from __future__ import annotations

import math
from collections import deque

_WINDOW_S = 5.0
# Of a run that has just begun, and between two refusals.
_SHORTEST_S, _SHORTEST_BETWEEN_S = 0.5, 0.1
_BIN_S = 0.25
_STEP = 0.1
_SLOWEST_PER_S = 0.2
# From fewer requests no rate is learned; that the gate closes for a while must do.
_FEWEST = 10
_BURST_S = 0.1
# Refusals are one request in some hundreds.
_REQUESTS_A_CYCLE = 400.0
_LONGEST_S = 20.0
# A rate from a short time is soon tried again: after so many times as long.
_TRUST, _SOONEST_S = 1.4, 2.0
# A few requests say little: after fewer, no cut is deeper than the first of these.
_DEEPEST_CUT, _DEEPEST_SURE_CUT = 0.7, 0.3
_SURE = 20
# Grown so far beyond what was once refused that it limits nothing any more.
_FORGOTTEN = 4.0
# The first requests are spread, so that the first refusal is heard before all have gone: slower
# than any limit might want, but no slower than they are made.
_FIRST, _FIRST_AT_ONCE = 200, 10.0
_FIRST_PER_S = 1000.0
_PROBES_PER_S = 10.0


class _Accepted:
    """How many requests a second were accepted since a moment: those that went, less refused."""

    def __init__(self, start_s: float, shortest_s: float = _SHORTEST_S) -> None:
        self.start_s = start_s
        self._shortest_s = shortest_s
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
        since_s = self._end_s - max(self.start_s, self._end_s - _WINDOW_S)
        total = sum(amount for _, amount in self._bins)
        return max(0.0, total) / max(since_s, self._shortest_s)

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
        self._has_begun = False
        self._is_probing = False
        self._half_s = _SOONEST_S
        self._level = _FIRST_AT_ONCE
        self._at_s = 0.0

    @property
    def is_learned(self) -> bool:
        """Whether refusals are the reason for waiting, and not that little has gone so far."""
        return self._is_probing or self._plateau_per_s < math.inf

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
        rate, most = self.per_s(now_s), 1.0
        if self._is_probing:
            rate = min(rate, _PROBES_PER_S)
        elif rate < math.inf:
            most = max(1.0, rate * _BURST_S)
        elif self._accepted is None or self._accepted.sent < _FIRST:
            rate, most = _FIRST_PER_S, _FIRST_AT_ONCE
        else:
            return 0.0
        self._level = min(most, self._level + max(0.0, now_s - self._at_s) * rate)
        self._at_s = max(now_s, self._at_s)
        return (1.0 - self._level) / rate if self._level < 1.0 - 1e-9 else 0.0

    def enter(self, now_s: float) -> None:
        """A request goes."""
        self._level = max(0.0, self._level - 1.0)
        if self._accepted is None:
            self._accepted = _Accepted(now_s)
        self._accepted.count(now_s, 1.0)

    def begun(self, sent_s: float) -> None:
        """A request that was sent at ``sent_s`` was accepted."""
        if sent_s > self._cut_at_s:
            self._has_begun, self._is_probing = True, False

    def refused(self, sent_s: float, now_s: float) -> None:
        """A request that was sent at ``sent_s`` was refused: go slower than what was accepted."""
        if sent_s <= self._cut_at_s:
            # One of a burst: sent before we slowed down, it only tells how much too fast it was.
            self._before_cut.take_back()
            accepted = max(self._before_cut.per_s(), self._least_per_s)
            self._plateau_per_s = min(self._plateau_per_s, accepted)
            return
        if not self._has_begun:
            self._is_probing = True
            return
        self._before_cut = self._accepted or _Accepted(now_s)
        self._before_cut.count(now_s, -1.0)
        rate = self.per_s(now_s)
        if rate == math.inf and self._before_cut.sent < _FEWEST:
            self._accepted = self._before_cut
            return
        self._cut(rate, now_s)

    def _cut(self, rate: float, now_s: float) -> None:
        deepest = _DEEPEST_SURE_CUT if self._before_cut.sent >= _SURE else _DEEPEST_CUT
        self._least_per_s = max(_SLOWEST_PER_S, deepest * rate if rate < math.inf else 0.0)
        self._plateau_per_s = min(rate, max(self._before_cut.per_s(), self._least_per_s))
        cycle_s = min(_REQUESTS_A_CYCLE / self._plateau_per_s, _LONGEST_S)
        trusted_s = 0.0 if rate == math.inf else _TRUST * (now_s - self._before_cut.start_s)
        self._half_s = max(_SOONEST_S, min(cycle_s, trusted_s))
        self._cut_at_s = now_s
        self._has_begun = False
        self._accepted = _Accepted(now_s, _SHORTEST_BETWEEN_S)
        self._level, self._at_s = 0.0, now_s

    def rest(self, until_s: float) -> None:
        """Nobody goes until then, and then not all at once."""
        self._level, self._at_s = 1.0, max(until_s, self._at_s)
