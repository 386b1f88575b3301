"""One variant by itself: means, counts, cost, time, tokens, tags."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import VariantSummary
from evalkit.analysis.summary import MAX_TAGS
from evalkit.stats.estimates import mean_estimate

OFF = variant()
OPTIONS = Options(seed=1)


def summary_of(grades: list[Any], **about: Any) -> VariantSummary:
    return analyse(run_of({OFF: grades}, **about), OPTIONS).variants[0]


def with_columns(value: float | None = 1.0, **columns: Any) -> dict[str, Any]:
    return {"value": value} | columns


def test_samples_are_averaged_within_a_case_first() -> None:
    # Three samples a case; the case with one sample left counts as much as the others.
    grades = [1, 1, 0, 0, 0, 0, 1, "timeout", None, 1, 1, 1]
    mean = summary_of(grades, samples=3).scores["number"].mean
    assert mean == mean_estimate([2 / 3, 0, 1, 1])
    assert mean.n == 4


def test_clusters_are_respected() -> None:
    grades = [1, 1, 0, 0, 1, 1, 0, 1]
    clusters = ["a", "a", "b", "b", "c", "c", None, None]
    mean = summary_of(grades, clusters=clusters).scores["number"].mean
    assert mean.units == 5
    assert mean == mean_estimate(grades, [0, 0, 1, 1, 2, 2, 3, 4])


def test_missing_and_failed_trials_are_counted_and_said() -> None:
    # 100 rows: 95 scored of which 90 pass, 3 model errors, 2 infrastructure errors.
    summary = summary_of([1] * 90 + [0] * 5 + ["invalid_request"] * 3 + ["timeout"] * 2)
    score = summary.scores["number"]
    assert score.mean.value == pytest.approx(90 / 98)
    assert score.answered_only == pytest.approx(90 / 95)
    assert score.bounds == pytest.approx((0.90, 0.92))
    assert score.notes == (
        "3 model errors counted as 0",
        "2 infrastructure errors left out",
    )
    assert (summary.n_asked, summary.n_answered, summary.n_failed) == (100, 95, 5)
    assert summary.failures == {"invalid_request": 3, "timeout": 2}


def test_what_was_not_run_or_not_scored_is_said() -> None:
    summary = summary_of([1, None, "not_run"])
    assert summary.n_asked == 3
    assert summary.scores["number"].notes == ("1 unscored answer left out", "1 trial not run")


def test_more_trials_than_planned_still_add_up() -> None:
    summary = summary_of([1, 1, 0], planned=2)
    assert summary.n_asked == 3
    assert sum(summary.scores["number"].outcomes.values()) == 3


def test_cut_and_refused_answers_are_counted_whatever_their_score() -> None:
    cut = with_columns(1.0, stop_reason="max_tokens")
    summary = summary_of([cut, "max_tokens", "refusal", 1])
    assert (summary.n_truncated, summary.n_refused) == (2, 1)
    assert summary.scores["number"].outcomes["truncated"] == 1


def test_cost_and_cost_per_right_answer() -> None:
    summary = summary_of([with_columns(1, cost_usd=0.25), with_columns(0, cost_usd=0.5)])
    assert summary.cost_usd == 0.75
    assert summary.scores["number"].cost_per_right_usd == 0.75


def test_an_unknown_price_is_not_0() -> None:
    assert summary_of([with_columns(1, cost_usd=0.25), with_columns(1)]).cost_usd is None
    assert summary_of([1, 1]).scores["number"].cost_per_right_usd is None
    failed = {"status": "failed", "error_kind": "timeout", "text": None}
    assert summary_of([with_columns(1, cost_usd=0.25), failed]).cost_usd == 0.25


def test_nothing_right_has_no_price() -> None:
    score = summary_of([with_columns(0, cost_usd=0.25)]).scores["number"]
    assert score.cost_per_right_usd is None


def test_free_answers_cost_nothing() -> None:
    summary = summary_of([with_columns(1, cost_usd=0.0)])
    assert summary.cost_usd == 0
    assert summary.scores["number"].cost_per_right_usd == 0


def test_time_and_tokens_are_of_answered_trials_where_known() -> None:
    times = [1.0, 2.0, 3.0, None]
    summary = summary_of(
        [with_columns(1, elapsed_s=time, output_tokens=10, thinking_tokens=None) for time in times]
        + [{"status": "failed", "error_kind": "timeout", "text": None, "elapsed_s": 600.0}]
    )
    assert summary.elapsed_p50_s == 2.0
    assert summary.elapsed_p95_s == pytest.approx(2.9)
    assert summary.first_token_p50_s is None
    assert summary.output_tokens_mean == 10
    assert summary.thinking_tokens_mean is None


def test_models_that_answered_are_named() -> None:
    grades = [with_columns(1, model_answered=name) for name in ("m-2", "m-1", "m-2", None)]
    assert summary_of(grades).models_answered == ("m-1", "m-2")


def test_tags_have_their_own_means() -> None:
    trials = run_of(
        {OFF: [1, 0, 1], variant(8): [1, 1, None]}, tags={0: ["add"], 1: ["add", "big"], 2: ["sub"]}
    )
    tags = analyse(trials, OPTIONS).tags
    assert [(one.tag, one.variant, one.mean.value, one.mean.n) for one in tags] == [
        ("add", "plain/m/off", 0.5, 2),
        ("add", "plain/m/think-8", 1.0, 2),
        ("big", "plain/m/off", 0.0, 1),
        ("big", "plain/m/think-8", 1.0, 1),
        ("sub", "plain/m/off", 1.0, 1),
        ("sub", "plain/m/think-8", None, 0),
    ]


def test_of_very_many_tags_the_commonest_are_shown() -> None:
    n = MAX_TAGS + 20
    tags = {number: [f"tag-{number:03}"] for number in range(n)} | {n: ["tag-119"]}
    analysis = analyse(run_of({OFF: [1] * (n + 1)}, tags=tags), OPTIONS)
    assert len(analysis.tags) == MAX_TAGS
    assert "tag-119" in {one.tag for one in analysis.tags}
    assert f"scores are shown for {MAX_TAGS} of {n} tags" in analysis.warnings
