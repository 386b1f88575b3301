"""How long a report over many stored responses takes, and how much memory.

    python tests/benchmarks/report.py [--trials 1000000] [--variants 6] [--rounds 3] [--keep FOLDER]

Writes a scored run of so many trials as Parquet (untimed), then runs the command line on it, each
time in a new process: ``compare`` with terminal and JSON output, the page with its cases, and
``view`` until its page and first rows are there. Seconds of the whole process (wall, and CPU of all
threads), and peak resident memory in MB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from compare import write_run

EVALKIT = (sys.executable, "-m", "evalkit")
COMPARE = ("compare", "latest", "--format", "terminal", "--format", "json")
PAGE = ("report", "latest", "--format", "html")


def measured(words: tuple[str, ...], runs: Path, out: Path) -> dict[str, float]:
    """One command to its end."""
    start = time.perf_counter()
    command = [*EVALKIT, *words, "--runs", str(runs), "--out", str(out)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return {
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": used.ru_maxrss // 1024,
    }


def opened(runs: Path) -> dict[str, float]:
    """``view``: until the page and its first rows are there, until the first case, the filters."""
    start = time.perf_counter()
    command = [*EVALKIT, "view", "latest", "--runs", str(runs)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as view:
        assert view.stdout is not None
        url = view.stdout.readline().strip()
        took = {}
        for name, paths in (
            ("open_s", ("", "rows?at=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15")),
            ("case_s", ("case?at=0",)),
            ("filters_s", ("index",)),
        ):
            for path in paths:
                urllib.request.urlopen(url + path).read()
            took[name] = round(time.perf_counter() - start, 2)
        status = Path(f"/proc/{view.pid}/status").read_text()
        took["peak_mb"] = int(status.split("VmHWM:")[1].split()[0]) // 1024
        view.send_signal(signal.SIGINT)
    return took


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--variants", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="Folder of runs; a run is made where none is.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        runs = asked.keep or Path(scratch) / "runs"
        if not list(runs.glob("*/*/manifest.json")):
            folder = runs / "bench" / "20261123T120000Z-bench0"
            # In a process of its own: a child's highest memory begins at what its parent holds.
            writer = multiprocessing.get_context("spawn").Process(
                target=write_run, args=(folder, asked.trials // asked.variants, asked.variants)
            )
            writer.start()
            writer.join()
        for _ in range(asked.rounds):
            for name, words in (("compare", COMPARE), ("page", PAGE)):
                print(json.dumps({"what": name, **measured(words, runs, Path(scratch))}))
            print(json.dumps({"what": "view", **opened(runs)}))


if __name__ == "__main__":
    main()
