import asyncio

import pytest
from builders import a_trial
from fakes import FakeClient, FakeClock

from evalkit.errors import ApiError, TemplateError
from evalkit.executors.local import LocalExecutor


async def supply(count: int, pulled: list[int] | None = None):
    for number in range(count):
        if pulled is not None:
            pulled.append(number)
        yield a_trial(number)


def executor(client, workers=4, stopping=None):
    return LocalExecutor(
        {"claude-haiku-4-5": client}, workers, FakeClock(), stopping or asyncio.Event()
    )


async def test_every_trial_comes_back_once():
    async with executor(FakeClient()).execute(supply(50)) as results:
        keys = [result.trial.key async for result in results]
    assert sorted(keys) == sorted(a_trial(number).key for number in range(50))


async def test_a_failure_is_a_result():
    client = FakeClient(ApiError("invalid_request", "no", status=400))
    async with executor(client, workers=1).execute(supply(2)) as results:
        first, second = [result async for result in results]
    assert (first.outcome.kind, first.outcome.status) == ("invalid_request", 400)
    assert second.is_ok


async def test_trials_are_pulled_only_as_workers_are_free():
    pulled: list[int] = []
    async with executor(FakeClient(), workers=3).execute(supply(100, pulled)) as results:
        await anext(results)
        await asyncio.sleep(0)
        # Three at work, three waiting to be taken, three pulled for the next turn.
        assert len(pulled) <= 10


async def test_leaving_early_leaves_no_task_behind():
    before = asyncio.all_tasks()
    async with executor(FakeClient(), workers=8).execute(supply(100)) as results:
        async for _ in results:
            break
    assert asyncio.all_tasks() == before


async def test_a_doom_is_raised_once_after_what_was_in_flight():
    stopping = asyncio.Event()
    client = FakeClient(ApiError("authentication", "the key was refused", status=401))
    seen = []
    with pytest.raises(ApiError, match="the key was refused"):
        async with executor(client, workers=4, stopping=stopping).execute(supply(100)) as results:
            async for result in results:
                seen.append(result)
    assert stopping.is_set()
    assert len(seen) == len(client.requests) - 1 < 20


async def test_a_stopped_trial_is_no_result():
    client = FakeClient(ApiError("cancelled", "stopped"))
    async with executor(client, workers=1).execute(supply(2)) as results:
        assert len([result async for result in results]) == 1


async def test_a_supply_that_fails_is_raised():
    async def broken():
        yield a_trial(1)
        raise TemplateError("case 'c2' does not render")

    seen = []
    with pytest.raises(TemplateError):
        async with executor(FakeClient()).execute(broken()) as results:
            async for result in results:
                seen.append(result)
    assert len(seen) == 1


async def test_more_workers_can_be_employed_on_the_way():
    gate, asked = asyncio.Event(), []

    class Slow(FakeClient):
        async def send(self, request, on_start=None):
            asked.append(request)
            await gate.wait()
            return await super().send(request, on_start)

    several = executor(Slow(), workers=2)
    async with several.execute(supply(20)) as results:
        await asyncio.sleep(0.01)
        assert len(asked) == 2
        several.employ(5)
        several.employ(3)  # those there are stay
        await asyncio.sleep(0.01)
        assert len(asked) == 5
        gate.set()
        assert len([result async for result in results]) == 20
