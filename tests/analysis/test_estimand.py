"""Intervals of these cases alone, where the suite asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import Analysis

OFF, ON = variant(), variant(1024)
POPULATION = Options(seed=7)
DATASET = replace(POPULATION, estimand="dataset")


def analysed(options: Options, samples: int = 4, **about: Any) -> Analysis:
    """Thirty easy and thirty hard cases, the hard ones right by chance."""
    rng = np.random.default_rng(3)
    hard = (rng.random((2, 30, samples)) < 0.3).astype(float)
    grades = {
        one: [1.0] * 30 * samples + hard[place].ravel().tolist()
        for place, one in enumerate((OFF, ON))
    }
    return analyse(run_of(grades, samples=samples, **about), options)


def test_these_cases_alone_vary_less_than_all_like_them() -> None:
    found = [analysed(options).variants[0] for options in (POPULATION, DATASET)]
    wide, narrow = (one.scores["number"] for one in found)
    assert narrow.mean.value == wide.mean.value
    assert (narrow.mean.se or 1) < 0.5 * (wide.mean.se or 0)
    assert "these cases alone" in narrow.mean.method


def test_a_comparison_of_these_cases_asks_for_samples_never_for_cases() -> None:
    (one,) = analysed(replace(DATASET, n_left=1_000_000)).comparisons
    assert one.verdict == "inconclusive"
    assert one.needs_cases is None
    assert one.lacks_cases is None
    assert (one.needs_samples or 0) > 4
    assert one.p_check is None
    assert f"about {one.needs_samples} samples of each case would settle it" in one.notes


def test_missing_cases_have_bounds_here_too() -> None:
    lost = {OFF: [1.0, 0.0] * 20 + ["timeout"] * 2, ON: [1.0] * 42}
    (one,) = analyse(run_of(lost, samples=2), DATASET).comparisons
    assert one.bounds is not None
    assert one.bounds == pytest.approx((10 / 21, 11 / 21))
    assert one.n_pairs == 20


def test_without_repeated_samples_the_wider_interval_stands_and_is_named() -> None:
    wide, same = (analysed(options, samples=1) for options in (POPULATION, DATASET))
    assert same.variants == wide.variants
    assert same.comparisons == wide.comparisons
    assert any("estimand: dataset takes two samples" in told for told in same.warnings)
    assert not any("estimand" in told for told in wide.warnings)


@pytest.mark.parametrize(("left", "is_said"), [(100_000, True), (40, False), (0, False)])
def test_further_cases_before_further_samples(left: int, is_said: bool) -> None:
    (one,) = analysed(replace(POPULATION, n_left=left)).comparisons
    told = "a further case tells no less than another sample of one"
    assert any(told in note for note in one.notes) == is_said
