"""Verdicts on two variants: each of the five, and what qualifies them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import Comparison
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired import difference_estimate

OFF, SMALL = variant(), variant(8)
OPTIONS = Options(seed=7)


def compared(
    old: list[Any], new: list[Any], options: Options = OPTIONS, **about: Any
) -> Comparison:
    (comparison,) = analyse(run_of({OFF: old, SMALL: new}, **about), options).comparisons
    return comparison


def discordant(gains: int, losses: int, same: int) -> tuple[list[float], list[float]]:
    """Plain grades of two variants with so many cases won, lost and alike."""
    return (
        [0.0] * gains + [1.0] * losses + [1.0] * same,
        [1.0] * gains + [0.0] * losses + [1.0] * same,
    )


def test_superior() -> None:
    comparison = compared(*discordant(30, 5, 65))
    assert comparison.verdict == "superior"
    assert (comparison.wins, comparison.losses, comparison.ties) == (30, 5, 65)
    assert comparison.difference == difference_estimate([1] * 30 + [-1] * 5 + [0] * 65)
    assert comparison.axis == "thinking"
    assert comparison.notes == ("by more than the margin",)
    assert comparison.needs_cases is None


def test_inferior_by_less_than_the_margin_for_sure() -> None:
    comparison = compared(*discordant(20, 45, 435))
    assert comparison.verdict == "inferior"
    assert comparison.notes == ()


def test_equivalent() -> None:
    comparison = compared(*discordant(3, 3, 994))
    assert comparison.verdict == "equivalent"
    assert comparison.notes == ()


def test_equivalence_comes_before_a_small_proven_difference() -> None:
    comparison = compared(*discordant(8, 0, 1192))
    assert comparison.verdict == "equivalent"
    assert comparison.p_value is not None
    assert comparison.p_value < 0.05
    assert comparison.notes == ("it differs from 0, but by less than the margin",)


def test_inconclusive_says_how_many_more_cases_would_do() -> None:
    comparison = compared(*discordant(10, 8, 82))
    assert comparison.verdict == "inconclusive"
    assert comparison.needs_cases is not None
    # 8.56 times the variance by the margin squared, with some caution about the variance
    assert 3_400 < comparison.needs_cases < 5_200
    larger = compared(*discordant(10, 8, 82), replace(OPTIONS, margin=0.05))
    assert larger.needs_cases is not None
    assert larger.needs_cases < comparison.needs_cases / 6


def test_enough_cases_may_still_leave_it_open() -> None:
    # the standard error is a third of the margin, the difference a little more than half of it
    comparison = compared(*discordant(33, 19, 1248))
    assert comparison.verdict == "inconclusive"
    assert comparison.needs_cases is None
    assert comparison.notes == (
        "cases enough for this margin, but the difference lies too close to it",
    )


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_too_few(n: int) -> None:
    comparison = compared([0.0] * n or ["not_run"], [1.0] * n or ["not_run"])
    assert comparison.verdict == "too few"
    assert comparison.needs_cases is None
    noun = "case" if n == 1 else "cases"
    assert comparison.notes == (f"{n} independent {noun}, and a verdict needs 10",)
    assert comparison.difference.value == (1.0 if n else None)


def test_clusters_of_very_unequal_size_count_as_fewer() -> None:
    clusters = [f"g{number}" for number in range(40)] + [f"big{number % 3}" for number in range(60)]
    told = compared(*discordant(40, 5, 55), clusters=clusters).notes
    assert (
        "43 independent clusters of very unequal size, which tell as much as 8 equal ones:"
        " read the verdict with caution"
    ) in told


def test_clusters_are_what_must_be_many() -> None:
    clusters = [f"g{number % 5}" for number in range(100)]
    comparison = compared(*discordant(60, 0, 40), clusters=clusters)
    assert comparison.verdict == "too few"
    assert comparison.notes == ("5 independent clusters, and a verdict needs 10",)


def test_few_cases_come_with_a_warning() -> None:
    comparison = compared(*discordant(12, 0, 8))
    assert comparison.verdict == "superior"
    assert comparison.notes[0] == "only 20 independent cases: read the verdict with caution"


def test_no_disagreement_is_no_certainty() -> None:
    comparison = compared([1.0] * 60, [1.0] * 60)
    assert comparison.verdict == "inconclusive"
    assert comparison.p_value == comparison.p_check == 1.0
    assert comparison.difference.low is not None
    assert comparison.difference.low < -0.05
    assert comparison.needs_cases is not None
    assert comparison.detectable is not None
    assert comparison.detectable > 0.03


def test_holm_over_the_comparisons_with_one_baseline() -> None:
    old, slightly = discordant(20, 8, 72)
    grades = {OFF: old, SMALL: slightly, variant(32): slightly, variant(128): slightly}
    comparisons = analyse(run_of(grades), OPTIONS).comparisons
    raw = [one.p_value or 0.0 for one in comparisons]
    assert all(p < 0.05 for p in raw)
    assert [one.p_adjusted for one in comparisons] == holm(raw)
    assert {one.verdict for one in comparisons} == {"inconclusive"}
    assert "significant alone, but not as one of 3 comparisons" in comparisons[0].notes
    assert compared(old, slightly).verdict == "superior"


def test_comparisons_with_other_baselines_are_another_family() -> None:
    old, new = discordant(20, 8, 72)
    grades = {variant(t, prompt=p): g for p in ("a", "b") for t, g in (("off", old), (8, new))}
    comparisons = analyse(run_of(grades), OPTIONS).comparisons
    # a/off is held against a/think-8 and b/off; b/off against b/think-8 alone
    assert [one.p_adjusted == one.p_value for one in comparisons] == [False, True, True, True]


def test_plain_rows_are_checked_by_mid_p() -> None:
    comparison = compared(*discordant(1, 7, 13))
    assert comparison.p_check == pytest.approx(0.0390625)
    assert comparison.p_check_method == "McNemar mid-p"


def test_other_rows_are_checked_by_sign_flips() -> None:
    rng = np.random.default_rng(3)
    old, new = (rng.integers(0, 5, 60) / 4 for _ in range(2))
    comparison = compared(list(old), list(new))
    assert comparison.p_check_method == "sign flips (9,999 drawn, seed 7)"
    assert comparison.p_check == pytest.approx(comparison.p_value, abs=0.05)
    few = compared(list(old[:12]), list(new[:12]))
    assert few.p_check_method == "sign flips (all)"


def test_model_errors_count_as_0_in_the_pairing() -> None:
    comparison = compared([1.0] * 40, [1.0] * 30 + ["invalid_request"] * 10)
    assert comparison.n_pairs == 40
    assert comparison.losses == 10
    assert comparison.verdict == "inferior"
    assert "10 model errors (0 in the baseline, 10 here) counted as 0" in comparison.notes


def test_infrastructure_errors_leave_the_pairing() -> None:
    old, new = discordant(40, 5, 155)
    comparison = compared([*old, "timeout", 1.0], [*new, 1.0, None])
    assert comparison.n_pairs == 200
    assert comparison.n_unpaired == 2
    assert comparison.n_missing == 2
    assert comparison.verdict == "superior"
    assert comparison.notes[-2:] == (
        "2 missing trials (1 in the baseline, 1 here) left out",
        "2 cases scored in one variant only, left out",
    )


def test_a_verdict_that_missing_trials_could_overturn_says_so() -> None:
    old, new = discordant(24, 10, 166)
    assert compared(old, new).verdict == "superior"
    comparison = compared(old + [1.0] * 8, new + ["timeout"] * 8)
    assert comparison.verdict == "superior"
    assert "fragile: the verdict depends on 8 missing trials" in comparison.notes


def test_missing_trials_of_the_baseline_count_as_much() -> None:
    old, new = discordant(24, 10, 166)
    comparison = compared(old + ["timeout"] * 8, new + [0.0] * 8)
    assert comparison.verdict == "superior"
    assert "fragile: the verdict depends on 8 missing trials" in comparison.notes
    # Had the baseline failed there, the candidate would only gain.
    assert "fragile" not in " ".join(compared(old + ["timeout"] * 8, new + [1.0] * 8).notes)


def test_bounds_of_a_missing_sample_reach_no_further_than_its_case() -> None:
    # One of four samples is missing in each of ten cases: a quarter of each is at stake.
    old, new = [1.0, 0.0, 1.0, 0.0] * 200, [1.0, 1.0, 1.0, 0.0] * 200
    for case in range(10):
        new[4 * case] = "timeout"  # type: ignore[call-overload]
    comparison = compared(old, new, samples=4)
    assert comparison.verdict == "superior"
    assert comparison.n_unpaired == 0
    assert not any("fragile" in note for note in comparison.notes)


def test_too_much_missing_is_no_verdict() -> None:
    old, new = discordant(60, 0, 140)
    comparison = compared(old + [1.0] * 15, new + ["timeout"] * 15)
    assert comparison.verdict == "inconclusive"
    assert comparison.needs_cases is None
    assert comparison.notes[0].startswith("no verdict: more than 5% of the trials of one variant")


def test_pairing_lost_is_said() -> None:
    old = [1.0] * 15 + ["not_run"] * 20
    new = [0.0] * 15 + [1.0] * 20
    comparison = compared(old, new)
    assert (comparison.n_pairs, comparison.n_unpaired) == (15, 20)
    assert not comparison.is_paired
    assert comparison.notes[0].startswith("pairing was lost")
    assert comparison.notes[-1] == "20 cases scored in one variant only, counted on its side"


def test_without_pairing_two_means_are_compared() -> None:
    # Newcombe 1998, Statistics in Medicine 17:873, table II: 48/80 against 56/70.
    old = [1.0] * 56 + [0.0] * 14 + ["not_run"] * 80
    new = ["not_run"] * 70 + [1.0] * 48 + [0.0] * 32
    comparison = compared(old, new)
    assert comparison.verdict == "inferior"
    assert comparison.difference.method == "Newcombe, unpaired"
    assert comparison.difference.low == pytest.approx(-0.333872654037, abs=1e-9)
    assert comparison.difference.high == pytest.approx(-0.0524314724024, abs=1e-9)
    assert comparison.p_check is None
    assert comparison.p_value is not None
    assert 0.001 < comparison.p_value < 0.05


def test_a_dataset_used_up_names_the_samples_that_would_do() -> None:
    rng = np.random.default_rng(4)
    whole = replace(OPTIONS, n_left=0)
    p = np.repeat(rng.choice([0.3, 0.9], 700), 2)
    old, new = ((rng.random(1_400) < p).astype(float).tolist() for _ in range(2))
    comparison = compared(old, new, whole, samples=2)
    assert comparison.verdict == "inconclusive"
    assert comparison.needs_cases is None
    # Within a case: 0.15 each on average, so 2 x 0.15 / k x 8.56 / 0.02² = 700 at k = 9.2.
    assert comparison.needs_samples in range(6, 20)
    assert f"about {comparison.needs_samples} samples of each" in " ".join(comparison.notes)


def test_a_dataset_too_small_at_any_number_of_samples() -> None:
    whole = replace(OPTIONS, n_left=0)
    old = [1.0, 1.0, 0.0, 0.0] * 20
    new = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0] * 10
    comparison = compared(old, new, whole, samples=2)
    assert comparison.needs_samples is None
    assert "cannot be settled with this dataset" in " ".join(comparison.notes)
    alone = compared(*discordant(10, 8, 80), whole)
    assert "several samples of each may help" in " ".join(alone.notes)


def test_what_else_differs_is_named() -> None:
    traits = ({"temperature": "0", "max_tokens": "10"}, {"temperature": "1", "max_tokens": "20"})
    run = replace(run_of({OFF: [1.0] * 20, SMALL: [1.0] * 20}), traits=traits)
    (comparison,) = analyse(run, OPTIONS).comparisons
    assert comparison.confounds == ("temperature 1 against 0",)
    assert comparison.notes[0] == "confounded: temperature 1 against 0"


def test_another_model_that_answered_is_named() -> None:
    row = {"value": 1.0, "model_answered": "m-2"}
    (comparison,) = analyse(run_of({OFF: [1.0] * 20, SMALL: [row] * 20}), OPTIONS).comparisons
    assert comparison.confounds == ("model answered m-2 against m",)


def test_speed_is_compared_by_service_time_and_price_by_answer() -> None:
    slow = {"value": 1.0, "elapsed_s": 3.0, "queued_s": 90.0, "backoff_s": 50.0, "cost_usd": 0.5}
    fast = {"value": 1.0, "elapsed_s": 1.0, "queued_s": 0.0, "backoff_s": 0.0, "cost_usd": 0.25}
    run = run_of({OFF: [slow] * 20, SMALL: [fast] * 20})
    analysis = analyse(run, OPTIONS)
    (comparison,) = analysis.comparisons
    assert comparison.elapsed_s is not None
    assert comparison.elapsed_s.value == -2.0
    assert comparison.cost_usd is not None
    assert comparison.cost_usd.value == -0.25
    first = analysis.variants[0]
    assert (first.elapsed_p50_s, first.queued_p50_s, first.backoff_mean_s) == (3.0, 90.0, 50.0)


def test_one_stored_answer_for_both_is_counted() -> None:
    cached = [{"value": 1.0, "source": "cache", "message_id": f"msg_{case}"} for case in range(20)]
    fresh = [{**row, "source": "api"} for row in cached[:15]] + [1.0] * 5
    (comparison,) = analyse(run_of({OFF: fresh, SMALL: cached}), OPTIONS).comparisons
    assert comparison.n_identical == 15
    assert "15 cases with one stored answer for both" in " ".join(comparison.notes)


def test_rounding_does_not_make_a_win() -> None:
    old, new = [0.1, 0.2, 0.3] * 20, [0.3, 0.2, 0.1] * 20
    comparison = compared(old, new, samples=3)
    assert (comparison.wins, comparison.losses, comparison.ties) == (0, 0, 20)


GRADES = st.sampled_from([1.0, 0.5, 0.0, None, "timeout", "not_found"])


@settings(max_examples=60)
@given(st.lists(st.tuples(GRADES, GRADES), min_size=1, max_size=60))
def test_exchanging_the_variants_turns_the_verdict(pairs: list[tuple[Any, Any]]) -> None:
    old, new = [one for one, _ in pairs], [one for _, one in pairs]
    there, back = compared(old, new), compared(new, old)
    turned = {"superior": "inferior", "inferior": "superior"}
    assert back.verdict == turned.get(there.verdict, there.verdict)
    assert (back.wins, back.losses, back.ties) == (there.losses, there.wins, there.ties)
    assert back.p_value == there.p_value
    if there.difference.low is not None:
        assert back.difference.high == pytest.approx(-there.difference.low, abs=1e-12)


@pytest.mark.parametrize(
    ("left", "told"), [(None, None), (100_000, None), (0, "no more cases"), (40, "40 more cases")]
)
def test_a_dataset_with_too_few_cases_left(left: int | None, told: str | None) -> None:
    grades = {OFF: [1.0, 0.0] * 30, SMALL: [1.0, 0.0, 0.0, 1.0] * 15}
    trials = run_of(grades)
    (one,) = analyse(trials, replace(OPTIONS, n_left=left)).comparisons
    assert one.verdict == "inconclusive"
    notes = " ".join(one.notes)
    if told is None:
        assert (one.needs_cases or 0) > 100
        assert one.lacks_cases is None
        assert "dataset" not in notes
    else:
        assert one.needs_cases is None
        assert (one.lacks_cases or 0) > 100
        assert f"cannot be settled with this dataset: it has {told}" in notes
