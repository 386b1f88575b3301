"""What a run has and what it lacks, found without holding its trials in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from evalkit.errors import StoreError
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.trials import plan_trials
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.types import Case, Trial


def finished_trials(
    folder: RunFolder,
    manifest: Manifest,
    variants: Sequence[PlannedVariant],
    samples: int,
    *,
    with_failed: bool,
) -> npt.NDArray[np.bool_]:
    """Which trials have an outcome, as :meth:`RunFolder.finished`.

    Raises StoreError where the run's cases are fewer than it was made with.
    """
    keys = [planned.variant.key for planned in variants]
    done = folder.finished(keys, samples, with_failed=with_failed)
    if len(done) < manifest.n_cases:
        raise StoreError(
            f"{folder.cases_path}: has {len(done):,} cases, and the run {manifest.n_cases:,}",
            "It is of another run, or an older copy: restore the right one. Nothing was changed.",
        )
    # An extension that was cut short may have left more cases than the manifest speaks of.
    return done[: manifest.n_cases]


def remaining_trials(
    folder: RunFolder,
    variants: Sequence[PlannedVariant],
    samples: int,
    done: npt.NDArray[np.bool_],
    places: npt.NDArray[np.int64] | None = None,
) -> Iterator[Trial]:
    """The trials without an outcome, in the order of the plan, or of these places of cases.

    ``done`` is cases x variants x samples. Only cases that lack something are read and rendered:
    among a million trials the last missing ones are found at once.
    """
    order = {planned.variant.key: number for number, planned in enumerate(variants)}
    lacking: npt.NDArray[np.bool_] = np.logical_not(done.all(axis=(1, 2)))
    for place, case in _lacking_cases(folder, lacking, places):
        for trial in plan_trials(variants, [case], samples):
            if not done[place, order[trial.variant.key], trial.sample]:
                yield trial


def _lacking_cases(
    folder: RunFolder, lacking: npt.NDArray[np.bool_], places: npt.NDArray[np.int64] | None
) -> Iterator[tuple[int, Case]]:
    """The cases that lack something, with their places; in an order of one's own all are held."""
    if places is None:
        yield from zip(np.flatnonzero(lacking).tolist(), folder.cases(lacking), strict=True)
        return
    wanted = np.zeros_like(lacking)
    wanted[places] = lacking[places]
    cases = dict(zip(np.flatnonzero(wanted).tolist(), folder.cases(wanted), strict=True))
    for place in places.tolist():
        if place in cases:
            yield place, cases[place]


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
