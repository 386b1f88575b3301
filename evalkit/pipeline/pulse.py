"""How long the event loop is ever kept from its work, measured from within."""

from __future__ import annotations

import asyncio
import time

_TICK_S = 0.01


class Pulse:
    """Sleeps a moment again and again, and notes when it is woken too late.

    ``stall_s`` is the longest delay, ``stall_cpu_s`` the longest in which this process was
    computing all the while: in the rest, others had the processor.
    """

    def __init__(self) -> None:
        self.stall_s = 0.0
        self.stall_cpu_s = 0.0

    async def beat(self) -> None:
        """Measure, for ever."""
        while True:
            wall_s, cpu_s = time.monotonic(), time.process_time()
            await asyncio.sleep(_TICK_S)
            late_s = time.monotonic() - wall_s - _TICK_S
            self.stall_s = max(self.stall_s, late_s)
            self.stall_cpu_s = max(self.stall_cpu_s, min(late_s, time.process_time() - cpu_s))
