"""One sitting of trials through the loop: its event loop, its signals, its executor."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import signal
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from evalkit.errors import EXIT_INTERRUPTED
from evalkit.events import Event, Listener, Stopping, TrialFinished
from evalkit.pipeline.accounts import Accounts, Held
from evalkit.pipeline.caching import CachedAnswers
from evalkit.pipeline.circuit import Circuit
from evalkit.pipeline.collect import Recorder, collect
from evalkit.pipeline.live import Live
from evalkit.pipeline.stop import Reason, Stop
from evalkit.pipeline.supply import in_thread
from evalkit.pipeline.watch import Watch
from evalkit.pipeline.wiring import Engine, open_engine
from evalkit.policies import Limits
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint, Trial


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asked, what is told of it, and where outcomes are kept.

    ``home`` is the run whose status is told to other processes (default: the writer's).
    """

    suite: Suite
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[str, str | None]
    live: Live
    writer: RunWriter
    listen: Listener
    cache: CachedAnswers | None
    home: RunFolder | None = None

    watch: Watch | None = None

    async def run(self, trials: Iterable[Trial]) -> Reason | None:
        """Collect, and say why it ended early if it did."""
        stop = Stop()
        circuit = Circuit(Limits().max_consecutive_failures)
        held = Held((self.home or self.writer.folder).path, self.live.ledger)
        accounts = Accounts(self.live.ledger, held, circuit, stop)
        recorder = Recorder(self.writer, self._hear, stop, self.cache)
        if self.watch is not None:
            loop = asyncio.get_running_loop()
            self.watch.begin(lambda reason: _tell(loop, stop, reason))
        try:
            with _signals(stop, self.listen):
                async with open_engine(
                    self.suite, self.endpoints, self.keys, stop, accounts.of
                ) as engine:
                    self.live.gates.update(engine.gates)
                    self.live.on_turned = partial(_make_room, engine, recorder)
                    async with self._watched():
                        await collect(
                            in_thread(trials),
                            executor=engine.executor,
                            ledger=self.live.ledger,
                            recorder=recorder,
                            stop=stop,
                            circuit=circuit,
                            cache=self.cache,
                            most_open=engine.most_in_flight,
                        )
        except asyncio.CancelledError:
            # Interrupted twice: what is in flight is given up, what has come back is stored.
            if stop.reason is None:
                raise
        finally:
            await asyncio.to_thread(recorder.close)
            held.settle()
            if self.watch is not None:
                self.watch.end()
        self.listen(self.live.snapshot())
        return stop.reason

    def _hear(self, event: Event) -> None:
        self.live.hear(event)
        self.listen(event)
        if self.watch is not None and isinstance(event, TrialFinished):
            self.watch.hear(event.result)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        watch = asyncio.create_task(
            self.live.watch(self.home or self.writer.folder, self.listen), name="watch"
        )
        pulse = asyncio.create_task(self.live.pulse.beat(), name="pulse")
        try:
            yield
        finally:
            for task in (watch, pulse):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def _make_room(engine: Engine, recorder: Recorder) -> None:
    """As many workers and open trials as the gates now let through."""
    engine.executor.employ(engine.most_in_flight)
    recorder.open_to(engine.most_in_flight)


def _tell(loop: asyncio.AbstractEventLoop, stop: Stop, reason: Reason) -> None:
    """Request a stop from any thread."""
    loop.call_soon_threadsafe(stop.request, reason)


@contextmanager
def _signals(stop: Stop, listen: Listener) -> Iterator[None]:
    """The first interrupt stops admitting, the second stops at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt(name: str) -> None:
        if stop.reason is None:
            stop.request(Reason(f"stopped by {name}", EXIT_INTERRUPTED))
            listen(Stopping(f"{name}: waiting for requests in flight; once more to stop now"))
        elif task is not None:
            task.cancel()

    names = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        names[signal.SIGHUP] = "SIGHUP (the terminal is gone)"
    for number, name in names.items():
        loop.add_signal_handler(number, interrupt, name)
    try:
        yield
    finally:
        for number in names:
            loop.remove_signal_handler(number)


def in_loop(session: Coroutine[Any, Any, Reason | None]) -> Reason | None:
    """Run a sitting to its end, on uvloop where that is installed."""
    factory = None
    if importlib.util.find_spec("uvloop"):
        factory = importlib.import_module("uvloop").new_event_loop
    # What is loaded by now stays; looking through it for garbage would hold the loop up.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(session)
    finally:
        gc.unfreeze()
