"""An end to a job by the clock."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

from evalkit.errors import EXIT_INCONCLUSIVE
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.watch import Watch
from evalkit.stats.arrays import IntArray
from evalkit.types import TrialResult

_GRACE_S = 30.0


class Deadline:
    """Stops sittings when the time is over, and ends them for good some seconds later.

    The time counts from when this is made, over all sittings. None: there is no end.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._began_s = time.monotonic()
        self._stop: Callable[[Reason], None] | None = None
        self._timers: list[threading.Timer] = []
        self._guard = threading.Lock()

    def begin(self, stop: Callable[[Reason], None]) -> None:
        """A sitting begins that ``stop`` ends."""
        self._stop = stop
        if self._timeout_s is not None:
            left_s = max(0.0, self._began_s + self._timeout_s - time.monotonic())
            self._after(left_s, self._ask)
            self._after(left_s + _GRACE_S, self._insist)

    def end(self) -> None:
        """The sitting is over."""
        with self._guard:
            self._stop = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _ask(self) -> None:
        with self._guard:
            if self._stop is not None:
                told = f"the time is over ({self._timeout_s:g} s) before the gate was decided"
                self._stop(Reason(told, EXIT_INCONCLUSIVE, "Allow more with --timeout."))

    def _insist(self) -> None:
        """What is in flight is given up, as by a second interrupt."""
        with self._guard:
            if self._stop is not None:
                os.kill(os.getpid(), signal.SIGTERM)


class Timed:
    """A watch with a deadline."""

    def __init__(self, watch: Watch, deadline: Deadline) -> None:
        self._watch = watch
        self._deadline = deadline

    def order(self) -> IntArray:
        """See Watch."""
        return self._watch.order()

    def hear(self, result: TrialResult) -> None:
        """See Watch."""
        self._watch.hear(result)

    def begin(self, stop: Callable[[Reason], None]) -> None:
        """See Watch."""
        self._deadline.begin(stop)
        self._watch.begin(stop)

    def end(self) -> None:
        """See Watch."""
        self._deadline.end()
        self._watch.end()
