import asyncio

import pytest
from builders import a_case, a_request, a_trial
from fakes import FakeClient, FakeClock

from evalkit.errors import EXIT_API, EXIT_BUDGET, EXIT_USAGE, ApiError, StoreError
from evalkit.events import TrialFinished
from evalkit.executors.local import LocalExecutor
from evalkit.messages.pricing import find_price
from evalkit.pipeline.circuit import Circuit
from evalkit.pipeline.collect import Recorder, collect
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Reason, Stop
from evalkit.store.making import create_run
from evalkit.store.writer import RunWriter

MODEL = "claude-haiku-4-5"


@pytest.fixture
def writer(tmp_path):
    from store.test_runs import manifest

    made = RunWriter(create_run(tmp_path / "s" / "r-1", manifest(), "", [a_case()]))
    yield made
    made.abandon()


def stored_keys(folder) -> set[str]:
    return set(folder.responses(["trial_key"])["trial_key"].to_pylist())


async def run(
    writer, client, trials, *, cap=None, workers=4, stop=None, heard=None, most=50, cache=None
):
    stop = stop or Stop()
    heard = [] if heard is None else heard
    ledger = Ledger({MODEL: find_price(MODEL)}, cap)
    recorder = Recorder(writer, heard.append, stop, cache)
    try:
        await collect(
            one_by_one(trials),
            executor=LocalExecutor({MODEL: client}, workers, FakeClock(), stop.event),
            ledger=ledger,
            recorder=recorder,
            stop=stop,
            circuit=Circuit(most),
            cache=cache,
        )
    finally:
        await asyncio.to_thread(recorder.close)
        await asyncio.sleep(0)
    return stop, ledger, heard


async def one_by_one(trials):
    for trial in trials:
        yield trial


def trials(count: int, **fields):
    return [a_trial(number, **fields) for number in range(count)]


async def test_everything_is_stored_and_then_heard_of(writer):
    stop, _, heard = await run(writer, FakeClient(), trials(40))
    assert stop.reason is None
    assert stored_keys(writer.folder) == {trial.key for trial in trials(40)}
    assert len(heard) == 40 and all(isinstance(event, TrialFinished) for event in heard)


async def test_nothing_is_heard_of_that_is_not_stored(writer):
    stored_when_heard = []

    class Heard(list):
        def append(self, event):
            stored_when_heard.append(event.result.trial.key in stored_keys(writer.folder))

    await run(writer, FakeClient(), trials(10), heard=Heard())
    assert stored_when_heard == [True] * 10


async def test_the_cap_holds_and_waiting_uses_what_is_left(writer):
    # Each may cost half a cent and costs a thousandth of that: far more than one gets through.
    costly = trials(200, request=a_request(max_tokens=950))
    stop, ledger, heard = await run(writer, FakeClient(), costly, cap=0.006, workers=8)
    assert len(heard) > 20
    assert ledger.spent_usd <= 0.006
    assert stop.reason is not None and stop.reason.exit_code == EXIT_BUDGET


async def test_a_stop_lets_what_is_in_flight_finish(writer):
    stop = Stop()
    client = FakeClient()

    def supply():
        for number, trial in enumerate(trials(100)):
            if number == 10:
                stop.request(Reason("enough", 130))
            yield trial

    await run(writer, client, supply(), stop=stop)
    assert 10 <= len(client.requests) < 20
    assert len(stored_keys(writer.folder)) == len(client.requests)


async def test_a_doomed_run_stops_and_keeps_what_came(writer):
    client = FakeClient()
    client.outcomes = [lambda request: _answer(), ApiError("authentication", "no", hint="do this")]
    stop, _, heard = await run(writer, client, trials(100), workers=1)
    assert (stop.reason.message, stop.reason.exit_code, stop.reason.hint) == (
        "no",
        EXIT_API,
        "do this",
    )
    assert len(heard) == 1


def _answer():
    from builders import a_response

    return a_response(attempts=())


async def test_a_row_of_failures_breaks_the_circuit(writer):
    client = FakeClient(*[ApiError("connection", "refused")] * 100)
    stop, _, heard = await run(writer, client, trials(100), most=12)
    assert stop.reason.exit_code == EXIT_API
    assert "12 requests in a row failed, the last with connection: refused" in stop.reason.message
    assert 12 <= len(heard) < 30


async def test_refused_requests_do_not_break_it_once_one_was_accepted(writer):
    client = FakeClient(_answer(), *[ApiError("invalid_request", "no")] * 100)
    stop, _, heard = await run(writer, client, trials(100), most=12, workers=1)
    assert stop.reason is None
    assert len(heard) == 100


async def test_nothing_but_refusals_from_the_start_stops_the_run(writer):
    client = FakeClient(*[ApiError("not_found", "no such path")] * 100)
    stop, _, heard = await run(writer, client, trials(100))
    assert stop.reason.exit_code == EXIT_API
    assert "none of the first 20 requests was accepted" in stop.reason.message
    assert 20 <= len(heard) < 40


async def test_a_store_that_fails_stops_the_run(writer, monkeypatch):
    def full(entries):
        raise StoreError("the disk is full", "free some")

    monkeypatch.setattr(writer, "commit", full)
    client = FakeClient()

    async def slowly(request, on_start=None):
        await asyncio.sleep(0.01)
        return _answer()

    client.send = slowly
    with pytest.raises(StoreError, match="the disk is full"):
        await run(writer, client, trials(10_000))


class BrokenCache:
    """A cache that can no longer be read, or written, after so many answers."""

    def __init__(self, *, reads: float = float("inf"), writes: float = float("inf")):
        self.reads, self.writes = reads, writes

    def find(self, trial):
        self.reads -= 1
        if self.reads < 0:
            raise StoreError("the answer cache cannot be used", "Go on without it.")

    def keep(self, results):
        self.writes -= len(list(results))
        if self.writes < 0:
            raise StoreError("the answer cache cannot be used", "Go on without it.")


@pytest.mark.parametrize("broken", [{"reads": 20}, {"writes": 9}])
async def test_a_cache_that_fails_costs_no_answer_that_was_paid_for(writer, broken):
    client = FakeClient()
    stop, _, heard = await run(writer, client, trials(400), workers=8, cache=BrokenCache(**broken))
    assert "cache cannot be used" in stop.reason.message and stop.reason.exit_code == EXIT_USAGE
    assert len(stored_keys(writer.folder)) == len(heard) == len(client.requests)
