"""How many more cases a dataset would have, where a run took only some."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import EvalkitError
from evalkit.pipeline.stored import StoredRun
from evalkit.plan.selection import select_rows
from evalkit.suite.dataset import read_rows

MAX_BYTES = 16_000_000
"""Larger files are not gone through for this."""


def cases_left(run: StoredRun) -> int | None:
    """Cases of the dataset, as it lies there now, beyond those of the run; None: not known."""
    if run.is_whole_dataset:
        return 0
    asked = run.suite.dataset
    path = Path(asked.path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    everything = asked.model_copy(update={"limit": None, "sample": None, "shuffle": None})
    try:
        total = sum(1 for _ in select_rows(read_rows(asked), everything))
    except EvalkitError:
        return None  # it has changed since, and what it holds now is not what was asked about
    return max(0, total - run.manifest.n_cases)
