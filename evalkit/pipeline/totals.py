"""What a run has, by the count of what is stored. Loads the store alone, for quick commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from evalkit.errors import StoreError
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder


def count_totals(folder: RunFolder, planned: int) -> dict[str, Any]:
    """The totals of a manifest, counted from the stored rows a part at a time.

    ``cost_usd`` is None while no row has a known cost.
    """
    statuses: Counter[str] = Counter()
    cached, cost = 0, None
    for table in folder.outcomes(["status", "source", "cost_usd"]):
        for row in pc.value_counts(table["status"]).to_pylist():
            statuses[row["values"]] += row["counts"]
        cached += pc.sum(pc.equal(table["source"], "cache")).as_py() or 0
        spent = pc.sum(table["cost_usd"]).as_py()
        cost = cost if spent is None else (cost or 0.0) + spent
    return {
        "planned": planned,
        "ok": statuses["ok"],
        "failed": statuses["failed"],
        "cached": cached,
        "cost_usd": cost,
    }


def known_totals(folder: RunFolder, manifest: Manifest) -> Mapping[str, Any]:
    """The totals of a run; counted now if it was killed, nothing where it cannot be read."""
    if manifest.totals:
        return manifest.totals
    try:
        return count_totals(folder, manifest.planned)
    except StoreError:
        return {}
