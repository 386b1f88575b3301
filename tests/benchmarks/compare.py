"""How long comparing takes, and how much memory.

    python tests/benchmarks/compare.py arms            # 2 variants x 10,000 cases, in memory
    python tests/benchmarks/compare.py run [--trials 1000000] [--variants 6] [--keep FOLDER]

``arms`` times the conclusions about two variants after imports (the CPU time is what a machine
that does nothing else needs). ``run`` writes a scored run of so
many trials in all as Parquet (untimed), then reads it and concludes everything in a fresh process:
seconds (wall, and CPU of all threads) without imports, and peak resident memory in MB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.special  # noqa: F401  # loaded by the first interval otherwise

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.trials import COLUMNS, read_trials
from evalkit.store.manifest import Manifest, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.tables import CASES, RESPONSES, SCORES
from evalkit.types import Thinking, Variant

PART_ROWS = 100_000
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from evalkit.store.runs import RunFolder
from evalkit.pipeline.stored import load_runs, trials_of
from evalkit.pipeline.compare import analyse_runs
start, cpu = time.perf_counter(), time.process_time()
runs = load_runs([RunFolder(Path(sys.argv[1]))])
trials = trials_of(runs)
read = time.perf_counter()
analysis, _ = analyse_runs(runs, trials)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({
    "trials": len(trials.variant), "comparisons": len(analysis.comparisons),
    "verdicts": sorted({one.verdict for one in analysis.comparisons}),
    "read_s": round(read - start, 2), "analyse_s": round(end - read, 2),
    "total_s": round(end - start, 2), "cpu_s": round(time.process_time() - cpu, 2),
    "peak_mb": round(peak),
}))
"""


def variants(number: int) -> list[Variant]:
    """Thinking off and budgets by doubling."""
    settings = [Thinking("off"), *(Thinking("budget", 1024 * 2**power) for power in range(number))]
    return [Variant("plain", "claude-haiku-4-5", setting) for setting in settings[:number]]


def columns(rng: np.random.Generator, n_cases: int, chosen: list[Variant]) -> dict[str, pa.Array]:
    """Every column of responses that is not null, variants interleaved within each case."""
    n = n_cases * len(chosen)
    case = np.repeat(np.arange(n_cases), len(chosen))
    arm = np.tile(np.arange(len(chosen)), n_cases)
    keys = pa.array([one.key for one in chosen])
    tokens = rng.integers(20, 400, n)
    thought = tokens * arm
    return {
        "trial_key": pa.array([f"b2:{row:032x}" for row in range(n)]),
        "case_id": pa.array([f"case-{place:07d}" for place in range(n_cases)]).take(pa.array(case)),
        "variant_key": keys.take(pa.array(arm)),
        "prompt": pa.array(["plain"]).take(pa.array(np.zeros(n, int))),
        "model_asked": pa.array(["claude-haiku-4-5"]).take(pa.array(np.zeros(n, int))),
        "model_answered": pa.array(["claude-haiku-4-5-20251001"]).take(pa.array(np.zeros(n, int))),
        "thinking_mode": pa.array([one.thinking.mode for one in chosen]).take(pa.array(arm)),
        "budget_tokens": pa.array([one.thinking.budget_tokens for one in chosen], pa.int64()).take(
            pa.array(arm)
        ),
        "sample": pa.array(np.zeros(n, np.int32)),
        "status": pa.array(["ok"]).take(pa.array(np.zeros(n, int))),
        "stop_reason": pa.array(["end_turn"]).take(pa.array(np.zeros(n, int))),
        "text": pa.array([f"The answer is {number}. " * 4 for number in range(1000)]).take(
            pa.array(rng.integers(0, 1000, n))
        ),
        "thinking_text": pa.array(["", "Let me think. " * 20]).take(
            pa.array((arm > 0).astype(int))
        ),
        "redacted_block_count": pa.array(np.zeros(n, np.int32)),
        "input_tokens": pa.array(rng.integers(50, 300, n)),
        "output_tokens": pa.array(tokens + thought),
        "thinking_tokens": pa.array(thought),
        "cost_usd": pa.array((tokens + thought) * 5e-6),
        "pricing_source": pa.array(["table"]).take(pa.array(np.zeros(n, int))),
        "queued_s": pa.array(rng.exponential(0.1, n)),
        "backoff_s": pa.array(np.zeros(n)),
        "first_token_s": pa.array(rng.exponential(0.3, n)),
        "elapsed_s": pa.array(rng.exponential(2.0, n) + 0.01 * thought),
        "request_digest": pa.array([f"b2:{row:032x}" for row in range(n)]),
        "message_id": pa.array([f"msg_{row:024x}" for row in range(n)]),
        "started_at": pa.array(np.full(n, np.datetime64("2026-11-23T12:00:00", "us"))),
        "source": pa.array(["api"]).take(pa.array(np.zeros(n, int))),
    }


