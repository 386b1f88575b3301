"""Worker tasks in this process: each pulls a trial, asks, hands over the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.errors import ApiError
from evalkit.types import Failure, Outcome, Trial, TrialResult


class LocalExecutor:
    """``workers`` tasks over the clients of all endpoints, by the model's name in the suite.

    An error that ends the run (a refused key, a prompt that does not render) sets ``stopping``:
    no further trial is pulled, what is in flight is paid for and still delivered, and only then is
    the error raised.
    """

    def __init__(
        self, clients: Mapping[str, Client], workers: int, clock: Clock, stopping: asyncio.Event
    ) -> None:
        self._clients = clients
        self._workers = workers
        self._clock = clock
        self._stopping = stopping

    @asynccontextmanager
    async def execute(
        self, trials: AsyncIterable[Trial]
    ) -> AsyncIterator[AsyncIterator[TrialResult]]:
        """See Executor. Leaving the block early cancels what is still in flight."""
        work = _Work(trials, self._workers)
        tasks = [
            asyncio.create_task(self._labour(work), name=f"worker-{number}")
            for number in range(self._workers)
        ]
        closer = asyncio.create_task(work.close_after(tasks))
        try:
            yield work.results()
        finally:
            for task in (*tasks, closer):
                task.cancel()
            await asyncio.gather(*tasks, closer, return_exceptions=True)

    async def _labour(self, work: _Work) -> None:
        try:
            while (trial := await work.next()) is not None:
                result = await self._ask(trial)
                if result is not None:
                    await work.deliver(result)
        except Exception as error:  # noqa: BLE001 - raised by results(), once the rest is in
            work.fail(error)
            self._stopping.set()

    async def _ask(self, trial: Trial) -> TrialResult | None:
        """The result of a trial; None if it was stopped before an answer came."""
        started_at, start_s = self._clock.utc(), self._clock.now_s()
        outcome: Outcome
        try:
            outcome = await self._clients[trial.variant.model].send(trial.request)
        except ApiError as error:
            if error.dooms_run:
                raise
            if error.kind == "cancelled":
                return None
            outcome = Failure(
                kind=error.kind,
                message=error.message,
                status=error.status,
                request_id=error.request_id,
                elapsed_s=error.attempts[-1].elapsed_s if error.attempts else None,
                attempts=error.attempts,
            )
        spent_s = sum(attempt.waited_s + attempt.elapsed_s for attempt in outcome.attempts)
        queued_s = max(0.0, self._clock.now_s() - start_s - spent_s)
        return TrialResult(trial, outcome, started_at, queued_s)


class _Work:
    """What the workers share: the supply of trials, the results, the first failure."""

    def __init__(self, trials: AsyncIterable[Trial], workers: int) -> None:
        self._trials = aiter(trials)
        self._turn = asyncio.Lock()
        self._is_over = False
        self._failure: Exception | None = None
        # Bounded, so that a slow consumer holds the workers back instead of filling memory.
        self._results: asyncio.Queue[TrialResult | None] = asyncio.Queue(workers)

    async def next(self) -> Trial | None:
        """The next trial; None when there is none or the run is over. One worker at a time."""
        async with self._turn:
            if self._is_over:
                return None
            try:
                return await anext(self._trials)
            except StopAsyncIteration:
                self._is_over = True
                return None

    async def deliver(self, result: TrialResult) -> None:
        await self._results.put(result)

    def fail(self, error: Exception) -> None:
        self._is_over = True
        self._failure = self._failure or error

    async def close_after(self, tasks: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*tasks)
        await self._results.put(None)

    async def results(self) -> AsyncIterator[TrialResult]:
        while (result := await self._results.get()) is not None:
            yield result
        if self._failure:
            raise self._failure
