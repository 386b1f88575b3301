"""How much of a server's rate limit is used, and how often it is overstepped.

    python tests/benchmarks/limits.py [requests|input|output|faults ...] [--told | --learned]

Each case runs ``evalkit run`` against ``evalkit serve`` with real token buckets and prints the span
of the admitted requests at the server against the ideal, the 429s, and the failed trials.
``--told``: the suite names the limit; ``--learned``: only the response headers do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from servers import simulated_server

RPM, BURST, REQUESTS = 3000, 50, 1500
TOKENS_PER_MINUTE = 60_000


def suite(requests: int, limits: dict[str, object], folder: Path, words: bool) -> None:
    rows = [
        # Questions of very different length, for the input limit.
        {"id": i, "question": f"What is {i} + 5? " + "Think of apples. " * (i % 10 * 4 * words)}
        for i in range(requests)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "suite.yaml").write_text(
        json.dumps(
            {
                "name": "limits",
                "dataset": {"path": "rows.jsonl", "id": "id"},
                "prompts": {"p": "{{ question }}"},
                "models": ["claude-haiku-4-5"],
                "thinking": ["off" if not words else 1024],
                "answer_tokens": 200,
                "limits": {"concurrency": 100, **limits},
                "retries": {"within_s": 900},
            }
        )
    )


def run(
    server_options: list[str], requests: int, limits: dict[str, object], *, words: bool
) -> dict:
    with tempfile.TemporaryDirectory() as name, simulated_server(*server_options) as server:
        folder = Path(name)
        suite(requests, limits, folder, words)
        env = {**os.environ, "ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "k"}
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "evalkit", "run", "suite.yaml", "-y", "--json"],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - start
        if not done.stdout:
            sys.exit(done.stderr)
        log = server.requests()
        result = json.loads(done.stdout)
        usage = tokens(folder)
    admitted = [datetime.fromisoformat(row["arrived_at"]) for row in log if row["status"] != 429]
    return {
        "wall_s": wall,
        "span_s": (max(admitted) - min(admitted)).total_seconds(),
        "requests": len(log),
        "refused": sum(row["status"] == 429 for row in log),
        "failed": result["trials"]["failed"],
        "ok": result["trials"]["ok"],
        **usage,
    }


def tokens(folder: Path) -> dict[str, int]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    parts = [pq.read_table(part) for part in folder.rglob("part-*.parquet")]
    names = ("input_tokens", "output_tokens")
    return {name: sum(pc.sum(part[name]).as_py() or 0 for part in parts) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=["requests", "input", "output", "faults"])
    parser.add_argument("--learned", action="store_true")
    options = parser.parse_args()
    latency = ["--latency", "0.1", "--gain", "0"]
    for case in options.cases:
        if case == "requests":
            told = {} if options.learned else {"requests_per_minute": RPM}
            server = [*latency, "--requests-per-minute", str(RPM), "--burst", str(BURST)]
            got = run(server, REQUESTS, told, words=False)
            ideal = (REQUESTS - BURST) * 60 / RPM
            print(
                f"requests: span {got['span_s']:.2f} s, {got['span_s'] / ideal:.3f} x ideal; "
                f"{got['refused']} of {got['requests']} refused, {got['failed']} failed"
            )
        elif case in ("input", "output"):
            key = f"{case}_tokens_per_minute"
            told = {} if options.learned else {key: TOKENS_PER_MINUTE}
            server = [*latency, f"--{case}-tokens-per-minute", str(TOKENS_PER_MINUTE)]
            # The server's bucket holds a whole minute; what it allows is that and a rate.
            got = run(server, 900 if case == "input" else 260, told, words=True)
            used = got[f"{case}_tokens"]
            share = used / (TOKENS_PER_MINUTE / 60 * got["span_s"])
            print(
                f"{case}: {used:,} tokens in {got['span_s']:.1f} s, {share:.3f} of the limit; "
                f"{got['refused']} of {got['requests']} refused, {got['failed']} failed"
            )
        else:
            clean = run(latency, REQUESTS, {}, words=False)
            faults = ["--fault", "529=0.05", "--fault", "reset=0.02", "--fault", "hang=0.01"]
            slow = run([*latency, *faults], REQUESTS, {"idle_timeout_s": 5}, words=False)
            print(
                f"faults: wall {slow['wall_s']:.1f} s against {clean['wall_s']:.1f} s without; "
                f"{slow['ok']} of {REQUESTS} answered, {slow['failed']} failed"
            )


if __name__ == "__main__":
    main()
