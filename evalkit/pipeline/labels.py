"""Human grades that a dataset carries: one column, a grade a case or one for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.analysis.trials import Trials
from evalkit.errors import UsageError
from evalkit.pipeline.grades import Range, human_grade, label_scale
from evalkit.pipeline.stored import StoredRun
from evalkit.stats.arrays import FloatArray
from evalkit.suite.judge_schema import JUDGE, judge_of


def labelled(trials: Trials, runs: Sequence[StoredRun], column: str) -> Trials:
    """The trials with the human grades of a dataset's ``column``.

    Numbers are grades in [0, 1]; see :func:`human_grade`. Raises UsageError for a column that is
    not there or a cell that says something else.
    """
    if not any(column in case.inputs for case in runs[0].folder.cases()):
        raise UsageError(f"the dataset has no column {column!r}", "Name the column of labels.")
    return replace(trials, labels=_labels(trials, runs, column))


def labelled_judges(trials: Trials, runs: Sequence[StoredRun]) -> Trials:
    """The trials with human grades for each judge whose suite names their column (``label``).

    Numbers are grades on the judge's own scale.
    """
    labels = {}
    for scorer in runs[0].suite.scorers:
        judge = judge_of(scorer) if scorer.type == JUDGE else None
        if judge is not None and judge.label is not None and scorer.name in trials.scorers:
            labels[scorer.name] = _labels(trials, runs, judge.label, label_scale(judge))
    return replace(trials, labels_of=labels)


def _labels(
    trials: Trials, runs: Sequence[StoredRun], column: str, scale: Range | None = None
) -> FloatArray:
    labels = np.full((len(trials.variants), len(trials.cases.ids)), np.nan)
    place = {case_id: at for at, case_id in enumerate(trials.cases.ids)}
    for case in runs[0].folder.cases():
        for row, variant in enumerate(trials.variants):
            grade = human_grade(case, column, variant.key, scale)
            if grade is not None:
                labels[row, place[case.id]] = grade
    return labels
