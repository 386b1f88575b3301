"""What earlier runs of a job answered, case by case, where nothing had changed since the bank.

Whether a case is flaky, and how surprising tonight's answer is, is told by all answers there are,
not by the bank's alone. Runs in which a loss was found are left out: they are what is to be told
from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.analysis.bank import Column
from evalkit.analysis.measures import measures
from evalkit.errors import EvalkitError
from evalkit.pipeline.regression.bank_checks import changed_models, void_because
from evalkit.pipeline.regression.jobs import earlier_jobs
from evalkit.pipeline.stored import load_run, models_answered, trials_of
from evalkit.store.baselines import Baseline
from evalkit.store.runs import RunFolder

_MOST_RUNS = 30
_MOST_TRIALS = 50_000
_QUIET = ("pass", "inconclusive")

Before = Mapping[tuple[str, str], Column]
"""Sums and counts by variant and measure, over the cases of a run in its order."""


def nights_before(folder: RunFolder, baseline: Baseline, case_ids: Sequence[str]) -> Before:
    """The answers of at most 30 jobs before this run, the latest first until there are enough."""
    place = {case: row for row, case in enumerate(case_ids)}
    began = folder.manifest().started_at
    found: dict[tuple[str, str], Column] = {}
    n_trials = 0
    for run in reversed(_quiet_runs(folder, began)[-_MOST_RUNS:]):
        if n_trials > _MOST_TRIALS:
            break
        try:
            stored = load_run(run)
            trials = trials_of([stored])
        except EvalkitError:
            continue  # a damaged run tells nothing; `evalkit history` says so
        if void_because(baseline, stored) or changed_models(baseline, models_answered(trials)):
            continue
        n_trials += len(trials.variant)
        there = np.array([place.get(case, -1) for case in trials.cases.ids], dtype=np.int64)
        known = there >= 0
        for name, measure in measures(trials).items():
            for row, variant in enumerate(trials.variants):
                column = found.setdefault(
                    (variant.key, name),
                    Column(np.zeros(len(place)), np.zeros(len(place), dtype=np.int64)),
                )
                column.sums[there[known]] += measure.sums[row][known]
                column.counts[there[known]] += measure.counts[row][known]
    return found


def _quiet_runs(folder: RunFolder, began: str) -> list[RunFolder]:
    home = folder.path.parent
    return [
        run
        for run, job in earlier_jobs(home.parent, home.name)
        if job.get("verdict") in _QUIET
        and run.path != folder.path
        and run.manifest().started_at <= began
    ]
