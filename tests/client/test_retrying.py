import asyncio
import random

import pytest
from builders import a_request, a_response
from fakes import FakeClient, FakeClock

from evalkit.client.retrying import RetryingClient
from evalkit.errors import ApiError
from evalkit.policies import Retries


def error(kind: str, **fields) -> ApiError:
    return ApiError(kind, kind, **fields)


async def ask(client: FakeClient, clock: FakeClock | None = None, stopping=None, **policy):
    stopping = stopping or asyncio.Event()
    retrying = RetryingClient(
        client, Retries(**policy), clock or FakeClock(), stopping, random.Random(1)
    )
    return await retrying.send(a_request())


async def test_an_answer_at_once_leaves_one_attempt():
    answer = await ask(FakeClient())
    assert [attempt.error_kind for attempt in answer.attempts] == [None]
    assert answer.attempts[0].waited_s == 0


async def test_passing_trouble_is_tried_again_and_recorded():
    client = FakeClient(error("server_error", status=500, request_id="req_1"), error("connection"))
    answer = await ask(client)
    assert len(client.requests) == 3
    assert [a.error_kind for a in answer.attempts] == ["server_error", "connection", None]
    assert (answer.attempts[0].status, answer.attempts[0].request_id) == (500, "req_1")
    assert answer.attempts[1].waited_s > 0


@pytest.mark.parametrize("kind", ["invalid_request", "authentication", "spend_limit"])
async def test_hopeless_trouble_is_not(kind):
    client = FakeClient(error(kind))
    with pytest.raises(ApiError) as caught:
        await ask(client)
    assert len(client.requests) == 1
    assert len(caught.value.attempts) == 1


async def test_the_servers_word_wins():
    client = FakeClient(error("server_error", should_retry=False))
    with pytest.raises(ApiError):
        await ask(client)
    assert len(client.requests) == 1
    client = FakeClient(error("invalid_request", should_retry=True))
    await ask(client)
    assert len(client.requests) == 2


async def test_attempts_are_limited():
    client = FakeClient(*[error("server_error")] * 10)
    with pytest.raises(ApiError) as caught:
        await ask(client, attempts=3)
    assert len(client.requests) == 3 == len(caught.value.attempts)


async def test_rate_refusals_do_not_use_up_attempts():
    client = FakeClient(*[error("rate_limit", retry_after_s=1.0)] * 20)
    answer = await ask(client, attempts=2)
    assert len(answer.attempts) == 21


async def test_everything_ends_within_the_time_allowed():
    clock = FakeClock()
    client = FakeClient(*[error("rate_limit", retry_after_s=10.0)] * 99)
    with pytest.raises(ApiError):
        await ask(client, clock, within_s=60)
    assert clock.time_s - 100 < 60
    assert len(client.requests) == 6


async def test_retry_after_is_kept_exactly():
    clock = FakeClock()
    await ask(FakeClient(error("rate_limit", retry_after_s=7.5)), clock)
    assert clock.slept == [7.5]


async def test_no_time_at_all_is_not_a_time_to_come_back():
    clock = FakeClock()
    await ask(FakeClient(*[error("rate_limit", retry_after_s=0.0)] * 9), clock)
    assert len(clock.slept) == 9
    assert all(waited > 0 for waited in clock.slept)


async def test_waiting_for_room_uses_up_no_time():
    clock = FakeClock()

    def queued(_request):
        clock.time_s += 3600  # at the gate
        failed = error("server_error")
        failed.elapsed_s = 2.0
        raise failed

    answer = await ask(FakeClient(queued, queued), clock, within_s=60)
    assert [attempt.elapsed_s for attempt in answer.attempts] == [2.0, 2.0, 0.2]


async def test_an_absurd_retry_after_fails_the_trial():
    clock = FakeClock()
    with pytest.raises(ApiError):
        await ask(FakeClient(error("rate_limit", retry_after_s=86_400.0)), clock, within_s=1e9)
    assert clock.slept == []


async def test_backoff_is_full_jitter_that_doubles_up_to_a_limit():
    clock = FakeClock()
    with pytest.raises(ApiError):
        await ask(
            FakeClient(*[error("server_error")] * 12),
            clock,
            attempts=12,
            first_wait_s=1.0,
            max_wait_s=8.0,
        )
    assert len(clock.slept) == 11
    for number, waited in enumerate(clock.slept):
        assert 0 <= waited <= min(8.0, 2.0**number)
    assert len(set(clock.slept)) == 11


async def test_stopping_ends_the_waiting():
    stopping = asyncio.Event()
    client = FakeClient(error("server_error"), a_response())

    def stop(_request):
        stopping.set()
        raise error("server_error")

    client.outcomes[0] = stop
    with pytest.raises(ApiError) as caught:
        await ask(client, stopping=stopping)
    assert caught.value.kind == "cancelled"
    assert len(client.requests) == 1


async def test_stopping_does_not_hide_what_is_hopeless():
    stopping = asyncio.Event()
    stopping.set()
    with pytest.raises(ApiError) as caught:
        await ask(FakeClient(error("invalid_request")), stopping=stopping)
    assert caught.value.kind == "invalid_request"
