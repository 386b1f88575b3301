"""A case's score as something else than the mean of its samples."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import CaseScores, case_scores, grade
from evalkit.analysis.trials import Reduction, Trials

OFF, ON = variant(), variant(1024)
OPTIONS = Options(seed=7)


def reduced(grades: list[Any], samples: int, how: Any, k: int | None = None) -> CaseScores:
    trials = with_reduction(run_of({OFF: grades}, samples=samples), how, k)
    return case_scores(trials, grade(trials, "number"))


def with_reduction(trials: Trials, how: Any, k: int | None = None) -> Trials:
    return replace(trials, reductions={"number": Reduction(how, k)})


def answers(*given: str | None) -> list[Any]:
    return [{"value": float(one == "4"), "answer": one} for one in given]


@pytest.mark.parametrize("k", [1, 2, 3, 4, None])
def test_any_and_all_are_what_every_draw_of_k_samples_would_give(k: int | None) -> None:
    grades = [1.0, 0.0, 0.0, 1.0] + [0.0] * 4 + [1.0] * 4 + [0.5, 1.0, 0.0, 0.0]
    for how, test in (("any", any), ("all", all)):
        means = reduced(grades, 4, how, k).mean[0]
        for case, mean in enumerate(means):
            of_case = [value == 1 for value in grades[4 * case : 4 * case + 4]]
            draws = [test(draw) for draw in combinations(of_case, k or 4)]
            assert mean == pytest.approx(np.mean(draws))


def test_a_majority_answers_for_its_case() -> None:
    grades = answers("4", "4", "5") + answers("4", "5", "5") + answers(None, "4", None)
    assert reduced(grades, 3, "majority").mean[0] == pytest.approx([1.0, 0.0, 1.0])
    assert reduced(grades, 3, "majority", 1).mean[0] == pytest.approx([2 / 3, 1 / 3, 1 / 3])


def test_a_case_that_lost_a_sample_is_missing_within_bounds() -> None:
    scores = reduced([1.0, "timeout", 1.0, 0.0, "timeout", 0.0], 2, "any")
    assert np.isnan(scores.mean[0][[0, 2]]).all()
    assert scores.mean[0][1] == 1.0
    assert scores.low[0] == pytest.approx([1.0, 1.0, 0.0])
    assert scores.high[0] == pytest.approx([1.0, 1.0, 1.0])
    votes = reduced([*answers("4", "4"), "timeout"], 3, "majority")
    assert (np.isnan(votes.mean[0][0]), votes.low[0][0], votes.high[0][0]) == (True, 0.0, 1.0)


def test_a_model_error_is_a_wrong_sample_and_left_out_where_only_answers_count() -> None:
    scores = reduced([1.0, "invalid_request"], 2, "all", 1)
    assert (scores.mean[0][0], scores.answered[0][0]) == (0.5, 1.0)


def test_without_answers_there_is_no_majority() -> None:
    assert np.isnan(reduced([1.0, 1.0, 1.0], 3, "majority").mean).all()


def test_summaries_and_comparisons_are_of_the_reduced_scores() -> None:
    # On average both are right half of the time; with two draws the second always is once.
    runs = run_of({OFF: [1.0, 1.0, 0.0, 0.0] * 20, ON: [1.0, 0.0] * 40}, samples=2)
    plain = analyse(runs, OPTIONS)
    assert [one.scores["number"].mean.value for one in plain.variants] == [0.5, 0.5]
    assert plain.variants[0].scores["number"].reduction is None
    found = analyse(with_reduction(runs, "any"), OPTIONS)
    assert [one.scores["number"].mean.value for one in found.variants] == [0.5, 1.0]
    assert found.variants[0].scores["number"].reduction == "pass@n"
    assert found.variants[0].scores["number"].variance is None
    (comparison,) = found.comparisons
    assert comparison.difference.value == pytest.approx(0.5)
    assert comparison.verdict == "superior"
