"""CPU and wall per request: evalkit, everything on, against a bare loop over the same HTTP library.

    python tests/benchmarks/engine.py [--requests 2000] [--concurrency 100] [--stream] [--rounds 3]
        [--refuse 1:2]

Both run as processes of their own, in turn, against one loopback server; CPU is user + system of
the whole process (imports included, for both), read by wait4. Both have their bytecode, as after an
installation. With ``--refuse`` the server refuses everything (429) for a while; the bare loop then
waits as told and asks again.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BARE = """
import asyncio, sys, httpx, orjson
from httpx_aiohttp import HttpxAiohttpClient
url, stream = sys.argv[1], sys.argv[4] == "1"
count, concurrency = int(sys.argv[2]), int(sys.argv[3])
async def main():
    limits = httpx.Limits(max_connections=0, keepalive_expiry=30)
    async with HttpxAiohttpClient(timeout=60, limits=limits) as client:
        numbers = iter(range(count))
        async def work():
            for number in numbers:
                body = {"model": "bench-1", "max_tokens": 64, "messages": [
                    {"role": "user", "content": f"What is {number} + 5? Answer with a number."}]}
                if stream:
                    body["stream"] = True
                data = orjson.dumps(body)
                headers = {"content-type": "application/json", "x-api-key": "k"}
                path = url + "/v1/messages"
                while True:
                  async with client.stream("POST", path, content=data, headers=headers) as r:
                    if r.status_code == 429:
                        await r.aread()
                        await asyncio.sleep(float(r.headers["retry-after"]))
                        continue
                    if stream:
                        text = ""
                        async for line in r.aiter_lines():
                            if line.startswith("data:"):
                                event = orjson.loads(line[5:])
                                if event["type"] == "content_block_delta":
                                    text += event["delta"]["text"]
                    else:
                        text = orjson.loads(await r.aread())["content"][0]["text"]
                    assert "12" in text
                    break
        await asyncio.gather(*(work() for _ in range(concurrency)))
asyncio.run(main())
"""


def measure(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one process."""
    start = time.perf_counter()
    with (cwd / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((cwd / "output.txt").read_text())
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--refuse", default="0:0", metavar="AFTER_S:FOR_S")
    options = parser.parse_args()
    n = options.requests
    loopback = [sys.executable, str(HERE / "loopback.py"), "--latency", str(options.latency)]
    loopback += ["--refuse", options.refuse]
    compileall.compile_dir(HERE.parents[1] / "evalkit", quiet=1)
    server = subprocess.Popen(loopback, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory() as folder:
            cwd = Path(folder)
            rows = [
                {"id": i, "question": f"What is {i} + 5? Answer with a number."} for i in range(n)
            ]
            (cwd / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
            suite = {
                "name": "bench",
                "dataset": {"path": "rows.jsonl", "id": "id"},
                "prompts": {"p": "{{ question }}"},
                "models": [{"model": "bench-1", "stream": options.stream}],
                "thinking": ["default"],
                "answer_tokens": 64,
            }
            (cwd / "suite.yaml").write_text(json.dumps(suite))
            env = {**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "k"}
            bare = [sys.executable, "-c", BARE, url, str(n), str(options.concurrency)]
            bare.append("1" if options.stream else "0")
            ours = [sys.executable, "-m", "evalkit", "run", "suite.yaml", "-y", "-j"]
            ours += [str(options.concurrency), "--progress", "none"]
            report(n, options.rounds, bare, ours, cwd, env)
    finally:
        server.terminate()
        server.wait()


def report(
    n: int, rounds: int, bare: list[str], ours: list[str], cwd: Path, env: dict[str, str]
) -> None:
    ratios: dict[str, list[float]] = {"cpu": [], "wall": []}
    print("            wall s   cpu ms/request   peak MB")
    for _ in range(rounds):
        figures = {}
        for name, command in (("bare", bare), ("evalkit", ours)):
            wall, cpu, peak = figures[name] = measure(command, cwd, env)
            print(f"{name:>8} {wall:9.2f} {1000 * cpu / n:14.2f} {peak:12.0f}", flush=True)
        ratios["wall"].append(figures["evalkit"][0] / figures["bare"][0])
        ratios["cpu"].append(figures["evalkit"][1] / figures["bare"][1])
    for name, values in ratios.items():
        print(
            f"evalkit / bare, {name}: median {statistics.median(values):.2f}"
            f" ({min(values):.2f} to {max(values):.2f})"
        )


if __name__ == "__main__":
    main()