def grades(rng: np.random.Generator, n_cases: int, arms: int) -> np.ndarray:
    """Right or wrong, case by case, later arms a little better."""
    skill = np.clip(rng.beta(2, 1, n_cases)[:, None] + 0.01 * np.arange(arms), 0, 1)
    return (rng.random((n_cases, arms)) < skill).astype(float).ravel()


def tables(n_cases: int, chosen: list[Variant]) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Responses, scores and cases of a made-up run."""
    rng = np.random.default_rng(1)
    filled = columns(rng, n_cases, chosen)
    n = n_cases * len(chosen)
    responses = pa.table(
        [
            filled[field.name].cast(field.type) if field.name in filled else pa.nulls(n, field.type)
            for field in RESPONSES
        ],
        schema=RESPONSES,
    )
    values = grades(rng, n_cases, len(chosen))
    scores = pa.table(
        [
            *(responses[name] for name in ("trial_key", "case_id", "variant_key", "sample")),
            pa.array(values),
            pa.array([str(number) for number in range(50)]).take(pa.array(rng.integers(0, 50, n))),
            pa.nulls(n, pa.string()),
        ],
        schema=SCORES,
    )
    cases = pa.table(
        [
            pa.array([f"case-{place:07d}" for place in range(n_cases)]),
            pa.array(
                [f'{{"id":{place},"question":"What is {place} + 1?"}}' for place in range(n_cases)]
            ),
            pa.nulls(n_cases, pa.string()),
            pa.nulls(n_cases, pa.string()),
            pa.array([[]] * n_cases, pa.list_(pa.string())),
        ],
        schema=CASES,
    )
    return responses, scores, cases


def write_run(folder: Path, n_cases: int, arms: int) -> None:
    """A complete, scored run on disk."""
    chosen = variants(arms)
    responses, scores, cases = tables(n_cases, chosen)
    settings = [one.thinking.budget_tokens or "off" for one in chosen]
    suite = Suite.model_validate(
        {
            "name": "bench",
            "dataset": {"path": "rows.jsonl"},
            "prompts": {"plain": "{{ question }}"},
            "models": ["claude-haiku-4-5"],
            "thinking": settings,
            "scorers": ["number"],
        }
    )
    (folder / "responses").mkdir(parents=True)
    (folder / "scores").mkdir()
    for number, start in enumerate(range(0, responses.num_rows, PART_ROWS)):
        part = responses.slice(start, PART_ROWS)
        pq.write_table(
            part, folder / "responses" / f"part-{number:05d}.parquet", compression="zstd"
        )
    pq.write_table(scores, folder / "scores" / "number.parquet", compression="zstd")
    pq.write_table(cases, folder / "cases.parquet", compression="zstd")
    manifest = Manifest(
        run_id="bench0",
        name="bench",
        suite=suite.model_dump(mode="json"),
        digests={},
        versions={},
        endpoints={},
        planned=responses.num_rows,
        n_cases=n_cases,
        started_at="2026-11-23T12:00:00+00:00",
        totals={"cached": 0},
        status="complete",
    )
    write_manifest(folder, manifest)
    assert RunFolder(folder).manifest().n_cases == n_cases


def measure_arms(rounds: int) -> None:
    """Two variants of 10,000 cases, from trials in memory to verdict."""
    chosen = variants(2)
    responses, scores, cases = tables(10_000, chosen)
    trials = read_trials(
        responses.select(COLUMNS), {"number": scores}, cases, dict.fromkeys(chosen, 10_000)
    )
    took, cpu = [], []
    for _ in range(rounds):
        start, spent = time.perf_counter(), time.process_time()
        analysis = analyse(trials, Options(seed=1))
        took.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (time.process_time() - spent))
    print(
        json.dumps(
            {
                "first_ms": round(took[0], 1),
                "median_ms": round(statistics.median(took), 1),
                "best_ms": round(min(took), 1),
                "median_cpu_ms": round(statistics.median(cpu), 1),
                "verdicts": [one.verdict for one in analysis.comparisons],
            }
        )
    )


def measure_run(folder: Path, rounds: int) -> None:
    """A stored run, from Parquet to verdict, each time in a new process."""
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
        print(done.stdout.strip())


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["arms", "run"])
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--variants", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    if asked.what == "arms":
        measure_arms(max(asked.rounds, 9))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch) / "run"
        if not folder.exists():
            # In a process of its own: a child's highest memory begins at what its parent holds.
            writer = multiprocessing.get_context("spawn").Process(
                target=write_run, args=(folder, asked.trials // asked.variants, asked.variants)
            )
            writer.start()
            writer.join()
        measure_run(folder, asked.rounds)


if __name__ == "__main__":
    main()
