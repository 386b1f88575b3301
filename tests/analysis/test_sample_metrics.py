"""Several samples of a case: metrics, the split of variance, repeats from a cache."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import ScoreSummary

OFF = variant()
OPTIONS = Options(seed=7)


def summary(grades: list[Any], samples: int, **about: Any) -> ScoreSummary:
    (one,) = analyse(run_of({OFF: grades}, samples=samples, **about), OPTIONS).variants
    return one.scores["number"]


def test_pass_metrics_over_cases() -> None:
    grades = [1.0, 1.0, 0.0, 0.0] * 10 + [1.0] * 40 + [0.0] * 40
    found = {(one.name, one.k): one.value for one in summary(grades, 4).samples}
    assert set(found) == {(name, k) for name in ("pass@k", "pass^k") for k in (2, 4)}
    # Of two right in four: 5 of 6 pairs hold one that is right, 1 of 6 holds two.
    assert found["pass@k", 2].value == pytest.approx((5 / 6 + 1 + 0) / 3)
    assert found["pass^k", 2].value == pytest.approx((1 / 6 + 1 + 0) / 3)
    assert found["pass@k", 4].value == pytest.approx(2 / 3)
    assert found["pass^k", 4].value == pytest.approx(1 / 3)
    assert found["pass@k", 2].low < found["pass@k", 2].value  # type: ignore[operator]
    assert found["pass@k", 2].n == 30


def test_cases_with_too_few_samples_are_counted_and_left_out() -> None:
    grades = [1.0, 0.0, 1.0] * 12 + [1.0, "timeout", "timeout"] * 3
    of = summary(grades, 3)
    assert of.samples_range == (1, 3)
    assert {one.n_left_out for one in of.samples} == {3}
    assert {one.value.n for one in of.samples} == {12}


def test_one_sample_has_no_such_metrics() -> None:
    of = summary([1.0] * 12, 1)
    assert (of.samples, of.variance, of.samples_range) == ((), None, (1, 1))


def test_majorities_vote_on_what_was_read_out() -> None:
    def case(*answers: str | None) -> list[Any]:
        return [{"value": float(one == "4"), "answer": one} for one in answers]

    grades = case("4", "4", "5") * 10 + case("4", "5", "5") * 10 + case(None, None, "4") * 10
    found = {(one.name, one.k): one.value for one in summary(grades, 3).samples}
    assert found["majority@k", 3].value == pytest.approx(2 / 3)


def test_truncated_answers_count_as_wrong_samples() -> None:
    of = summary([1.0, "max_tokens"] * 12, 2)
    found = {one.name: one.value.value for one in of.samples}
    assert (found["pass@k"], found["pass^k"]) == (1.0, 0.0)


def test_variance_within_and_between_cases() -> None:
    of = summary([1.0, 0.0] * 20, 2)
    assert of.variance is not None
    assert (of.variance.within, of.variance.between) == (0.5, 0.0)
    steady = summary([1.0, 1.0] * 10 + [0.0, 0.0] * 10, 2)
    assert steady.variance is not None
    assert (steady.variance.within, steady.variance.icc) == (0.0, 1.0)


def test_samples_from_one_stored_answer_count_as_one() -> None:
    def row(case: int, source: str) -> dict[str, Any]:
        return {"value": float(case % 2), "source": source, "message_id": f"msg_{case}"}

    grades = [row(case, source) for case in range(20) for source in ("api", "cache")]
    run = run_of({OFF: grades}, samples=2)
    analysis = analyse(run, OPTIONS)
    (one,) = analysis.variants
    assert one.n_repeats == 20
    assert one.scores["number"].samples_range == (1, 1)
    assert one.scores["number"].samples == ()
    assert "20 samples came from the stored answer" in analysis.warnings[0]


def test_the_smallest_detectable_distance_shrinks_with_cases() -> None:
    few, many = summary([1.0, 0.0] * 25, 1), summary([1.0, 0.0] * 200, 1)
    # 2.8 standard errors: 0.5 / sqrt(n) x (1.96 + 0.84).
    assert many.detectable == pytest.approx(2.8016 * 0.5 / 20, rel=0.01)
    assert (few.detectable or 0) > (many.detectable or 1)
    constant = summary([1.0] * 30, 1)
    assert 0 < (constant.detectable or 0) < 0.2


def test_cost_of_a_right_answer_has_fiellers_interval() -> None:
    paid = [{"value": float(case % 2), "cost_usd": 0.01} for case in range(100)]
    of = summary(paid, 1)
    assert of.cost_per_right_usd == pytest.approx(0.02)
    assert of.cost_per_right is not None
    assert of.cost_per_right.value == pytest.approx(0.02)
    assert (of.cost_per_right.low or 1) < 0.02 < (of.cost_per_right.high or 0)
    never = summary([{"value": 0.0, "cost_usd": 0.01}] * 20, 1)
    assert never.cost_per_right is not None
    assert (never.cost_per_right.value, never.cost_per_right.low) == (None, None)
