"""Human grades that a dataset carries: one column, a grade a case or one for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.analysis.trials import Trials
from evalkit.errors import UsageError
from evalkit.pipeline.stored import StoredRun
from evalkit.stats.arrays import FloatArray
from evalkit.suite.judge_schema import JUDGE, judge_of

_WORDS = {"true": 1.0, "yes": 1.0, "pass": 1.0, "false": 0.0, "no": 0.0, "fail": 0.0}


def labelled(trials: Trials, runs: Sequence[StoredRun], column: str) -> Trials:
    """The trials with the human grades of a dataset's ``column``.

    A cell holds a grade in [0, 1] or yes/no, pass/fail, true/false, which is for every variant's
    answer, or an object of grades by variant key; an empty one is no label. Raises UsageError for
    a column that is not there or a cell that says something else.
    """
    return replace(trials, labels=_labels(trials, runs, column))


def labelled_judges(trials: Trials, runs: Sequence[StoredRun]) -> Trials:
    """The trials with human grades for each judge whose suite names their column (``label``).

    Numbers are grades on the judge's own scale.
    """
    labels = {}
    for scorer in runs[0].suite.scorers:
        judge = judge_of(scorer) if scorer.type == JUDGE else None
        if judge is not None and judge.label is not None and scorer.name in trials.scorers:
            scale = None if judge.scale.is_binary else (judge.scale.low, judge.scale.high)
            labels[scorer.name] = _labels(trials, runs, judge.label, scale)
    return replace(trials, labels_of=labels)


def _labels(
    trials: Trials, runs: Sequence[StoredRun], column: str, scale: tuple[int, int] | None = None
) -> FloatArray:
    labels = np.full((len(trials.variants), len(trials.cases.ids)), np.nan)
    place = {case_id: at for at, case_id in enumerate(trials.cases.ids)}
    is_there = False
    for case in runs[0].folder.cases():
        is_there |= column in case.inputs
        cell = case.inputs.get(column)
        for row, variant in enumerate(trials.variants):
            value = cell.get(variant.key) if isinstance(cell, dict) else cell
            labels[row, place[case.id]] = _grade(value, column, case.id, scale)
    if not is_there:
        raise UsageError(f"the dataset has no column {column!r}", "Name the column of labels.")
    return labels


def _grade(value: object, column: str, case_id: str, scale: tuple[int, int] | None = None) -> float:
    if value is None or value == "":
        return float("nan")
    text = str(value).strip().lower()
    try:
        grade = _WORDS[text] if text in _WORDS else float(text)
    except ValueError:
        grade = -1.0
    if scale is not None and text not in _WORDS:
        grade = (grade - scale[0]) / (scale[1] - scale[0])
    if not 0 <= grade <= 1:
        numbers = f"from {scale[0]} to {scale[1]}, the judge's scale" if scale else "from 0 to 1"
        raise UsageError(
            f"{column} of case {case_id} is no grade: {value!r}",
            f"A label is a number {numbers}, or yes/no, pass/fail or true/false.",
        )
    return grade
