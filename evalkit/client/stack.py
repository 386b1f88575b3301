"""retrying(throttled(accounted(http))): the client of one endpoint, put together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evalkit.client.account import Account, AccountedClient
from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.client.http import HttpClient
from evalkit.client.limits import Limiter
from evalkit.client.retrying import RetryingClient
from evalkit.client.throttled import Gate, ThrottledClient
from evalkit.messages.headers import RateLimits
from evalkit.policies import Limits, Retries
from evalkit.types import Endpoint


@asynccontextmanager
async def open_gate(limits: Limits, clock: Clock, stopping: asyncio.Event) -> AsyncIterator[Gate]:
    """The way to one endpoint and model, for all clients that go there."""
    limiter = Limiter(
        limits.concurrency,
        limits.requests_per_minute,
        limits.input_tokens_per_minute,
        limits.output_tokens_per_minute,
    )
    gate = Gate(limiter, clock, stopping)
    watch = asyncio.create_task(gate.watch(), name="gate")
    try:
        yield gate
    finally:
        watch.cancel()


@asynccontextmanager
async def open_client(
    endpoint: Endpoint,
    key: str | None,
    limits: Limits,
    retries: Retries,
    gate: Gate,
    account: Account | None = None,
) -> AsyncIterator[Client]:
    """A client for an endpoint, closed at the end; ``account`` hears of every attempt."""
    clock = gate.clock

    def observe(told: RateLimits) -> None:
        gate.limiter.observe(told, clock.now_s())

    async with HttpClient(endpoint, key, limits, clock, on_limits=observe) as http:
        wire: Client = http if account is None else AccountedClient(http, account)
        throttled = ThrottledClient(wire, gate)
        # Jitter needs no seed: it decides when, never what.
        jitter = random.Random()
        yield RetryingClient(throttled, retries, clock, gate.stopping, jitter)
