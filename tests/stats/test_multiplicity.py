"""Adjusted p-values against Benjamini and Hochberg's example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.multiplicity import benjamini_hochberg, holm

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
