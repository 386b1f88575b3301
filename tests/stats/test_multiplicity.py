"""Adjusted p-values against Benjamini and Hochberg's example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.multiplicity import benjamini_hochberg, e_lond_level, holm, lord_levels

# Benjamini, Hochberg 1995, section 4.1.
P_1995 = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0),
]
HOLM_1995 = [0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213] + [1.0] * 6


def test_published_example() -> None:
    assert holm(P_1995) == pytest.approx(HOLM_1995, abs=1e-9)
    assert sum(p < 0.05 for p in holm(P_1995)) == 3


def test_ties_are_treated_alike() -> None:
    assert holm([0.01, 0.01, 0.04, 0.04, 0.5]) == pytest.approx([0.05, 0.05, 0.12, 0.12, 0.5])


def test_the_order_given_is_kept() -> None:
    assert holm([0.5, 0.01]) == pytest.approx([0.5, 0.02])
    assert holm([]) == []


BH_1995 = [
    *(0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.0638571428571, 0.0638571428571, 0.0645, 0.0765),
    *(0.486, 0.581181818182, 0.714875, 0.753230769231, 0.813214285714, 1.0),
]


def test_the_example_of_benjamini_and_hochberg() -> None:
    assert benjamini_hochberg(P_1995) == pytest.approx(BH_1995, abs=1e-9)
    assert sum(p < 0.05 for p in benjamini_hochberg(P_1995)) == 4
    ties = benjamini_hochberg([0.01, 0.01, 0.04, 0.04, 0.5])
    assert ties == pytest.approx([0.025, 0.025, 0.05, 0.05, 0.5])
    assert benjamini_hochberg([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_no_smaller_than_bh_and_bh_no_smaller_than_raw(p_values: list[float]) -> None:
    strict, loose = holm(p_values), benjamini_hochberg(p_values)
    assert all(a >= b - 1e-12 for a, b in zip(strict, loose, strict=True))
    assert all(a >= b - 1e-12 for a, b in zip(loose, p_values, strict=True))
    assert all(0 <= p <= 1 for p in (*strict, *loose))


# The p-values of the onlineFDR vignette (Bioconductor), LORD, alpha 0.05, with set.seed(1).
STREAM = [2.9e-14, 0.06743, 0.01514, 0.08174, 0.00171, 0.27201, 3.61e-05, 0.79149, 7.59e-08]
STREAM += [0.28295, 0.69274, 0.72342, 0.30443, 0.54757, 0.000487]
VIGNETTE = [0.0002675839, 0.0024664457, 0.0005732818, 0.0004872805, 0.0004059066, 0.0003447286]
VIGNETTE += [0.0002986627, 0.0029389397, 0.0008168502, 0.0033835974, 0.0011873999, 0.0010225858]
VIGNETTE += [0.0008785607, 0.0007679398, 0.0006820264]


def test_levels_of_a_stream() -> None:
    levels = lord_levels(STREAM)
    assert levels == pytest.approx(VIGNETTE, abs=2e-9)
    assert [
        at for at, (p, level) in enumerate(zip(STREAM, levels, strict=True), 1) if p <= level
    ] == [*(1, 7, 9, 15)]
    assert levels == lord_levels(STREAM, wealth=0.005)


def test_a_level_depends_on_what_came_before_alone() -> None:
    assert lord_levels(STREAM[:6]) == lord_levels(STREAM)[:6]
    assert lord_levels([]) == []
    with pytest.raises(ValueError, match="wealth"):
        lord_levels([0.5], wealth=0.06)


def test_a_stream_of_nothing_has_few_findings() -> None:
    rng = np.random.default_rng(3)
    streams = [rng.random(50).tolist() for _ in range(400)]
    false = [any(p <= at for p, at in zip(one, lord_levels(one), strict=True)) for one in streams]
    assert np.mean(false) <= 0.05 + 0.02


def test_e_lond_lends_more_after_each_finding_and_never_more_than_alpha_before():
    first = [e_lond_level(now, 0, 0.05) for now in range(1, 20_001)]
    assert first == sorted(first, reverse=True)
    assert sum(first) < 0.05
    assert e_lond_level(7, 3, 0.05) == pytest.approx(4 * first[6])
    # Without findings it is LORD++ with all of alpha at stake from the start.
    assert first[:3] == pytest.approx(lord_levels([1.0, 1.0, 1.0], 0.05, wealth=0.05))
