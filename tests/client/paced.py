"""evalkit's client, everything but the wire, against the limited API in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from builders import a_response, a_trial
from limited_api import LimitedApi
from virtual_time import VirtualClock, run_virtually

from evalkit.client.limits import Limiter
from evalkit.client.retrying import RetryingClient
from evalkit.client.throttled import Gate, ThrottledClient
from evalkit.executors.local import LocalExecutor
from evalkit.messages.headers import rate_limits
from evalkit.messages.response import parse_error
from evalkit.policies import Retries
from evalkit.types import Request, Response, Trial, Usage

BYTES_PER_TOKEN = 4.1
REFUSAL = (
    b'{"type": "error", "error": {"type": "rate_limit_error", "message": "This request would'
    b' exceed the rate limit for your organization"}}'
)


@dataclass
class Wire:
    """Where HTTP would be: asks the API, and tells the limiter what headers say."""

    api: LimitedApi
    gate: Gate
    clock: VirtualClock
    latency_s: Callable[[Request], float]
    tokens: Callable[[Request], tuple[int, int]]

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        start_s = self.clock.now_s()
        given, answered = self.tokens(request)
        await asyncio.sleep(0.01)
        headers = self.api.arrive(given, self.clock.now_s())
        if headers is not None:
            self._observe(headers)
            error = parse_error(429, headers, REFUSAL, self.clock.utc())
            error.elapsed_s = self.clock.now_s() - start_s
            raise error
        latency_s = self.latency_s(request)
        await asyncio.sleep(0.3 * latency_s)
        self._observe(self.api.headers(self.clock.now_s()))
        if on_start is not None:
            on_start()
        await asyncio.sleep(0.7 * latency_s)
        self.api.finish(answered, self.clock.now_s())
        self._observe(self.api.headers(self.clock.now_s()))
        usage = Usage(input_tokens=given, output_tokens=answered)
        return a_response(usage=usage, elapsed_s=self.clock.now_s() - start_s, attempts=())

    def _observe(self, headers: dict[str, str]) -> None:
        told = rate_limits(headers, self.clock.utc())
        self.gate.limiter.observe(told, self.clock.now_s())


@dataclass
class Paced:
    """What came of it. ``span_s`` is from the first request admitted to the last."""

    api: LimitedApi
    answered: int
    failed: int
    limiter: Limiter

    @property
    def span_s(self) -> float:
        return self.api.admitted_at_s[-1] - self.api.admitted_at_s[0]

    @property
    def refused_share(self) -> float:
        refused, admitted = len(self.api.refused_at_s), len(self.api.admitted_at_s)
        return refused / (refused + admitted)


def trials(count: int, size: Callable[[int], int] = lambda number: 200) -> list[Trial]:
    """Trials whose prompts have so many bytes."""
    from builders import a_request

    return [
        a_trial(
            number,
            request=a_request(variant_key="v", size_bytes=size(number), max_tokens=4096),
        )
        for number in range(count)
    ]


def pace(
    api: LimitedApi,
    asked: list[Trial],
    *,
    limiter: Limiter | None = None,
    latency_s: Callable[[Request], float] = lambda request: 0.5,
    output_tokens: Callable[[], int] = lambda: 50,
    workers: int = 200,
    during: Callable[[LimitedApi], Callable[[], None]] | None = None,
    change_at_s: float = 0.0,
) -> Paced:
    """Ask all trials; ``during(api)`` is what happens to the API at ``change_at_s``."""
    limiter = limiter or Limiter(100)

    async def main() -> Paced:
        clock, stopping = VirtualClock(), asyncio.Event()
        gate = Gate(limiter, clock, stopping)

        def tokens(request: Request) -> tuple[int, int]:
            return max(1, round(request.size_bytes / BYTES_PER_TOKEN)), output_tokens()

        wire = Wire(api, gate, clock, latency_s, tokens)
        throttled = ThrottledClient(wire, gate)
        client = RetryingClient(throttled, Retries(), clock, stopping, random.Random(1))
        if during is not None:
            asyncio.get_running_loop().call_later(change_at_s, during(api))

        async def supply():
            for trial in asked:
                yield trial

        done = {True: 0, False: 0}
        executor = LocalExecutor({asked[0].variant.model: client}, workers, clock, stopping)
        async with executor.execute(supply()) as results:
            async for result in results:
                done[result.is_ok] += 1
        return Paced(api, done[True], done[False], limiter)

    return run_virtually(main())
