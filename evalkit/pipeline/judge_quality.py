"""What stored verdicts say of the judges themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from evalkit.analysis.judges import COLUMNS, judge_quality
from evalkit.analysis.results import JudgeQuality
from evalkit.pipeline.judges.bench import judge_names
from evalkit.pipeline.stored import StoredRun, seed_of
from evalkit.store.judges import judge_store, read_verdicts

_CONFIDENCE = 0.95


def judges_of(runs: Sequence[StoredRun]) -> tuple[JudgeQuality, ...]:
    """Each judge of the first run that has verdicts, over all runs that have it."""
    found = []
    for name in judge_names(runs[0].suite):
        tables = [read_verdicts(judge_store(run.folder, name), COLUMNS) for run in runs]
        whole = [table for table in tables if table is not None and table.num_rows]
        if not whole:
            continue
        quality = judge_quality(
            name, pa.concat_tables(whole), seed=seed_of(runs, "judges"), confidence=_CONFIDENCE
        )
        told = [run.manifest.judges.get(name, {}).get("cost_usd") for run in runs]
        costs = [cost for cost in told if cost is not None]
        found.append(replace(quality, cost_usd=sum(costs) if costs else None))
    return tuple(found)
