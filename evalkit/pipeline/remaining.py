"""What a run has and what it lacks, found without holding its trials in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

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
