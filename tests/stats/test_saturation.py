"""A levelling curve: what made it is found again, and where none can be fitted there is none."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.fronts import area_weights
from evalkit.stats.saturation import Saturation, fit_saturation

TOKENS = np.array([0.0, 500.0, 1_000.0, 2_000.0, 8_000.0])


def test_a_curve_is_found_again() -> None:
    made = Saturation(0.4, 0.8, 1_000)
    scores = np.array([made.score(at) for at in TOKENS])
    found = fit_saturation(TOKENS, scores, np.ones(5))
    assert found is not None
    assert (found.lowest, found.highest) == pytest.approx((0.4, 0.8), abs=5e-3)
    assert found.half == pytest.approx(1_000, rel=0.05)


def test_half_the_gain_at_half() -> None:
    curve = Saturation(0.4, 0.8, 1_000)
    assert curve.score(0) == pytest.approx(0.4)
    assert curve.score(1_000) == pytest.approx(0.6)
    assert curve.tokens_for(0.6) == pytest.approx(1_000)
    assert curve.tokens_for(0.8) is None
    assert curve.tokens_for(0.3) is None


def test_weights_say_which_points_count() -> None:
    scores = np.array([0.4, 0.6, 0.65, 0.2, 0.7])
    ignored = fit_saturation(TOKENS, scores, np.array([100.0, 100, 100, 1e-6, 100]))
    heeded = fit_saturation(TOKENS, scores, np.ones(5))
    assert ignored is not None
    assert heeded is not None
    assert ignored.score(2_000) > 0.6 > heeded.score(2_000)


@pytest.mark.parametrize(
    ("tokens", "scores"),
    [
        ([0.0, 1.0, 2.0], [0.1, 0.2, 0.3]),  # too few
        ([0.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]),
        ([5.0, 5.0, 6.0, 7.0], [0.1, 0.2, 0.3, 0.4]),
        ([0.0, 1.0, 2.0, 3.0], [0.9, 0.6, 0.4, 0.2]),  # falls
        ([0.0, 1.0, 2.0, 3.0], [0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_what_has_no_such_curve(tokens: list[float], scores: list[float]) -> None:
    assert fit_saturation(np.array(tokens), np.array(scores), np.ones(len(tokens))) is None


def test_areas_are_mean_scores_over_log_cost() -> None:
    weights = area_weights([1.0, 10.0, 1_000.0], 1.0, 1_000.0)
    # One decade rises from 0 to 1, two stay there: (0.5 + 2) / 3.
    assert weights is not None
    assert weights @ np.array([0.0, 1.0, 1.0]) == pytest.approx(2.5 / 3)
    assert weights.sum() == pytest.approx(1.0)
    part = area_weights([1.0, 100.0], 10.0, 100.0)
    assert part is not None
    assert part @ np.array([0.0, 1.0]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("costs", "low", "high"),
    [
        ([0.0, 1.0], 0.5, 1.0),
        ([1.0, 1.0], 1.0, 1.0),
        ([1.0, 2.0], 1.0, 3.0),
        ([1.0, 2.0], 2.0, 2.0),
    ],
)
def test_what_has_no_area(costs: list[float], low: float, high: float) -> None:
    assert area_weights(costs, low, high) is None
