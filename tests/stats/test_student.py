"""Student's t and two one-sided tests against published examples; degenerate inputs."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit.stats.estimates import Estimate
from evalkit.stats.student import Student, student, welch

# Fisher 1935, Darwin's Zea mays in eighths of an inch: t = 2.148, p = 0.0497.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Student 1908 as in R: t.test(paired = TRUE) gives t = -4.0621, p = 0.002833.
DRUG = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
OTHER = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def known(value: Student | None) -> Student:
    assert value is not None
    return value


def a_mean(value: float, deviation: float, n: int) -> Estimate:
    return Estimate(value, None, None, deviation / sqrt(n), n, n, None, 0.95, "given")


def test_darwins_plants() -> None:
    one = known(student(DARWIN))
    assert one.statistic() == pytest.approx(2.14798746133, abs=1e-9)
    assert one.p_value() == pytest.approx(0.0497029440218, abs=1e-9)


def test_students_sleep() -> None:
    one = known(student(np.subtract(DRUG, OTHER)))
    assert one.statistic() == pytest.approx(-4.06212768338, abs=1e-9)
    assert one.p_value() == pytest.approx(0.00283289019738, abs=1e-9)
    assert one.interval() == pytest.approx((-2.45988576328, -0.700114236723), abs=1e-9)


def test_equivalence_of_pairs() -> None:
    # The R package TOSTER's own test of TOSTpaired.
    one = Student(0.08, 0.876954958935 / sqrt(65), 64)
    found = one.tost(-0.350781983574, 0.350781983574)
    assert found.t_low == pytest.approx(3.96038057543, abs=1e-9)
    assert found.p_low == pytest.approx(9.53172826944e-05, abs=1e-9)
    assert found.t_high == pytest.approx(-2.4894256232, abs=1e-9)
    assert found.p_high == pytest.approx(0.0077023501208, abs=1e-9)
    assert found.p_value == found.p_high
    assert one.interval(0.90) == pytest.approx((-0.101543346109, 0.261543346109), abs=1e-9)


def test_equivalence_of_two_groups() -> None:
    # TOSTER's test of TOSTtwo.raw with unequal variances.
    one = known(welch(a_mean(5.25, 0.95, 95), a_mean(5.22, 0.83, 89)))
    found = one.tost(-0.384, 0.384)
    assert one.df == pytest.approx(181.134367161, abs=1e-9)
    assert found.t_low == pytest.approx(3.1530150921, abs=1e-9)
    assert found.p_low == pytest.approx(0.000945874496548, abs=1e-9)
    assert found.t_high == pytest.approx(-2.6960563831, abs=1e-9)
    assert found.p_high == pytest.approx(0.00383899428324, abs=1e-9)
    assert one.interval(0.90) == pytest.approx((-0.187084311828, 0.247084311828), abs=1e-9)


@given(
    st.floats(-1, 1), st.floats(0.01, 1), st.integers(1, 200), st.floats(-1, 0), st.floats(0.01, 1)
)
def test_equivalent_exactly_where_the_90_percent_interval_lies_within(
    value: float, se: float, df: int, low: float, width: float
) -> None:
    one = Student(value, se, df)
    start, end = one.interval(0.90)
    assume(min(abs(start - low), abs(end - low - width)) > 1e-9)
    assert (one.tost(low, low + width).p_value < 0.05) == (start > low and end < low + width)


def test_what_does_not_vary_and_what_is_too_little() -> None:
    assert student([]) is None
    assert student([1.0]) is None
    assert student([1.0, 2.0], ["a", "a"]) is None
    same = known(student([0.0, 0.0]))
    assert (same.statistic(), same.p_value()) == (0.0, 1.0)
    assert known(student([2.0, 2.0])).statistic() == inf
    assert (
        welch(a_mean(1.0, 1.0, 5), Estimate(None, None, None, None, 0, 0, None, 0.95, "")) is None
    )
    assert known(welch(a_mean(1, 0, 5), a_mean(1, 0, 5))).p_value() == 1.0
    with pytest.raises(ValueError, match="no range"):
        same.tost(0.1, 0.1)


def test_clusters_count_once() -> None:
    grouped = known(student([1.0, 1.0, 3.0, 3.0], [1, 1, 2, 2]))
    assert grouped.df == 1
    assert grouped.se == pytest.approx(known(student([1.0, 3.0])).se)
