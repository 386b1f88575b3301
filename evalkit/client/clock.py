"""Time as a thing that is handed in, so that tests own it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds, the time of day, and waiting."""

    def now_s(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def utc(self) -> datetime:
        """The time of day, for records."""
        ...

    async def sleep(self, seconds: float, until: asyncio.Event) -> None:
        """Wait so long, or until the event is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """See Clock."""
        return time.perf_counter()

    def utc(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float, until: asyncio.Event) -> None:
        """See Clock."""
        if seconds <= 0 or until.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await until.wait()
        except TimeoutError:
            return
