"""A Client that waits for room: a fixed number in flight, and a pause that everyone keeps.

One 429 or 529 slows the endpoint, not just its own trial: until the named time has passed nobody
sends, and those who waited start again spread out rather than all at once.
"""

from __future__ import annotations

import asyncio
import random

from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.errors import ApiError
from evalkit.types import Request, Response

# Without a word from the server: the first pause, doubled with every refusal in a row.
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class ThrottledClient:
    """Wraps a client; ``stopping`` ends all waiting with a ``cancelled`` ApiError."""

    def __init__(
        self,
        client: Client,
        concurrency: int,
        clock: Clock,
        stopping: asyncio.Event,
        jitter: random.Random,
    ) -> None:
        self._client = client
        self._room = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._stopping = stopping
        self._jitter = jitter
        self._open_at_s = 0.0
        self._pause_s = 0.0

    async def send(self, request: Request) -> Response:
        """Wait for room, then ask; raises what the wrapped client raises."""
        async with self._room:
            await self._wait_for_gate()
            try:
                response = await self._client.send(request)
            except ApiError as error:
                if error.slows_everyone:
                    self._close_gate(error.retry_after_s)
                raise
        self._pause_s = 0.0
        return response

    async def _wait_for_gate(self) -> None:
        while (left_s := self._open_at_s - self._clock.now_s()) > 0:
            # Up to a tenth later, so that the waiting do not come back as one herd.
            await self._clock.sleep(left_s * (1 + 0.1 * self._jitter.random()), self._stopping)
            if self._stopping.is_set():
                raise ApiError("cancelled", "stopped while waiting for the endpoint")

    def _close_gate(self, retry_after_s: float | None) -> None:
        now_s = self._clock.now_s()
        if retry_after_s is None:
            if now_s < self._open_at_s:
                return  # one of a burst; the gate is closed already
            self._pause_s = min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            retry_after_s = self._pause_s
        self._open_at_s = max(self._open_at_s, now_s + retry_after_s)
