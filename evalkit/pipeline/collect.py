"""THE LOOP: an outcome for every trial, stored before anyone hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import replace

from evalkit.errors import EXIT_BUDGET, EvalkitError, StoreError
from evalkit.events import Listener, TrialFinished
from evalkit.executors.executor import Executor
from evalkit.pipeline.caching import CachedAnswers
from evalkit.pipeline.circuit import Circuit
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Reason, Stop
from evalkit.store.journal import Entry, JournalWriter
from evalkit.store.writer import RunWriter
from evalkit.tables import encode_row, response_row
from evalkit.types import Trial, TrialResult

_MOST_WAITING = 4_096


async def collect(
    trials: AsyncIterable[Trial],
    *,
    executor: Executor,
    ledger: Ledger,
    recorder: Recorder,
    stop: Stop,
    circuit: Circuit,
    cache: CachedAnswers | None = None,
    most_open: int = _MOST_WAITING,
) -> None:
    """Ask every trial that the ledger admits and record what comes back.

    ``trials`` are those still without an outcome, lazily. Ends early when ``stop`` says so, and
    sets it for the budget, for a row of failures, and for an error that dooms the run. Raises
    StoreError when outcomes can no longer be stored. What ``cache`` knows is not asked; where it
    fails the run ends early, in good order.

    At most ``most_open`` trials are asked but not yet stored at any moment: were the power cut,
    so many would be paid for twice.
    """
    recorder.most_open = most_open
    admitted = _uncached(trials, cache, recorder, stop)
    wake = asyncio.Event()
    try:
        async with executor.execute(_admit(admitted, ledger, stop, wake)) as results:
            async for result in results:
                cost, source = ledger.settle(result)
                wake.set()
                recorder.record(replace(result, cost_usd=cost, pricing_source=source))
                if reason := circuit.broken_by(result):
                    stop.request(reason)
    except StoreError:
        raise
    except EvalkitError as error:
        stop.because_of(error)


async def _uncached(
    trials: AsyncIterable[Trial], cache: CachedAnswers | None, recorder: Recorder, stop: Stop
) -> AsyncIterator[Trial]:
    """Trials that must be asked; the others are recorded at once. Waits for the disk."""
    async for trial in trials:
        await recorder.room()
        if stop.event.is_set():
            return
        try:
            known = cache.find(trial) if cache else None
        except StoreError as error:
            stop.because_of(error)
            return
        recorder.expect()
        if known is None:
            yield trial
        else:
            recorder.record(known)
            await asyncio.sleep(0)  # a run answered by the cache alone still hears of Ctrl-C


async def _admit(
    trials: AsyncIterator[Trial], ledger: Ledger, stop: Stop, wake: asyncio.Event
) -> AsyncIterator[Trial]:
    """Trials one by one, each when there is money for it; pulled by the executor's workers."""
    async for trial in trials:
        while not stop.event.is_set() and not ledger.reserve(trial):
            if ledger.is_idle:
                stop.request(budget_reached(ledger))
                return
            wake.clear()
            await _either(wake, stop.event)
        if stop.event.is_set():
            return
        yield trial


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class Recorder:
    """Hands outcomes to the journal's thread; ``listen`` hears of each once it is on disk.

    What is on disk is also kept in ``cache``, if there is one.
    """

    def __init__(
        self,
        writer: RunWriter,
        listen: Listener,
        stop: Stop,
        cache: CachedAnswers | None = None,
    ) -> None:
        self._cache = cache
        self._open = 0
        self.most_open = _MOST_WAITING
        self._has_room = asyncio.Event()
        self._listen = listen
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._journal = JournalWriter(writer.commit, self._committed, self._failed)

    def record(self, result: TrialResult) -> None:
        """Queue an outcome for the next commit; raises StoreError once storing has failed."""
        row = encode_row(response_row(result))
        self._journal.put(Entry(result.trial.key, row, TrialFinished(result)))

    def expect(self) -> None:
        """Count a trial as open until its outcome is on disk."""
        self._open += 1

    def open_to(self, most: int) -> None:
        """Let so many trials be open from now on, if that is more than before."""
        self.most_open = max(most, self.most_open)
        self._has_room.set()

    async def room(self) -> None:
        """Wait while as many trials are open as may be."""
        while self._open >= self.most_open and not self._stop.event.is_set():
            self._has_room.clear()
            await _either(self._has_room, self._stop.event)

    def close(self) -> None:
        """Wait until everything is on disk; raises StoreError if it is not."""
        self._journal.close()

    def _committed(self, entries: Sequence[Entry]) -> None:
        if self._cache:
            self._keep(self._cache, entries)
        self._loop.call_soon_threadsafe(self._tell, [entry.told for entry in entries])

    def _keep(self, cache: CachedAnswers, entries: Sequence[Entry]) -> None:
        """Where it fails the run ends in good order: its own store is well, and so is the rest."""
        try:
            cache.keep(entry.told.result for entry in entries)
        except StoreError as error:
            self._cache = None
            self._failed(error)

    def _tell(self, finished: Sequence[TrialFinished]) -> None:
        self._open -= len(finished)
        self._has_room.set()
        for event in finished:
            self._listen(event)

    def _failed(self, error: StoreError) -> None:
        self._loop.call_soon_threadsafe(self._stop.because_of, error)


def budget_reached(ledger: Ledger) -> Reason:
    """That the cap leaves no room for another request."""
    more = (("in flight", ledger.reserved_usd), ("in doubt", ledger.doubtful_usd))
    told = "".join(f", up to ${usd:.4f} {where}" for where, usd in more if usd > 0)
    return Reason(
        f"the cost cap is reached (${ledger.spent_usd:.4f} of ${ledger.max_cost_usd or 0:.4f} "
        f"spent{told}; the next request might pass it)",
        EXIT_BUDGET,
        "Raise it with --max-cost-usd and resume.",
    )
