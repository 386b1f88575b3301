"""Human grades that a dataset carries: one column, a grade a case or one for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.analysis.trials import Trials
from evalkit.errors import UsageError
from evalkit.pipeline.stored import StoredRun

_WORDS = {"true": 1.0, "yes": 1.0, "pass": 1.0, "false": 0.0, "no": 0.0, "fail": 0.0}


def labelled(trials: Trials, runs: Sequence[StoredRun], column: str) -> Trials:
    """The trials with the human grades of a dataset's ``column``.

    A cell holds a grade in [0, 1] or yes/no, pass/fail, true/false, which is for every variant's
    answer, or an object of grades by variant key; an empty one is no label. Raises UsageError for
    a column that is not there or a cell that says something else.
    """
    labels = np.full((len(trials.variants), len(trials.cases.ids)), np.nan)
    place = {case_id: at for at, case_id in enumerate(trials.cases.ids)}
    is_there = False
    for case in runs[0].folder.cases():
        is_there |= column in case.inputs
        cell = case.inputs.get(column)
        for row, variant in enumerate(trials.variants):
            value = cell.get(variant.key) if isinstance(cell, dict) else cell
            labels[row, place[case.id]] = _grade(value, column, case.id)
    if not is_there:
        raise UsageError(f"the dataset has no column {column!r}", "Name the column of labels.")
    return replace(trials, labels=labels)


def _grade(value: object, column: str, case_id: str) -> float:
    if value is None or value == "":
        return float("nan")
    text = str(value).strip().lower()
    try:
        grade = _WORDS[text] if text in _WORDS else float(text)
    except ValueError:
        grade = -1.0
    if not 0 <= grade <= 1:
        raise UsageError(
            f"{column} of case {case_id} is no grade: {value!r}",
            "A label is a number from 0 to 1, yes/no, pass/fail or true/false.",
        )
    return grade
