"""Holm's adjustment against Benjamini and Hochberg's example."""

from __future__ import annotations

import pytest

from evalkit.stats.multiplicity import holm

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
