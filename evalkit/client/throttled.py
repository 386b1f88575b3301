"""A Client that waits for room, first come first served.

One 429 or 529 slows everyone at the endpoint, not just its own trial. Where requests share a
cacheable prefix, the first one goes alone until its answer begins; the rest then read the server's
cache instead of all writing it.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable

from evalkit.client.buckets import Charge, Forecast
from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.client.limits import Limiter
from evalkit.errors import ApiError
from evalkit.types import Request, Response


class Gate:
    """The way to one endpoint and model, shared by every client that goes there.

    ``limited_by`` says what the first in the queue waits for, ``errors`` counts the attempts that
    failed, by kind. ``stopping`` ends all waiting with a ``cancelled`` ApiError.
    """

    def __init__(self, limiter: Limiter, clock: Clock, stopping: asyncio.Event) -> None:
        self.limiter = limiter
        self.limited_by: str | None = None
        self.errors: Counter[str] = Counter()
        self.clock = clock
        self.stopping = stopping
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def enter(self, guess: Callable[[], Charge]) -> Charge:
        """Wait for room and take it; what was taken.

        The guess is made when it is the request's turn: by then more is known.
        """
        if not self._turn.locked() and not self.stopping.is_set():
            charge = guess()
            if self._try(charge) == 0.0:
                return charge
        async with self._turn:
            while not self.stopping.is_set():
                charge = guess()
                wait_s = self._try(charge)
                if wait_s == 0.0:
                    return charge
                self._changed.clear()
                if wait_s < math.inf:
                    # Tokens that come back shorten the wait.
                    await self.clock.sleep(wait_s, self._changed)
                else:
                    await self._changed.wait()
        raise ApiError("cancelled", "stopped while waiting for room")

    def _try(self, charge: Charge) -> float:
        """Enter if there is room, else the seconds to wait."""
        now_s = self.clock.now_s()
        wait_s, self.limited_by = self.limiter.wait_s(charge, now_s)
        if self.limited_by is None:
            self.limiter.enter(charge, now_s)
        return wait_s

    def begun(self, sent_s: float) -> None:
        """An answer to what was sent at ``sent_s`` has begun, so there may be more places."""
        self.limiter.begun(sent_s)
        self._changed.set()

    def leave(self) -> None:
        """Give the place back."""
        self.limiter.leave()
        self._changed.set()

    def wake(self) -> None:
        """Look again: limits were changed from outside."""
        self._changed.set()

    async def watch(self) -> None:
        """Wake whoever waits for room when the run stops; runs beside the clients."""
        await self.stopping.wait()
        self._changed.set()


class ThrottledClient:
    """Wraps a client; every request passes the gate."""

    def __init__(self, client: Client, gate: Gate) -> None:
        self._client = client
        self._gate = gate
        self._limiter = gate.limiter
        self._clock = gate.clock
        self._forecast = Forecast()
        self._prefixes: dict[str, asyncio.Event] = {}

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        """Wait for room, then ask; raises what the wrapped client raises."""
        key = request.prefix_key
        if key is None:
            return await self._ask(request, on_start)
        warming = await self._await_prefix(key)
        if warming is None:
            return await self._ask(request, on_start)
        try:
            return await self._ask(request, warming.set)
        finally:
            if not warming.is_set():
                # The first one failed before its answer began: the next one tries.
                del self._prefixes[key]
                warming.set()

    async def _ask(self, request: Request, on_start: Callable[[], None] | None) -> Response:
        charge = await self._gate.enter(
            lambda: self._forecast.charge(
                request.variant_key, request.size_bytes, request.max_tokens
            )
        )
        start_s = self._clock.now_s()

        has_begun = False

        def begin() -> None:
            nonlocal has_begun
            has_begun = True
            self._gate.begun(start_s)
            if on_start is not None:
                on_start()

        try:
            response = await self._client.send(request, begin)
            if not has_begun:
                begin()
            self._settle(request, response, charge, start_s)
            return response
        except ApiError as error:
            self._gate.errors[error.kind] += 1
            if error.slows_everyone:
                now_s = self._clock.now_s()
                self._limiter.settle(charge, 0, 0, now_s)
                self._limiter.refused(
                    error.retry_after_s,
                    now_s,
                    charge=charge,
                    sent_s=start_s,
                    is_overload=error.kind == "overloaded",
                )
            raise
        finally:
            self._gate.leave()

    def _settle(self, request: Request, response: Response, charge: Charge, start_s: float) -> None:
        now_s = self._clock.now_s()
        usage = response.usage
        fresh = usage.input_tokens
        if fresh is not None:
            # Tokens read from the server's cache count toward no limit; written ones do.
            fresh += usage.cache_write_tokens or 0
        variant, answered = request.variant_key, usage.output_tokens
        self._limiter.answered(variant, now_s - start_s, answered, now_s)
        self._limiter.settle(charge, fresh, answered, now_s)
        self._forecast.learn(variant, request.size_bytes, fresh, answered)

    async def _await_prefix(self, key: str) -> asyncio.Event | None:
        """Wait for whoever warms the same prefix; the event to set if that is this request."""
        while (warming := self._prefixes.get(key)) is not None:
            if warming.is_set():
                return None
            await warming.wait()
        self._prefixes[key] = asyncio.Event()
        return self._prefixes[key]
