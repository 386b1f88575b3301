"""A whole run over HTTP and its resume, watched from outside: memory, stalls, disk, and the search.

    python tests/benchmarks/whole_run.py --trials 1000000 [--concurrency 64] [--folder PLACE]

``evalkit run`` asks N trials of a loopback server in a process of its own; then a part is lost, and
``evalkit resume`` finds and asks what was in it. Nothing is cut short: both score and tell the
means. Memory is read from /proc (Linux) every 0.2 s: VmRSS at each tenth of the answers, VmHWM
while the run asks, and what the kernel counted over the whole process (``ru_maxrss``). A stall is
how late the event loop came back to a task, as the run itself tells it (``status.json``); an idle
process beside it tells how late the machine was. What is missing has been found when the command
says how much is there already: its start-up is part of that time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

VARIANTS = 4
SUITE = """\
name: bench
dataset: {path: rows.jsonl, id: id, target: answer}
prompts: {plain: "What is {{ question }}?"}
models: [claude-haiku-4-5]
thinking: [off, 1024, 2048, 4096]
answer_tokens: 64
scorers: [number]
"""
IDLE = """
import time
longest = 0.0
while True:
    before = time.perf_counter()
    time.sleep(0.02)
    late = time.perf_counter() - before - 0.02
    if late > longest:
        longest = late
        print(round(late * 1000), flush=True)
"""


def prepare(folder: Path, trials: int) -> None:
    """A suite of so many trials, as files."""
    with (folder / "rows.jsonl").open("w") as file:
        for number in range(trials // VARIANTS):
            row = {"id": f"case-{number:07d}", "question": f"{number} + 1", "answer": number + 1}
            file.write(json.dumps(row) + "\n")
    (folder / "suite.yaml").write_text(SUITE)


@dataclass
class Watch:
    """What was seen of one command; memory in MB (10**6 bytes)."""

    rss_mb: dict[int, float] = field(default_factory=dict)
    peak_asking_mb: float = 0.0
    peak_mb: float = 0.0
    found_s: float = 0.0
    found: str = ""
    asking_s: float = 0.0
    whole_s: float = 0.0
    cpu_s: float = 0.0
    stall_ms: float = 0.0
    own_stall_ms: float = 0.0
    idle_ms: str = "?"


class Command:
    """``evalkit`` with arguments, from its start to its end."""

    def __init__(self, folder: Path, url: str, concurrency: int, *args: str) -> None:
        self.folder, self.seen = folder, Watch()
        env = {**os.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "k"}
        self.start, self.began = time.perf_counter(), time.time()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "evalkit", *args, "-j", str(concurrency), "--progress", "plain"],
            cwd=folder,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.words: list[str] = []
        self.is_over = False

    def watch(self) -> Watch:
        """Look until it ends; what was seen. Leaves with its words where it failed."""
        idle = subprocess.Popen([sys.executable, "-c", IDLE], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, daemon=True).start()
        ended: list[tuple[int, object]] = []
        waiter = threading.Thread(target=lambda: ended.append(os.wait4(self.process.pid, 0)[1:]))
        waiter.start()
        while not ended:
            self._look()
            waiter.join(0.2)
        code, usage = ended[0]
        self.seen.whole_s = time.perf_counter() - self.start
        self.seen.peak_mb = usage.ru_maxrss * 1024 / 1e6
        self.seen.cpu_s = usage.ru_utime + usage.ru_stime
        idle.kill()
        self.seen.idle_ms = (idle.communicate()[0].split() or ["?"])[-1]
        if code:
            sys.exit("".join(self.words))
        return self.seen

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.words.append(line)
            # Asking ends with ``1,000/1,000 100%  …``; then come scores and means.
            self.is_over = self.is_over or bool(re.match(r"([\d,]+)/\1 ", line))
            if line.startswith("bench: ") and not self.seen.found:
                self.seen.found_s = time.perf_counter() - self.start
                self.seen.found = line.strip()

    def _look(self) -> None:
        now_mb = self._told_mb("VmRSS")
        if now_mb:
            self.seen.rss_mb[100] = now_mb  # the last look is at its end
        status = self._status()
        if status is None or self.is_over:
            return
        self.seen.stall_ms = 1000 * status["stall_s"]
        self.seen.own_stall_ms = 1000 * status["stall_cpu_s"]
        self.seen.asking_s = time.perf_counter() - self.start
        self.seen.peak_asking_mb = self._told_mb("VmHWM") or self.seen.peak_asking_mb
        tenth = 10 * status["done"] // status["planned"] * 10
        if tenth:
            self.seen.rss_mb.setdefault(tenth, now_mb)

    def _status(self) -> dict[str, float] | None:
        """What the run tells of itself, if it has told anything since this command began."""
        for path in (self.folder / "runs").glob("*/*/status.json"):
            told: dict[str, float] = json.loads(path.read_bytes())
            return told if told["at"] >= self.began else None
        return None

    def _told_mb(self, name: str) -> float:
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        except OSError:
            return 0.0
        found = [line.split()[1] for line in lines if line.startswith(name)]
        return int(found[0]) * 1024 / 1e6 if found else 0.0


def told(name: str, seen: Watch) -> None:
    """The figures of one command, a line each."""
    print(f"\nevalkit {name}")
    late = f"{seen.stall_ms:.0f} ms, {seen.own_stall_ms:.0f} ms by its own computing"
    figures = {
        "found what is missing": f"after {seen.found_s:.1f} s with start-up ({seen.found})",
        "asked": f"for {seen.asking_s:.0f} s; {seen.whole_s:.0f} s in all, {seen.cpu_s:.0f} s CPU",
        "memory at % of answers": "  ".join(
            f"{at}:{mb:.0f}" for at, mb in sorted(seen.rss_mb.items())
        )
        + " MB",
        "peak while it asked": f"{seen.peak_asking_mb:.0f} MB (VmHWM)",
        "peak of the whole process": f"{seen.peak_mb:.0f} MB (ru_maxrss)",
        "longest stall of the loop": f"{late}; an idle process was late by {seen.idle_ms} ms",
    }
    for label, figure in figures.items():
        print(f"  {label:26} {figure}", flush=True)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(folder: Path, trials: int, concurrency: int, url: str) -> None:
    """Run, lose a part, resume."""
    prepare(folder, trials)
    told("run", Command(folder, url, concurrency, "run", "suite.yaml", "-y").watch())
    (run,) = (path.parent for path in (folder / "runs").glob("*/*/manifest.json"))
    parts = sorted(run.glob("responses/part-*.parquet"))
    per_answer = size_of(run / "responses") / trials
    print(f"  disk                       {per_answer:.1f} bytes an answer in {len(parts)} parts")
    print(f"  the run with cases, scores {size_of(run) / trials:.1f} bytes a trial", flush=True)
    parts[0].unlink()
    told("resume, a part lost", Command(folder, url, concurrency, "resume").watch())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    loopback = Path(__file__).with_name("loopback.py")
    server = subprocess.Popen(
        [sys.executable, loopback, "--latency", str(options.latency)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory(dir=options.folder) as place:
            print(f"{options.trials:,} trials, {options.concurrency} at a time")
            measure(Path(place), options.trials, options.concurrency, url)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
