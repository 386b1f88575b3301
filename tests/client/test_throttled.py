import asyncio
import random

import pytest
from builders import a_request
from fakes import FakeClient, FakeClock

from evalkit.client.throttled import ThrottledClient
from evalkit.errors import ApiError


def throttled(client, clock=None, concurrency=2, stopping=None):
    stopping = stopping or asyncio.Event()
    return ThrottledClient(client, concurrency, clock or FakeClock(), stopping, random.Random(1))


async def test_no_more_than_allowed_are_in_flight():
    client = FakeClient()
    wrapped = throttled(client, concurrency=3)
    await asyncio.gather(*(wrapped.send(a_request()) for _ in range(20)))
    assert client.most_in_flight == 3
    assert len(client.requests) == 20


async def test_one_refusal_makes_everyone_wait():
    clock = FakeClock()
    client = FakeClient(ApiError("rate_limit", "slow down", retry_after_s=5.0))
    wrapped = throttled(client, clock)
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert 5.0 <= sum(clock.slept) <= 5.5


async def test_without_a_named_time_the_pause_doubles_and_an_answer_resets_it():
    clock = FakeClock()
    refusal = ApiError("overloaded", "busy")
    client = FakeClient(refusal, refusal)
    wrapped = throttled(client, clock)
    for _ in range(2):
        with pytest.raises(ApiError):
            await wrapped.send(a_request())
    await wrapped.send(a_request())
    first, second = clock.slept
    assert 0.5 <= first <= 0.55
    assert 1.0 <= second <= 1.1
    client.outcomes = [refusal]
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert 0.5 <= clock.slept[-1] <= 0.55


async def test_other_failures_hold_nobody_up():
    clock = FakeClock()
    wrapped = throttled(FakeClient(ApiError("server_error", "oops")), clock)
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    await wrapped.send(a_request())
    assert clock.slept == []


async def test_stopping_ends_the_waiting():
    stopping = asyncio.Event()
    client = FakeClient(ApiError("rate_limit", "slow down", retry_after_s=600.0))
    wrapped = throttled(client, stopping=stopping)
    with pytest.raises(ApiError):
        await wrapped.send(a_request())
    stopping.set()
    with pytest.raises(ApiError) as caught:
        await wrapped.send(a_request())
    assert caught.value.kind == "cancelled"
    assert len(client.requests) == 1
