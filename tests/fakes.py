"""One fake a protocol: time that only passes when slept, clients that answer from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from builders import WHEN, a_response

from evalkit.types import Request, Response


class FakeClock:
    """Time passes when someone sleeps, and for nobody else."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.slept: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    def utc(self) -> datetime:
        return WHEN + timedelta(seconds=self.time_s - 100.0)

    async def sleep(self, seconds: float, until: asyncio.Event) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        if not until.is_set():
            self.time_s += seconds


class FakeClient:
    """Answers each request with the next of ``outcomes`` (an exception is raised), then well."""

    def __init__(self, *outcomes: Response | Exception | Callable[[Request], Response]) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            if on_start is not None:
                on_start()
            outcome = self.outcomes.pop(0) if self.outcomes else a_response(attempts=())
            if isinstance(outcome, Exception):
                raise outcome
            return outcome if isinstance(outcome, Response) else outcome(request)
        finally:
            self.in_flight -= 1
