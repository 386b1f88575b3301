"""Re-scores a stored run of 100,000 answers with exact, number and regex: seconds and memory.

``PYTHONPATH=tests python tests/benchmarks/score.py [ANSWERS]``
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from builders import a_suite
from stored_runs import a_run

from evalkit.pipeline.score import rescore_run
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite

TEXT = "She buys 3 boxes of 12, so 3 * 12 = 36 eggs. She gives 4 away. " * 6 + "\n#### 1,032"
SCORERS = ["exact", "number", {"type": "regex", "pattern": r"####\s*(\S+)"}]


def make(folder: Path, n_answers: int) -> Path:
    """A run with that many answers of some 400 characters; made in a process of its own."""
    return a_run(folder, "r1", {"off": [1.0] * n_answers}, rows={"text": TEXT}).path


def measure(path: Path, n_answers: int) -> None:
    """Score it, and print what it took."""
    began = time.perf_counter()
    rescore_run(RunFolder(path), Suite.model_validate(a_suite(scorers=SCORERS)))
    took_s = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n_answers} answers, 3 scorers: {took_s:.1f} s, at most {peak_mb:.0f} MB")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if len(sys.argv) > 2:
        print(make(Path(sys.argv[2]), count))
    else:
        with tempfile.TemporaryDirectory() as place:
            made = subprocess.run(
                [sys.executable, __file__, str(count), place],
                check=True,
                capture_output=True,
                text=True,
            )
            measure(Path(made.stdout.strip()), count)
