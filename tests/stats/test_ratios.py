"""Amounts and ratios: Student's published example, Fieller's interval, and its absence."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.distributions import critical
from evalkit.stats.ratios import TwoMeans, amount_estimate, fieller, ratio_estimate


def test_students_sleep() -> None:
    # Student 1908 as in R's t.test(paired = TRUE): -2.4598858 to -0.7001142.
    drug = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    other = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    estimate = amount_estimate(np.subtract(drug, other))
    assert estimate.low == pytest.approx(-2.45988576328, abs=1e-9)
    assert estimate.high == pytest.approx(-0.700114236723, abs=1e-9)
    assert estimate.value is not None
    assert estimate.se is not None
    assert estimate.value / estimate.se == pytest.approx(-4.06212768338, abs=1e-9)


def test_amounts_that_say_little() -> None:
    assert amount_estimate([]).value is None
    assert (amount_estimate([2.0]).value, amount_estimate([2.0]).low) == (2.0, None)
    assert amount_estimate([2.0, 2.0]).note == "no variation between rows"
    with pytest.raises(ValueError, match="finite"):
        amount_estimate([1.0, float("nan")])


def test_a_denominator_that_may_be_0_leaves_the_ratio_unbounded() -> None:
    means = TwoMeans(0.02, 0.05, 0.000225, 0.0025, 0.0, 400, 400)
    assert means.first / means.second == pytest.approx(0.4)
    assert fieller(means, critical(0.95, None)) is None


def test_a_clear_denominator_gives_the_delta_interval() -> None:
    means = TwoMeans(0.2, 10.0, 0.0004, 1e-8, 0.0, 400, 400)
    low, high = fieller(means, 1.96) or (0.0, 0.0)
    assert (low, high) == pytest.approx((0.02 - 1.96 * 0.002, 0.02 + 1.96 * 0.002), rel=1e-4)


def test_the_ends_are_where_the_difference_is_just_significant() -> None:
    rng = np.random.default_rng(5)
    above, below = rng.normal(1, 1, 80), rng.normal(3, 2, 80)
    estimate = ratio_estimate(above, below)
    for end in (estimate.low, estimate.high):
        assert end is not None
        gap = amount_estimate(above - end * below)
        assert min(abs(gap.low or 9), abs(gap.high or 9)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n", [10, 40])
def test_ratios_cover(n: int) -> None:
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(800):
        below = rng.exponential(2.0, n)
        above = 0.5 * below + rng.normal(0, 0.5, n)
        one = ratio_estimate(above, below)
        covered.append(one.low is None or one.low <= 0.5 <= (one.high or 0))
    assert np.mean(covered) >= 0.93


def test_ratios_without_enough() -> None:
    nothing = np.array([])
    assert ratio_estimate(nothing, nothing).value is None
    assert ratio_estimate(np.array([1.0]), np.array([4.0])).value == 0.25
    assert ratio_estimate(np.array([1.0]), np.array([0.0])).value is None
    never = ratio_estimate(np.array([1.0, 2.0]), np.zeros(2))
    assert (never.value, never.low) == (None, None)
    assert never.note is not None
    assert "unbounded" in never.note


def test_clusters_widen_a_ratio() -> None:
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(20), 5)
    above = np.repeat(rng.normal(1, 0.5, 20), 5)
    below = np.repeat(rng.normal(3, 0.5, 20), 5)
    alone, together = ratio_estimate(above, below), ratio_estimate(above, below, labels)
    assert (together.high or 0) - (together.low or 0) > 1.5 * ((alone.high or 0) - (alone.low or 0))


def test_a_difference_that_never_varies_proves_little() -> None:
    more = 500.0 + np.arange(12.0)
    same = ratio_estimate(np.zeros(12), more, is_difference=True)
    assert same.value == 0.0
    limit = critical(0.95, 11)
    reach = limit**2 / (12 + limit**2) / more.mean()
    assert (same.low, same.high) == (
        pytest.approx(-reach, rel=1e-3),
        pytest.approx(reach, rel=1e-3),
    )
    always = ratio_estimate(np.full(12, 0.3), more, is_difference=True)
    assert (always.low or 1.0) < 0.3 / more.mean() < (always.high or 0.0)
