"""Rising lines, Pareto fronts and slopes, against published and hand-made values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.fronts import hypervolume, isotonic, mean_slope, pareto_front, share_within


def test_isotonic_line_of_r() -> None:
    # The example of R's isoreg.
    expected = [0.5, 0.5, 3, 3, 3, 3, 3, 3, 3]
    assert isotonic([1, 0, 4, 3, 3, 5, 4, 2, 0]) == pytest.approx(expected, abs=1e-12)


def test_isotonic_line_heeds_weights() -> None:
    assert isotonic([1.0, 0.0], [3.0, 1.0]) == [0.75, 0.75]
    assert isotonic([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_isotonic_lines_rise_and_keep_the_mean(values: list[float]) -> None:
    line = isotonic(values)
    assert all(a <= b + 1e-12 for a, b in pairwise(line))
    assert np.mean(line) == pytest.approx(np.mean(values))
    assert isotonic(line) == pytest.approx(line)


def test_pareto_front() -> None:
    costs, scores = [1.0, 2, 4, 4, 8], [0.5, 0.6, 0.58, 0.7, 0.69]
    front = pareto_front(np.array(costs), np.array(scores))
    assert front.tolist() == [True, True, False, True, False]
    # 1 x 0.5 + 2 x 0.6 + 6 x 0.7
    assert hypervolume(costs, scores, 10) == pytest.approx(5.9, abs=1e-12)


def test_points_alike_are_on_the_front_together() -> None:
    assert pareto_front(np.array([1.0, 1.0]), np.array([0.5, 0.5])).all()


def test_many_fronts_at_once() -> None:
    costs = np.array([[1.0, 2.0], [2.0, 1.0]])
    scores = np.array([[0.5, 0.4], [0.5, 0.5]])
    assert pareto_front(costs, scores).tolist() == [[True, False], [False, True]]


def test_slope_of_s1() -> None:
    # s1 (arXiv 2501.19393), section 3.2, by its definition.
    tokens, scores = [512, 1024, 2048, 4096, 8192], [0.5, 0.58, 0.64, 0.66, 0.65]
    assert mean_slope(tokens, scores) == pytest.approx(0.041492280506, abs=1e-12)
    assert mean_slope([512, 512], [0.5, 0.6]) is None
    assert mean_slope([512], [0.5]) is None


def test_control_of_s1() -> None:
    used, highest = [512, 1024, 2048, 4096, 8192], [512, 1024, 2048, 4000, 9000]
    assert share_within(used, [0] * 5, highest) == pytest.approx(0.8)
    assert share_within([], 0, 10) is None
