"""Differences by tag: tested together, and called findings no more often than that allows."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.stats.multiplicity import benjamini_hochberg

OFF, SMALL = variant(), variant(8)
OPTIONS = Options(seed=7)


def test_a_tag_with_a_real_difference_is_found_among_others() -> None:
    old, new = [0.0, 1.0] * 100, [0.0, 1.0] * 100
    new[:40] = [1.0] * 40
    tags = {
        case: ["easy" if case < 40 else "hard" if case < 120 else "rest"] for case in range(200)
    }
    found = analyse(run_of({OFF: old, SMALL: new}, tags=tags), OPTIONS).tag_differences
    assert [one.tag for one in found] == ["easy", "hard", "rest"]
    assert [one.is_finding for one in found] == [True, False, False]
    assert found[0].difference.value == 0.5
    p_values = [one.p_value for one in found]
    assert [one.p_adjusted for one in found] == benjamini_hochberg(p_values)


def test_small_tags_and_tags_of_all_are_not_tested() -> None:
    tags = {case: ["all", "few"] if case < 5 else ["all"] for case in range(40)}
    run = run_of({OFF: [0.0] * 40, SMALL: [1.0] * 40}, tags=tags)
    assert analyse(run, OPTIONS).tag_differences == ()


@pytest.mark.slow
def test_chance_is_rarely_called_a_finding() -> None:
    rng = np.random.default_rng(8)
    called = 0
    for _ in range(60):
        old, new = (rng.random(200).round().tolist() for _ in range(2))
        tags = {case: [f"t{case % 8}"] for case in range(200)}
        found = analyse(run_of({OFF: old, SMALL: new}, tags=tags), OPTIONS).tag_differences
        called += any(one.is_finding for one in found)
    assert called <= 60 * 0.10 + 3 * np.sqrt(60 * 0.1 * 0.9)
