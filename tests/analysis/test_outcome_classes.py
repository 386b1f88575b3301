"""Every trial ends in exactly one class, and each class counts as it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.analysis.outcomes import case_scores, count_outcomes, grade
from evalkit.analysis.results import OUTCOME_CLASSES
from evalkit.errors import FAILURES

OFF = variant()

CLASSES: list[tuple[Any, str, float | None]] = [
    (1.0, "right", 1.0),
    (0.4, "partial", 0.4),
    (0.0, "wrong", 0.0),
    (None, "unscored", None),
    (float("nan"), "unscored", None),
    ("max_tokens", "truncated", 0.0),
    ("model_context_window_exceeded", "truncated", 0.0),
    ({"stop_reason": "max_tokens", "value": None}, "truncated", 0.0),
    ({"stop_reason": "max_tokens", "value": 1.0}, "right", 1.0),
    ({"stop_reason": "max_tokens", "value": 0.5}, "partial", 0.5),
    ("refusal", "refused", 0.0),
    ({"stop_reason": "refusal", "value": None}, "refused", 0.0),
    ("no_text", "no_text", 0.0),
    ({"text": None, "value": None}, "no_text", 0.0),
    ({"stop_reason": "tool_use", "text": "", "value": 0.0}, "no_text", 0.0),
    ({"stop_reason": None, "value": 0.0}, "wrong", 0.0),
    ("a kind of failure nobody knows", "infra_error", None),
    ({"status": "failed", "error_kind": None, "text": None}, "infra_error", None),
]


@pytest.mark.parametrize(("given_grade", "outcome", "score"), CLASSES)
def test_classes(given_grade: Any, outcome: str, score: float | None) -> None:
    graded = grade(run_of({OFF: [given_grade]}), "number")
    assert OUTCOME_CLASSES[graded.outcome[0]] == outcome
    assert np.isnan(graded.score[0]) if score is None else graded.score[0] == score
    assert graded.is_missing.tolist() == [score is None]


@pytest.mark.parametrize("kind", FAILURES)
def test_failures_are_the_models_or_not(kind: str) -> None:
    graded = grade(run_of({OFF: [kind]}), "number")
    is_model_error = FAILURES[kind].is_model_error
    expected = "model_error" if is_model_error else "infra_error"
    assert OUTCOME_CLASSES[graded.outcome[0]] == expected
    assert bool(graded.is_missing[0]) is not is_model_error


GRADES = st.sampled_from(
    [1.0, 0.5, 0.0, None, "max_tokens", "refusal", "no_text", "timeout", "not_found", "not_run"]
)


@settings(max_examples=60)
@given(st.lists(GRADES, min_size=1, max_size=30), st.integers(0, 5))
def test_classes_add_up_to_what_was_asked(grades: list[Any], more_planned: int) -> None:
    planned = len(grades) + more_planned
    trials = run_of({OFF: grades}, planned=planned)
    outcomes = count_outcomes(trials, grade(trials, "number"), 0)
    assert tuple(outcomes) == OUTCOME_CLASSES
    assert sum(outcomes.values()) == planned
    assert outcomes["not_run"] == grades.count("not_run") + more_planned


def test_a_cut_answer_is_not_wrong_where_no_answer_can_be_graded() -> None:
    cut = {"stop_reason": "max_tokens", "value": None}
    # Nobody can be graded on the first case; on the second somebody can.
    trials = run_of({OFF: [None, 1.0], variant(8): [cut, cut]})
    graded = grade(trials, "number")
    assert [OUTCOME_CLASSES[code] for code in graded.outcome] == [
        *("unscored", "unscored", "right", "truncated"),
    ]


def test_bounds_put_what_is_missing_at_0_and_at_1() -> None:
    trials = run_of({OFF: [1.0, "timeout", None, 0.0, "not_found", "timeout"]}, samples=2)
    scores = case_scores(trials, grade(trials, "number"))
    np.testing.assert_array_equal(scores.mean, [[1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(scores.low, [[0.5, 0.0, 0.0]])
    np.testing.assert_array_equal(scores.high, [[1.0, 0.5, 0.5]])
    np.testing.assert_array_equal(scores.answered, [[1.0, 0.0, np.nan]])


def test_what_was_not_run_is_neither_0_nor_missing() -> None:
    trials = run_of({OFF: [1.0, "not_run"]})
    scores = case_scores(trials, grade(trials, "number"))
    for one in (scores.mean, scores.low, scores.high):
        np.testing.assert_array_equal(one, [[1.0, np.nan]])
