"""How much of a server's rate limit is used, how often it is overstepped, and what faults cost.

    python tests/benchmarks/limits.py [requests|input|output|faults ...] [--learned]

Each case is an ``evalkit run``. The limits are those of ``tests/limited_server.py``, which knows
nothing of evalkit: token buckets with continuous refill, answers of 30 to 300 tokens. With
``--learned`` only response headers tell the limits, not the suite. The faults are those of
``evalkit serve``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))
from servers import limited_server, simulated_server

RPM, BURST_S, REQUESTS = 3000, 1.0, 1500
TOKENS_PER_MINUTE = 60_000
MODEL = "claude-haiku-4-5"
HANG_S = 5


def suite(requests: int, limits: dict[str, Any], folder: Path, *, uneven: bool) -> None:
    rows = [
        # Questions of very different length, for the input limit.
        {"id": i, "question": f"What is {i} + 5? " + "Think of apples. " * (i % 10 * 4 * uneven)}
        for i in range(requests)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    document = {
        "name": "limits",
        "dataset": {"path": "rows.jsonl", "id": "id"},
        "prompts": {"p": "{{ question }}"},
        "models": [MODEL],
        "thinking": ["default"],
        "answer_tokens": 1000,
        "limits": {"concurrency": 100, **limits},
    }
    (folder / "suite.yaml").write_text(json.dumps(document))


def run(folder: Path, url: str) -> tuple[dict[str, Any], float]:
    """What ``run --json`` said, and its wall seconds."""
    env = {**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "k"}
    command = [sys.executable, "-m", "evalkit", "run", "suite.yaml", "-y", "--json"]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if not done.stdout:
        sys.exit(done.stderr)
    return json.loads(done.stdout), time.perf_counter() - start


def limited(case: str, *, learned: bool) -> None:
    """One limit, told or learned: how much of it was used, and how often it was overstepped."""
    field, count = {
        "requests": ("requests_per_minute", REQUESTS),
        "input": ("input_per_minute", 600),
        "output": ("output_per_minute", 600),
    }[case]
    limit = RPM if case == "requests" else TOKENS_PER_MINUTE
    # A server's bucket of tokens holds more than one of requests; what it holds is used first.
    burst_s = BURST_S if case == "requests" else 10.0
    served: dict[str, Any] = {"latency_s": 0.1, "output_tokens": [30, 300]}
    served["models"] = {MODEL: {field: limit, "burst_s": burst_s}}
    told = {} if learned else {field.replace("put_per", "put_tokens_per"): limit}
    with tempfile.TemporaryDirectory() as name, limited_server(**served) as (url, log):
        suite(count, told, Path(name), uneven=case == "input")
        result, _ = run(Path(name), url)
        rows = log()
    admitted = [row for row in rows if row["status"] == 200]
    span_s = admitted[-1]["at_s"] - admitted[0]["at_s"]
    tail = (
        f"{len(rows) - len(admitted)} of {len(rows)} refused, {result['trials']['failed']} failed"
    )
    if case == "requests":
        ideal_s = (REQUESTS - RPM / 60 * BURST_S) * 60 / RPM
        print(f"requests: span {span_s:.2f} s, {span_s / ideal_s:.3f} x ideal; {tail}", flush=True)
        return
    used = sum(row[f"{case}_tokens"] for row in admitted)
    share = used / (TOKENS_PER_MINUTE / 60 * span_s)
    print(
        f"{case}: {used:,} tokens in {span_s:.1f} s, {share:.3f} of the limit; {tail}", flush=True
    )


def faulty(seed: int) -> None:
    """5 % 529s, 2 % resets and 1 % hangs, beside the same run without."""
    options = ["--latency", "0.1", "--lenient", "--seed", str(seed)]
    faults = ["--fault", "529=0.05", "--fault", "reset=0.02", "--fault", "hang=0.01"]
    walls, results, hung = [], [], 0
    for more in ([], faults):
        with tempfile.TemporaryDirectory() as name, simulated_server(*options, *more) as server:
            suite(REQUESTS, {"idle_timeout_s": HANG_S}, Path(name), uneven=False)
            result, wall_s = run(Path(name), server.base_url)
            walls.append(wall_s)
            results.append(result["trials"])
            hung = most_timeouts(Path(name) / result["run"])
    # A trial that meets several hangs waits for as many timeouts, one after the other.
    bar_s = 1.5 * walls[0] + hung * HANG_S
    print(
        f"faults, seed {seed}: wall {walls[1]:.1f} s against {walls[0]:.1f} s without "
        f"(1.5 x that and {hung} timeout(s) in a row: {bar_s:.1f} s); "
        f"{results[1]['ok']} of {REQUESTS} answered, "
        f"{results[1]['failed']} failed",
        flush=True,
    )


def most_timeouts(run: Path) -> int:
    """The most timeouts that one trial of a stored run met."""
    attempts = pq.read_table(run / "responses", columns=["attempts"])["attempts"].to_pylist()
    kinds = [[attempt["error_kind"] for attempt in tried] for tried in attempts]
    return max(tried.count("timeout") for tried in kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    cases = ["requests", "input", "output", "faults"]
    parser.add_argument("cases", nargs="*", default=cases)
    parser.add_argument("--learned", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    for case in options.cases:
        if case == "faults":
            for seed in options.seeds:
                faulty(seed)
        else:
            limited(case, learned=options.learned)


if __name__ == "__main__":
    main()
