"""retrying(throttled(http)): the client of one endpoint, put together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.client.http import HttpClient
from evalkit.client.retrying import RetryingClient
from evalkit.client.throttled import ThrottledClient
from evalkit.policies import Limits, Retries
from evalkit.types import Endpoint


@asynccontextmanager
async def open_client(
    endpoint: Endpoint,
    key: str | None,
    limits: Limits,
    retries: Retries,
    clock: Clock,
    stopping: asyncio.Event,
) -> AsyncIterator[Client]:
    """A client for an endpoint, closed at the end. ``limits.concurrency`` must be set."""
    if limits.concurrency is None:
        raise ValueError("limits.concurrency must be chosen before a client is opened")
    # Jitter needs no seed: it decides when, never what.
    jitter = random.Random()
    async with HttpClient(endpoint, key, limits, clock) as http:
        throttled = ThrottledClient(http, limits.concurrency, clock, stopping, jitter)
        yield RetryingClient(throttled, retries, clock, stopping, jitter)
