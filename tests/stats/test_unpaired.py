"""Differences on different cases: Newcombe's published table, and what MOVER makes of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.unpaired import unpaired

# Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524314724024, 0.333872654037),
    (9, 10, 3, 10, 0.170522723935, 0.809017973535),
    (6, 7, 2, 7, 0.0582279274823, 0.806249637524),
    (0, 10, 0, 20, -0.161125158053, 0.277532799863),
    (0, 10, 0, 10, -0.277532799863, 0.277532799863),
    (10, 10, 0, 10, 0.607509350431, 1.0),
]


def share(right: int, n: int) -> Estimate:
    return mean_estimate([1.0] * right + [0.0] * (n - right))


@pytest.mark.parametrize(("x1", "n1", "x2", "n2", "low", "high"), NEWCOMBE)
def test_newcombe(x1: int, n1: int, x2: int, n2: int, low: float, high: float) -> None:
    found = unpaired(share(x1, n1), share(x2, n2))
    assert found is not None
    estimate = found.estimate()
    assert estimate.value == pytest.approx(x1 / n1 - x2 / n2)
    assert estimate.low == pytest.approx(low, abs=1e-9)
    assert estimate.high == pytest.approx(high, abs=1e-9)
    assert estimate.method == "Newcombe, unpaired"


@pytest.mark.parametrize(("x1", "n1", "x2", "n2", "low", "high"), NEWCOMBE)
def test_p_and_interval_agree(x1: int, n1: int, x2: int, n2: int, low: float, high: float) -> None:
    found = unpaired(share(x1, n1), share(x2, n2))
    assert found is not None
    p = found.p_value()
    assert (p < 0.05) == (low > 0 or high < 0)
    if 0 < p < 1:
        ends = found.interval(1 - p)
        assert min(abs(end) for end in ends) == pytest.approx(0, abs=1e-6)


def test_swapping_the_sides_mirrors_the_interval() -> None:
    a, b = share(56, 70), share(48, 80)
    one, other = unpaired(a, b), unpaired(b, a)
    assert one is not None
    assert other is not None
    low, high = one.interval(0.95)
    assert other.interval(0.95) == pytest.approx((-high, -low))


def test_equivalence_needs_both_margins() -> None:
    found = unpaired(share(4_500, 5_000), share(4_490, 5_000))
    assert found is not None
    assert found.is_equivalent(0.02)
    assert not found.is_equivalent(0.01)


def test_clusters_use_students_t() -> None:
    clusters = np.repeat(np.arange(12), 5)
    a = mean_estimate(np.tile([1.0, 1, 0, 1, 1], 12), clusters)
    b = mean_estimate(np.repeat([1.0, 0, 1], 20), clusters)
    found = unpaired(a, b)
    assert found is not None
    assert found.estimate().method == "MOVER, unpaired"
    assert found.units == 12


def test_without_an_interval_on_one_side_there_is_none() -> None:
    assert unpaired(share(1, 1), share(5, 10)) is None
    assert unpaired(share(5, 10), mean_estimate([])) is None
