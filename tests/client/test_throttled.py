import asyncio

import pytest
from builders import a_request, a_response
from fakes import FakeClient, FakeClock

from evalkit.client.limits import Limiter
from evalkit.client.throttled import Gate, ThrottledClient
from evalkit.errors import ApiError
from evalkit.types import Usage


def throttled(client, clock=None, stopping=None, **limits):
    clock, stopping = clock or FakeClock(), stopping or asyncio.Event()
    gate = Gate(Limiter(**{"concurrency": 2, **limits}), clock, stopping)
    return ThrottledClient(client, gate), gate


def refusal(**fields):
    return ApiError("rate_limit", "slow down", **fields)


async def test_no_more_than_allowed_are_in_flight():
    client = FakeClient()
    wrapped, gate = throttled(client, concurrency=3)
    await asyncio.gather(*(wrapped.send(a_request()) for _ in range(20)))
    assert client.most_in_flight == 3
    assert len(client.requests) == 20
    assert gate.limiter.in_flight == 0


async def test_before_the_first_answer_only_a_few_go():
    class Slow(FakeClient):
        async def send(self, request, on_start=None):
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            for _ in range(200):
                await asyncio.sleep(0)
            self.in_flight -= 1
            return a_response(attempts=())

    client = Slow()
    wrapped, _ = throttled(client, concurrency=100)
    tasks = [asyncio.create_task(wrapped.send(a_request())) for _ in range(100)]
    await asyncio.sleep(0)
    assert client.in_flight == 4
    await asyncio.gather(*tasks)
    assert client.most_in_flight > 50


async def test_one_refusal_makes_everyone_wait():
    clock = FakeClock()
    wrapped, _ = throttled(FakeClient(refusal(retry_after_s=5.0)), clock)
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert sum(clock.slept) == 5.0


async def test_after_a_refusal_they_come_back_spread_by_the_known_rate():
    clock = FakeClock()
    sent_at = []

    def note(_request):
        sent_at.append(clock.time_s)
        return a_response(attempts=())

    wrapped, _ = throttled(
        FakeClient(refusal(retry_after_s=5.0), *[note] * 20),
        clock,
        concurrency=50,
        requests_per_minute=600,
    )
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await asyncio.gather(*(wrapped.send(a_request()) for _ in range(20)))
    # Ten a second from the moment the gate opens, at most half a second's worth at once.
    assert sent_at[0] >= 105.0
    assert sum(at < 105.05 for at in sent_at) <= 6
    assert sent_at[-1] - sent_at[0] >= 1.4


async def test_without_a_named_time_the_pause_doubles_and_an_answer_resets_it():
    clock = FakeClock()
    client = FakeClient(*[refusal()] * 3)
    wrapped, _ = throttled(client, clock)
    for _ in range(3):
        with pytest.raises(ApiError):
            await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert clock.slept == pytest.approx([0.5, 1.0, 2.0])
    client.outcomes = [refusal()]
    clock.slept.clear()
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert max(clock.slept) == pytest.approx(0.5)


async def test_a_few_overloads_hold_nobody_up_and_many_do():
    clock = FakeClock()
    busy = ApiError("overloaded", "busy")
    client = FakeClient(*[busy] * 5)
    wrapped, _ = throttled(client, clock)
    for _ in range(5):
        with pytest.raises(ApiError):
            await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert clock.slept == []
    client.outcomes = [busy] * 20
    for _ in range(20):
        with pytest.raises(ApiError):
            await wrapped.send(a_request())
    assert len(clock.slept) > 10
    assert clock.slept[-1] == pytest.approx(30.0)


async def test_other_failures_hold_nobody_up():
    clock = FakeClock()
    wrapped, gate = throttled(FakeClient(ApiError("server_error", "oops")), clock)
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert clock.slept == []
    assert gate.limiter.in_flight == 0


@pytest.mark.parametrize("limits", [{"concurrency": 1}, {"requests_per_minute": 1}])
async def test_stopping_ends_the_waiting(limits):
    stopping = asyncio.Event()

    class Hanging(FakeClient):
        async def send(self, request, on_start=None):
            self.requests.append(request)
            await asyncio.sleep(60)

    client = Hanging()
    wrapped, gate = throttled(client, stopping=stopping, **limits)
    watch = asyncio.create_task(gate.watch())
    first = asyncio.create_task(wrapped.send(a_request()))
    second = asyncio.create_task(wrapped.send(a_request()))
    await asyncio.sleep(0)
    stopping.set()
    with pytest.raises(ApiError) as caught:
        await second
    assert caught.value.kind == "cancelled"
    assert len(client.requests) == 1
    first.cancel()
    await watch


async def test_output_tokens_are_charged_by_the_running_mean_and_corrected():
    clock = FakeClock()
    usage = Usage(input_tokens=10, output_tokens=600)
    client = FakeClient(*[a_response(usage=usage, attempts=())] * 50)
    wrapped, _ = throttled(client, clock, concurrency=1, output_tokens_per_minute=6000)
    start = clock.time_s
    for _ in range(20):
        await wrapped.send(a_request(variant_key="v", max_tokens=4096))
    # 20 answers of 600 tokens at 100 tokens a second are 120 s; two seconds are held ready.
    assert 110 <= clock.time_s - start <= 122


async def test_the_first_of_a_prefix_goes_alone_until_its_answer_begins():
    order = []
    begun = asyncio.Event()

    class Server(FakeClient):
        async def send(self, request, on_start=None):
            order.append(("sent", request.prefix_key))
            if len(order) == 1:
                await begun.wait()
            on_start and on_start()
            await asyncio.sleep(0)
            return a_response(attempts=())

    wrapped, _ = throttled(Server(), concurrency=8)
    tasks = [asyncio.create_task(wrapped.send(a_request(prefix_key="p"))) for _ in range(5)]
    other = asyncio.create_task(wrapped.send(a_request(prefix_key="q")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == [("sent", "p"), ("sent", "q")]
    begun.set()
    await asyncio.gather(*tasks, other)
    assert len(order) == 6


async def test_if_the_first_of_a_prefix_fails_the_next_one_warms():
    wrapped, _ = throttled(FakeClient(ApiError("server_error", "oops")), concurrency=8)
    tasks = [asyncio.create_task(wrapped.send(a_request(prefix_key="p"))) for _ in range(4)]
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(item, ApiError) for item in ended] == [True, False, False, False]
