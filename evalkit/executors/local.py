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

    More can be employed on the way.

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
        self._work: _Work | None = None

    @asynccontextmanager
    async def execute(
        self, trials: AsyncIterable[Trial]
    ) -> AsyncIterator[AsyncIterator[TrialResult]]:
        """See Executor. Leaving the block early cancels what is still in flight."""
        self._work = work = _Work(trials)
        self.employ(self._workers)
        try:
            yield work.results()
        finally:
            self._work = None
            for task in work.workers:
                task.cancel()
            await asyncio.gather(*work.workers, return_exceptions=True)

    def employ(self, workers: int) -> None:
        """Have at least so many workers from now on; what there are stay."""
        self._workers = max(workers, self._workers)
        work = self._work
        if work is None:
            return
        while len(work.workers) < self._workers:
            task = asyncio.create_task(self._labour(work), name=f"worker-{len(work.workers)}")
            work.workers.append(task)
            task.add_done_callback(work.left)

    async def _labour(self, work: _Work) -> None:
        try:
            while (trial := await work.next()) is not None:
                result = await self._ask(trial)
                if result is not None:
                    work.deliver(result)
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

    def __init__(self, trials: AsyncIterable[Trial]) -> None:
        self.workers: list[asyncio.Task[None]] = []
        self._trials = aiter(trials)
        self._turn = asyncio.Lock()
        self._n_left = 0
        self._is_over = False
        self._failure: Exception | None = None
        # Unbounded: whoever supplies the trials sees to it that only so many are open.
        self._results: asyncio.Queue[TrialResult | None] = asyncio.Queue()

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

    def deliver(self, result: TrialResult) -> None:
        self._results.put_nowait(result)

    def fail(self, error: Exception) -> None:
        self._is_over = True
        self._failure = self._failure or error

    def left(self, _: asyncio.Task[None]) -> None:
        """A worker has gone; the last one ends the results."""
        self._n_left += 1
        if self._n_left == len(self.workers):
            self._results.put_nowait(None)

    async def results(self) -> AsyncIterator[TrialResult]:
        while (result := await self._results.get()) is not None:
            yield result
        if self._failure:
            raise self._failure
