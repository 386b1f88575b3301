"""What a large run scored, a variant at a time, in memory that hardly grows with its trials.

Comparing holds numbers of every trial at once, half a kB each. Of a run of more than
``MOST_COMPARED`` that would be the most that the run ever takes, so that it ends with the means
alone, the very ones that comparing it gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.analysis.trials import COLUMNS, Trials, aligned, cluster_labels, narrowed, read_trials
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.twins import bare_id, with_twins_as_clusters
from evalkit.plan.matrix import plan_variants
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.store.parts import read_table
from evalkit.store.runs import RunFolder
from evalkit.types import Variant

MOST_COMPARED = 200_000
"""A run of more trials than this is not compared at its end, unless asked to."""
_BATCH_ROWS = 20_000
_GRADES = ["trial_key", "value"]


@dataclass(frozen=True, slots=True)
class VariantOverview:
    """A variant's key, how many trials it was to have, and its mean by scorer.

    Scorers that make something else than the mean of a case's samples are left to comparing.
    """

    variant: str
    n_asked: int
    scores: Mapping[str, Estimate] = field(default_factory=dict)


def overview(folder: RunFolder) -> list[VariantOverview]:
    """Every variant's means over cases with their intervals. Raises StoreError."""
    suite, manifest = stored_suite(folder), folder.manifest()
    planned = plan_variants(suite, resolve_endpoints(suite, {}), manifest.only)
    variants = [one.variant for one in planned]
    cases, _ = with_twins_as_clusters(folder, bare_id(suite.dataset.id, planned))
    names = [spec.name for spec in suite.scorers if spec.reduce == "mean"]
    tallies = {name: _Tally(len(variants), cases.num_rows) for name in names}
    grades = {name: _Grades(folder, name) for name in names if folder.count_scores(name)}
    for part in folder.outcomes(COLUMNS):
        for start in range(0, part.num_rows, _BATCH_ROWS):
            rows = narrowed(part.slice(start, _BATCH_ROWS))
            scores = {name: one.beside(rows) for name, one in grades.items()}
            trials, where = _read(rows, scores, cases, variants)
            for name in grades:
                tallies[name].add(trials, name, where)
    clusters = cluster_labels(cases["cluster"])
    means = {name: list(tallies[name].means(clusters)) for name in grades}
    asked = manifest.n_cases * suite.samples
    return [
        VariantOverview(variant.key, asked, {name: means[name][row] for name in grades})
        for row, variant in enumerate(variants)
    ]


class _Tally:
    """Sums and counts of one scorer's grades, variants x cases.

    What counts as 0 and what is missing is decided as in ``analysis.outcomes``; that an answer
    without text or end is wrong only where the case can be graded at all shows at the end.
    """

    def __init__(self, n_variants: int, n_cases: int) -> None:
        self._shape = n_variants, n_cases
        self._sum = np.zeros(n_variants * n_cases)
        self._count = np.zeros(n_variants * n_cases, dtype=np.int32)
        self._open = np.zeros(n_variants * n_cases, dtype=np.int32)
        self._has_whole = np.zeros(n_cases, dtype=np.bool_)
        self._has_grade = np.zeros(n_cases, dtype=np.bool_)

    def add(self, trials: Trials, scorer: str, where: IntArray) -> None:
        """Count trials in; ``where`` are the places of their cases among all."""
        value = trials.values[scorer]
        case = where[trials.case]
        place = trials.variant * self._shape[1] + case
        is_graded = ~np.isnan(value)
        is_odd = trials.is_truncated | trials.is_refused | ~trials.has_text
        np.add.at(self._sum, place[is_graded], value[is_graded])
        np.add.at(self._count, place[is_graded | trials.is_model_error], 1)
        np.add.at(self._open, place[trials.is_answered & is_odd & ~is_graded], 1)
        self._has_whole[case[trials.is_answered & ~is_odd]] = True
        self._has_grade[case[is_graded]] = True

    def means(self, clusters: IntArray | None) -> Iterator[Estimate]:
        """Each variant's mean over cases."""
        is_gradable = ~self._has_whole | self._has_grade
        for row in range(self._shape[0]):
            ours = slice(row * self._shape[1], (row + 1) * self._shape[1])
            count = self._count[ours] + np.where(is_gradable, self._open[ours], 0)
            known: BoolArray = count > 0
            mean: FloatArray = self._sum[ours][known] / count[known]
            yield mean_estimate(mean, None if clusters is None else clusters[known])


class _Grades:
    """A scorer's grades in the order of the outcomes, read along with them."""

    def __init__(self, folder: RunFolder, scorer: str) -> None:
        self._path = folder.scores_path / f"{scorer}.parquet"
        self._batches = folder.score_batches(scorer, _GRADES)
        self._waiting: pa.Table | None = None

    def beside(self, rows: pa.Table) -> pa.Table:
        """The grades of just these rows."""
        tables = [] if self._waiting is None else [self._waiting]
        while sum(len(table) for table in tables) < rows.num_rows:
            batch = next(self._batches, None)
            if batch is None:
                break
            tables.append(pa.Table.from_batches([batch]))
        if not tables:
            return self._all(rows)
        found = pa.concat_tables(tables)
        ours, self._waiting = found.slice(0, rows.num_rows), found.slice(rows.num_rows)
        if not pc.all(pc.is_in(rows["trial_key"], value_set=ours["trial_key"])).as_py():
            return self._all(rows)
        return _graded(rows, ours)

    def _all(self, rows: pa.Table) -> pa.Table:
        """The same where grades stand in another order: worth more memory than a wrong mean."""
        return _graded(rows, read_table(self._path, _GRADES))


def _graded(rows: pa.Table, found: pa.Table) -> pa.Table:
    answers = pa.nulls(found.num_rows, pa.string())
    return aligned(rows, found.append_column("answer", answers))


def _read(
    rows: pa.Table, scores: Mapping[str, pa.Table], cases: pa.Table, variants: list[Variant]
) -> tuple[Trials, IntArray]:
    """Some rows as trials over their own cases, and where these stand among all."""
    ids = pc.unique(rows["case_id"].cast(pa.string()))
    is_theirs = pc.is_in(cases["case_id"], value_set=ids)
    where = np.flatnonzero(is_theirs.to_numpy()).astype(np.int64)
    planned = dict.fromkeys(variants, 0)
    return read_trials(rows, scores, cases.filter(is_theirs), planned), where
