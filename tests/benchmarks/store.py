"""What a run of a million trials takes: memory, disk, stalls, and the time to find what is missing.

    python tests/benchmarks/store.py --trials 1000000 [--folder PLACE]

Each step is a process of its own, so that its peak memory is its own. ``write`` is the real loop
(plan, admission, journal, sealing) over answers that take no time, so that nothing but evalkit is
measured; ``resume`` opens the run, finds what is missing and counts totals; ``export`` writes all
of it to a CSV file. ``whole_run.py`` watches the real command line over HTTP.

A stall is how late the event loop came back to a task. ``own`` leaves out what the loop's thread
waited for a CPU: on a shared machine that says nothing of evalkit.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from whole_run import prepare

OPEN = 256
ENV = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "k"}


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


class Instant:
    """An executor whose answers take no time."""

    @asynccontextmanager
    async def execute(self, trials: AsyncIterable) -> AsyncIterator:
        yield self.results(trials)

    async def results(self, trials: AsyncIterable) -> AsyncIterator:
        from evalkit.types import Attempt, Response, TrialResult, Usage

        usage = Usage(40, 60, 20)
        number = 0
        async for trial in trials:
            number += 1
            text = f"The sum of these two numbers, taken with care, is {number}. " * 4
            attempt = Attempt(200, None, 0.0, 0.2, f"req_{number:012d}", usage)
            response = Response(
                text=text,
                thinking="Let me add them up. " * 8,
                stop_reason="end_turn",
                usage=usage,
                model="claude-haiku-4-5-20251001",
                id=f"msg_{number:012d}",
                request_id=f"req_{number:012d}",
                first_token_s=0.1,
                elapsed_s=0.2,
                attempts=(attempt,),
            )
            yield TrialResult(trial, response, datetime.now(UTC), 0.0)
            await asyncio.sleep(0)


def waited_for_cpu_ms(thread: int) -> float:
    """How long a thread of this process has been ready to run without running (Linux)."""
    path = Path(f"/proc/self/task/{thread}/schedstat")
    return int(path.read_text().split()[1]) / 1e6 if path.exists() else 0.0


async def stalls(found: list[float], own: list[float]) -> None:
    """The longest the loop was kept from its work, in milliseconds."""
    thread = threading.get_native_id()
    while True:
        before, waited = time.perf_counter(), waited_for_cpu_ms(thread)
        await asyncio.sleep(0.005)
        late_ms = (time.perf_counter() - before - 0.005) * 1000
        found[0] = max(found[0], late_ms)
        own[0] = max(own[0], late_ms - (waited_for_cpu_ms(thread) - waited))


async def write_all(folder, variants, trials: int) -> dict[str, object]:
    from evalkit.messages.pricing import find_price
    from evalkit.pipeline.circuit import Circuit
    from evalkit.pipeline.collect import Recorder, collect
    from evalkit.pipeline.ledger import Ledger
    from evalkit.pipeline.remaining import remaining_trials
    from evalkit.pipeline.stop import Stop
    from evalkit.pipeline.supply import in_thread
    from evalkit.store.writer import RunWriter

    memory: dict[int, float] = {}
    stall, own, heard, stop = [0.0], [0.0], [0], Stop()

    def listen(event: object) -> None:
        heard[0] += 1
        if heard[0] % (trials // 10) == 0:
            memory[heard[0]] = round(rss_mb(), 1)

    writer = RunWriter(folder)
    done = folder.finished([item.variant.key for item in variants], 1)
    recorder = Recorder(writer, listen, stop)
    watch = asyncio.create_task(stalls(stall, own))
    start = time.perf_counter()
    await collect(
        in_thread(remaining_trials(folder, variants, 1, done)),
        executor=Instant(),
        ledger=Ledger({"claude-haiku-4-5": find_price("claude-haiku-4-5")}),
        recorder=recorder,
        stop=stop,
        circuit=Circuit(50),
        most_open=OPEN,
    )
    await asyncio.to_thread(recorder.close)
    took = time.perf_counter() - start
    watch.cancel()
    before_end = rss_mb()
    start = time.perf_counter()
    writer.finish()
    finish_s = time.perf_counter() - start
    writer.abandon()
    size = sum(part.stat().st_size for part in folder.parts())
    return {
        "trials_per_s": round(trials / took),
        "rss_mb_by_trials": memory,
        "rss_mb_before_end": round(before_end, 1),
        "peak_rss_mb": round(peak_mb(), 1),
        "longest_stall_ms": round(stall[0], 1),
        "longest_own_stall_ms": round(own[0], 1),
        "finish_s": round(finish_s, 2),
        "parts": len(folder.parts()),
        "bytes_per_response": round(size / trials, 1),
    }


def write(folder: Path, trials: int) -> dict[str, object]:
    from evalkit.pipeline.endpoints import resolve_endpoints
    from evalkit.pipeline.start import start_run
    from evalkit.plan.matrix import plan_variants
    from evalkit.suite.load import load_suite

    loaded = load_suite(folder / "suite.yaml", (), ENV)
    run = start_run(loaded, folder / "runs", ENV)
    variants = plan_variants(loaded.suite, resolve_endpoints(loaded.suite, ENV))
    gc.set_threshold(50_000, 20, 100)  # as the command line does
    gc.freeze()
    return asyncio.run(write_all(run, variants, trials))


def resume(folder: Path, trials: int) -> dict[str, object]:
    """As if the last part had been lost: what is missing is found, and the first of it rendered."""
    from evalkit.pipeline.endpoints import resolve_endpoints
    from evalkit.pipeline.remaining import remaining_trials
    from evalkit.pipeline.start import stored_suite
    from evalkit.pipeline.totals import count_totals
    from evalkit.plan.matrix import plan_variants
    from evalkit.store.runs import list_runs
    from evalkit.store.writer import RunWriter

    (run,) = list_runs(folder / "runs")
    suite = stored_suite(run)
    variants = plan_variants(suite, resolve_endpoints(suite, ENV))
    parts = run.parts()
    hidden = parts[-1].with_suffix(".hidden")
    parts[-1].rename(hidden)
    start, cpu = time.perf_counter(), time.process_time()
    writer = RunWriter(run)
    done = run.finished([item.variant.key for item in variants], 1)
    first = next(remaining_trials(run, variants, 1, done))
    search_s, search_cpu_s = time.perf_counter() - start, time.process_time() - cpu
    start = time.perf_counter()
    totals = count_totals(run, trials)
    totals_s = time.perf_counter() - start
    writer.finish()
    writer.abandon()
    hidden.rename(parts[-1])
    return {
        "missing": int(done.size - done.sum()),
        "first_missing": first.case_id,
        "search_s": round(search_s, 2),
        "search_cpu_s": round(search_cpu_s, 2),
        "totals_s": round(totals_s, 2),
        "stored": totals["ok"],
        "peak_rss_mb": round(peak_mb(), 1),
    }


def export(folder: Path, trials: int) -> dict[str, object]:
    """All of it as CSV."""
    from evalkit.store.export import export_run
    from evalkit.store.runs import list_runs

    (run,) = list_runs(folder / "runs")
    start = time.perf_counter()
    rows = export_run(run, "csv", folder / "all.csv")
    took = time.perf_counter() - start
    (folder / "all.csv").unlink()
    return {"rows": rows, "seconds": round(took, 1), "peak_rss_mb": round(peak_mb(), 1)}


STEPS = {"write": write, "resume": resume, "export": export}


def step(name: str, folder: Path, trials: int) -> None:
    command = [sys.executable, __file__, "--step", name, "--trials", str(trials)]
    done = subprocess.run(
        [*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True, check=True
    )
    print(f"{name:7}", done.stdout.strip(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--step", choices=list(STEPS))
    told = parser.parse_args()
    if told.step:
        print(json.dumps(STEPS[told.step](told.folder, told.trials)))
        sys.exit()
    with tempfile.TemporaryDirectory(dir=told.folder) as place:
        prepare(Path(place), told.trials)
        for name in STEPS:
            step(name, Path(place), told.trials)
