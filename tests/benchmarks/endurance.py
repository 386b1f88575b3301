"""A long run over HTTP: does memory, the number of tasks or of sockets grow, does the loop stall?

    python tests/benchmarks/endurance.py [--trials 100000] [--concurrency 100] [--stream]

``evalkit run`` as a process of its own against a loopback server; its memory and sockets are read
from /proc every 0.2 s (Linux), tasks and stalls are what the run itself tells (``status.json``,
``-v``). Compares the first quarter of the trials with the last. Exits with 1 when memory grew by
more than 10 %, there are many more sockets or tasks than requests in flight, or the loop was held
up for more than 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MOST_GROWTH, MOST_STALL_MS = 1.10, 50.0
# Sockets and tasks beside one a request in flight: the loop's own, the watch, the workers' end.
SPARE = 12


@dataclass
class Look:
    """A process at one moment."""

    done: int
    rss_mb: float
    sockets: int
    tasks: int
    stall_s: float
    stall_cpu_s: float


def look(pid: int, folder: Path) -> Look | None:
    """None while the run has told nothing yet, or when it has ended."""
    status = next(folder.glob("runs/*/*/status.json"), None)
    try:
        if status is None:
            return None
        told = json.loads(status.read_bytes())
        fields = Path(f"/proc/{pid}/status").read_text().split()
        links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except (OSError, ValueError):
        return None
    if "VmRSS:" not in fields:
        return None
    return Look(
        told["done"],
        int(fields[fields.index("VmRSS:") + 1]) / 1024,
        sum(link.startswith("socket:") for link in links),
        told["tasks"],
        told["stall_s"],
        told["stall_cpu_s"],
    )


def prepare(folder: Path, trials: int, stream: bool) -> None:
    with (folder / "rows.jsonl").open("w") as rows:
        for number in range(trials // 2):
            question = f"What is {number} + 5? Answer with a number."
            rows.write(json.dumps({"id": number, "question": question}) + "\n")
    suite = {
        "name": "endurance",
        "dataset": {"path": "rows.jsonl", "id": "id"},
        "prompts": {"plain": "{{ question }}", "terse": "In one word: {{ question }}"},
        "models": [{"model": "bench-1", "stream": stream}],
        "thinking": ["default"],
        "answer_tokens": 64,
    }
    (folder / "suite.yaml").write_text(json.dumps(suite))


def watched(folder: Path, url: str, concurrency: int) -> tuple[list[Look], float, str]:
    """What was seen of the run every 0.2 s, its wall seconds, and its last words."""
    command = [sys.executable, "-m", "evalkit", "run", "suite.yaml", "-y", "-v"]
    command += ["-j", str(concurrency), "--progress", "none"]
    env = {**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "k"}
    looks: list[Look] = []
    start = time.monotonic()
    with (folder / "told.txt").open("w") as told:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=told, stderr=told)
        while process.poll() is None:
            if (seen := look(process.pid, folder)) is not None:
                looks.append(seen)
            time.sleep(0.2)
    words = (folder / "told.txt").read_text()
    if process.returncode:
        sys.exit(words)
    return looks, time.monotonic() - start, words


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    loopback = [sys.executable, str(HERE / "loopback.py"), "--latency", str(options.latency)]
    server = subprocess.Popen(loopback, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder, options.trials, options.stream)
            looks, wall_s, words = watched(folder, url, options.concurrency)
    finally:
        server.terminate()
        server.wait()
    print(f"{options.trials:,} trials in {wall_s:.0f} s")
    print("\n".join(line for line in words.splitlines() if "stall" in line))
    return 0 if judged(looks, options.trials, options.concurrency) else 1


def judged(looks: list[Look], trials: int, concurrency: int) -> bool:
    """Print the figures; whether they hold."""
    running = [seen for seen in looks if 0 < seen.done < trials]
    first = [seen for seen in running if seen.done <= trials / 4]
    last = [seen for seen in running if seen.done > trials * 3 / 4]
    mean = statistics.mean
    growth = mean(seen.rss_mb for seen in last) / mean(seen.rss_mb for seen in first)
    print("                 first quarter   last quarter")
    for label, value in (
        ("memory, mean MB", lambda seen: seen.rss_mb),
        ("sockets", lambda seen: seen.sockets),
        ("tasks", lambda seen: seen.tasks),
    ):
        print(f"{label:16} {mean(map(value, first)):13.1f} {mean(map(value, last)):14.1f}")
    stall_ms, computing_ms = 1000 * running[-1].stall_s, 1000 * running[-1].stall_cpu_s
    print(f"memory {growth:.3f} x, peak {max(seen.rss_mb for seen in running):.0f} MB")
    print(f"longest stall {stall_ms:.0f} ms, {computing_ms:.0f} ms by its own computing")
    sockets = max(seen.sockets for seen in last)
    tasks = max(seen.tasks for seen in last)
    print(f"at most {sockets} sockets and {tasks} tasks in the last quarter")
    is_bounded = max(sockets, tasks) <= concurrency + SPARE
    return growth <= MOST_GROWTH and is_bounded and stall_ms <= MOST_STALL_MS


if __name__ == "__main__":
    sys.exit(main())
