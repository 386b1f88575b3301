"""Trials from a thread: the same ones, in order, a few ahead; and the loop's pulse meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from builders import a_trial

from evalkit.errors import TemplateError
from evalkit.pipeline.pulse import Pulse
from evalkit.pipeline.supply import in_thread


async def test_all_come_in_order_and_none_is_made_in_the_loops_thread():
    threads = set()

    def supply():
        for number in range(200):
            threads.add(threading.get_ident())
            yield a_trial(number)

    keys = [trial.key async for trial in in_thread(supply())]
    assert keys == [a_trial(number).key for number in range(200)]
    assert threading.get_ident() not in threads


async def test_only_a_few_are_made_ahead():
    made = 0

    def supply():
        nonlocal made
        for number in range(10_000):
            made += 1
            yield a_trial(number)

    trials = in_thread(supply())
    for _ in range(10):
        await anext(trials)
    await trials.aclose()
    assert made <= 100


async def test_what_was_made_before_an_error_comes_before_it():
    def supply():
        yield a_trial(1)
        yield a_trial(2)
        raise TemplateError("case c3: no such variable")

    seen = []
    with pytest.raises(TemplateError, match="case c3"):
        async for trial in in_thread(supply()):
            seen.append(trial.key)
    assert seen == [a_trial(1).key, a_trial(2).key]


async def test_the_pulse_notices_what_holds_the_loop_up():
    pulse = Pulse()
    beat = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0.02)
    time.sleep(0.2)  # held up, but not by computing
    await asyncio.sleep(0.02)
    assert 0.15 <= pulse.stall_s <= 5.0
    assert pulse.stall_cpu_s < 0.15
    end_s = time.process_time() + 0.2
    while time.process_time() < end_s:
        pass
    await asyncio.sleep(0.02)
    assert pulse.stall_cpu_s >= 0.15
    beat.cancel()
