"""THE LOOP: an outcome for every trial, stored before anyone hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from evalkit.errors import EXIT_API, EXIT_BUDGET, FAILURES, EvalkitError, StoreError
from evalkit.events import Listener, TrialFinished
from evalkit.executors.executor import Executor
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Reason, Stop
from evalkit.store.journal import Entry, JournalWriter
from evalkit.store.writer import RunWriter
from evalkit.tables import encode_row, response_row
from evalkit.types import Failure, Trial, TrialResult


async def collect(
    trials: Iterable[Trial],
    *,
    executor: Executor,
    ledger: Ledger,
    recorder: Recorder,
    stop: Stop,
    max_consecutive_failures: int,
) -> None:
    """Ask every trial that the ledger admits and record what comes back.

    ``trials`` are those still without an outcome, lazily. Ends early when ``stop`` says so, and
    sets it for the budget, for a row of failures, and for an error that dooms the run. Raises
    StoreError when outcomes can no longer be stored.
    """
    wake = asyncio.Event()
    failures_in_a_row = 0
    try:
        async with executor.execute(_admit(trials, ledger, stop, wake)) as results:
            async for result in results:
                cost, source = ledger.settle(result)
                wake.set()
                recorder.record(replace(result, cost_usd=cost, pricing_source=source))
                failures_in_a_row = failures_in_a_row + 1 if _is_infra(result) else 0
                if failures_in_a_row >= max_consecutive_failures:
                    stop.request(_circuit(result, failures_in_a_row))
    except StoreError:
        raise
    except EvalkitError as error:
        stop.because_of(error)


async def _admit(
    trials: Iterable[Trial], ledger: Ledger, stop: Stop, wake: asyncio.Event
) -> AsyncIterator[Trial]:
    """Trials one by one, each when there is money for it; pulled by the executor's workers."""
    for trial in trials:
        while not stop.event.is_set() and not ledger.reserve(trial):
            if ledger.is_idle:
                stop.request(_budget(ledger))
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
    """Hands outcomes to the journal's thread; ``listen`` hears of each once it is on disk."""

    def __init__(self, writer: RunWriter, listen: Listener, stop: Stop) -> None:
        self._listen = listen
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._journal = JournalWriter(writer.commit, self._committed, self._failed)

    def record(self, result: TrialResult) -> None:
        """Queue an outcome for the next commit; raises StoreError once storing has failed."""
        row = encode_row(response_row(result))
        self._journal.put(Entry(result.trial.key, row, TrialFinished(result)))

    def close(self) -> None:
        """Wait until everything is on disk; raises StoreError if it is not."""
        self._journal.close()

    def _committed(self, entries: Sequence[Entry]) -> None:
        self._loop.call_soon_threadsafe(self._tell, [entry.told for entry in entries])

    def _tell(self, finished: Sequence[TrialFinished]) -> None:
        for event in finished:
            self._listen(event)

    def _failed(self, error: StoreError) -> None:
        self._loop.call_soon_threadsafe(self._stop.because_of, error)


def _is_infra(result: TrialResult) -> bool:
    outcome = result.outcome
    return isinstance(outcome, Failure) and not FAILURES[outcome.kind].is_model_error


def _budget(ledger: Ledger) -> Reason:
    return Reason(
        f"the cost cap is reached (${ledger.spent_usd:.4f} spent; the next request might pass it)",
        EXIT_BUDGET,
        "Raise it with --max-cost-usd and resume.",
    )


def _circuit(result: TrialResult, count: int) -> Reason:
    outcome = result.outcome
    told = f"{outcome.kind}: {outcome.message}" if isinstance(outcome, Failure) else ""
    return Reason(
        f"{count} requests in a row failed, the last with {told}",
        EXIT_API,
        "Check the endpoint (evalkit doctor), then resume.",
    )
