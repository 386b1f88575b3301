"""Seconds and memory to plan a dataset of a million rows: read, identify, check for doubles, count.

    python tests/benchmarks/suite.py [--rows 1000000] [--format jsonl]

Each format and way of choosing rows is one ``evalkit plan`` in a process of its own; seconds are
wall time and CPU, memory is its largest resident set, read by wait4. Exits with 1 if a plan takes
more than 20 s or 300 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FORMATS = ["jsonl", "csv", "parquet"]
MOST_S, MOST_MB = 20.0, 300.0
WORDS = ["apple", "river", "stone", "seven", "market", "train", "garden", "bottle", "window"]
SUITE = """\
dataset: {path: rows.FORMAT, id: id, target: "{{ answer.split('####')[-1] }}"}
prompts: {direct: "{{ question }}", brief: "In one word: {{ question }}"}
models: [claude-haiku-4-5]
thinking: [off, 4k]
scorers: [number]
"""
WAYS = {
    "every row, ids from a column": [],
    "every row, ids by content": ["dataset.id=null"],
    "filtered": ["dataset.filter=topic != 'apple'"],
    "shuffled": ["dataset.shuffle=1"],
    "a stratified sample of 1,000": ["dataset.sample={size: 1000, by: topic}"],
}


def write_rows(path: Path, count: int) -> None:
    """Rows of about 250 bytes, the same every time."""
    if path.suffix == ".parquet":
        # In a process of its own: a child's largest resident set begins with its parent's.
        subprocess.run(
            [sys.executable, __file__, "--write", path, "--rows", str(count)], check=True
        )
        return
    luck = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("id,question,answer,topic\n")
        for number in range(count):
            question = " ".join(luck.choices(WORDS, k=25)) + "?"
            answer, topic = f"so it is #### {number % 997}", WORDS[number % len(WORDS)]
            if path.suffix == ".csv":
                file.write(f"row-{number:08d},{question},{answer},{topic}\n")
            else:
                row = {"id": f"row-{number:08d}", "question": question, "answer": answer}
                file.write(json.dumps({**row, "topic": topic}) + "\n")


def write_parquet(path: Path, count: int) -> None:
    """The same rows in one row group, as pandas and pyarrow write them."""
    from pyarrow import json as arrow_json
    from pyarrow import parquet

    write_rows(path.with_suffix(".jsonl"), count)
    parquet.write_table(arrow_json.read_json(path.with_suffix(".jsonl")), path)


def plan(folder: Path, overrides: list[str]) -> tuple[float, float, float, str]:
    """Seconds of wall time and of CPU, megabytes, and the first line of one plan."""
    command = [sys.executable, "-m", "evalkit", "plan", "suite.yaml"]
    for override in overrides:
        command += ["--set", override]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        if status:
            raise SystemExit(f"evalkit plan ended with {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        first = out.readline().strip()
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit, first


def main() -> int:
    """Write the rows, plan them in every way, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=FORMATS, help="default: each")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_parquet(options.write, options.rows)
        return 0
    formats = [options.format] if options.format else FORMATS
    kept = [measure(kind, options.rows) for kind in formats]
    return 0 if all(kept) else 1


def measure(kind: str, rows: int) -> bool:
    """Plan rows of one format in every way, a line each; whether all kept the bounds."""
    is_fine = True
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-") as name:
        folder = Path(name)
        write_rows(folder / f"rows.{kind}", rows)
        (folder / "suite.yaml").write_text(SUITE.replace("FORMAT", kind))
        for way, overrides in WAYS.items():
            seconds, cpu_s, megabytes, first = plan(folder, overrides)
            figures = f"{seconds:6.1f} s {cpu_s:6.1f} s CPU {megabytes:6.0f} MB"
            print(f"{kind:8} {way:30} {figures}   {first}", flush=True)
            is_fine &= seconds <= MOST_S and megabytes <= MOST_MB
    return is_fine


if __name__ == "__main__":
    sys.exit(main())
