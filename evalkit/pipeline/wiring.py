"""A suite and an environment to a ready executor: the only place that knows every part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from evalkit.client.account import Account
from evalkit.client.client import Client
from evalkit.client.clock import SystemClock
from evalkit.client.stack import open_client, open_gate
from evalkit.client.throttled import Gate
from evalkit.executors.local import LocalExecutor
from evalkit.pipeline.stop import Stop
from evalkit.policies import Limits, Retries
from evalkit.server.local import local_server
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs a suite: the executor, and the gates its requests pass, by endpoint and model."""

    executor: LocalExecutor
    gates: Mapping[str, Gate]

    @property
    def most_in_flight(self) -> int:
        """How many requests may ever be in flight, as the gates are set now."""
        return sum(gate.limiter.concurrency.most for gate in self.gates.values())


@asynccontextmanager
async def open_engine(
    suite: Suite,
    endpoints: Mapping[str, Endpoint],
    keys: Mapping[str, str | None],
    stop: Stop,
    account_of: Callable[[str], Account] | None = None,
) -> AsyncIterator[Engine]:
    """An executor over all endpoints of a suite; starts and stops the embedded model.

    ``account_of`` is who hears of every attempt, by the model's name in the suite.

    Raises LocalModelError if the embedded model cannot be started.
    """
    limits, retries, clock = _limits(suite), _retries(suite), SystemClock()
    clients: dict[str, Client] = {}
    gates: dict[str, Gate] = {}
    async with AsyncExitStack() as stack:
        slots, local_url = 0, ""
        if any(endpoint.is_embedded for endpoint in endpoints.values()):
            server = await asyncio.to_thread(stack.enter_context, local_server())
            slots, local_url = server.slots, server.base_url
        for model in suite.models:
            endpoint, own = endpoints[model.name], limits
            if endpoint.is_embedded:
                endpoint = replace(endpoint, base_url=local_url)
                own = replace(limits, concurrency=min(slots, limits.concurrency or slots))
            # Models of other names at the same place share its limits.
            way = f"{model.model} at {endpoint.base_url}"
            if way not in gates:
                gates[way] = await stack.enter_async_context(open_gate(own, clock, stop.event))
            account = None if account_of is None else account_of(model.name)
            client = open_client(endpoint, keys[model.name], own, retries, gates[way], account)
            clients[model.name] = await stack.enter_async_context(client)
        engine = Engine(LocalExecutor(clients, 0, clock, stop.event), gates)
        engine.executor.employ(engine.most_in_flight)
        yield engine


def _limits(suite: Suite) -> Limits:
    spec = suite.limits
    return Limits(
        concurrency=None if spec.concurrency == "auto" else spec.concurrency,
        requests_per_minute=spec.requests_per_minute,
        input_tokens_per_minute=spec.input_tokens_per_minute,
        output_tokens_per_minute=spec.output_tokens_per_minute,
        connect_timeout_s=spec.connect_timeout_s,
        idle_timeout_s=spec.idle_timeout_s,
        total_timeout_s=spec.total_timeout_s,
        max_response_bytes=spec.max_response_bytes,
        max_failed_share=spec.max_failed_share,
    )


def _retries(suite: Suite) -> Retries:
    return Retries(attempts=suite.retries.attempts, within_s=suite.retries.within_s)
