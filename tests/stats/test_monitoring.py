"""Sequential methods of others against what their inventors and their programs print."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from evalkit.stats.monitoring import (
    betting_martingale,
    empirical_bernstein,
    hedged_interval,
    spending_bounds,
)

LOOKS = [0.2, 0.4, 0.6, 0.8, 1.0]
# 100 values; what is expected of them is the output of the authors' program, confseq 0.0.11.
PATTERN = [1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1]
VALUES = np.array(PATTERN * 5, dtype=np.float64)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Published in gsDesign and ldbounds: one-sided 0.025, five looks.
        ("obf", [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ("pocock", [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_bounds_of_lan_and_demets(kind: Literal["obf", "pocock"], expected: list[float]) -> None:
    assert spending_bounds(LOOKS, 0.025, kind) == pytest.approx(expected, abs=2e-4)


def test_one_look_is_the_plain_test() -> None:
    assert spending_bounds([1.0], 0.025) == pytest.approx([1.959964], abs=1e-6)


@pytest.mark.parametrize("bad", [[], [0.5, 0.4], [0.5, 1.2], [0.0, 1.0]])
def test_fractions_rise_to_at_most_1(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="fractions must"):
        spending_bounds(bad, 0.025)


def test_bounds_are_crossed_as_often_as_spent() -> None:
    rng = np.random.default_rng(2)
    steps = rng.normal(0, np.sqrt(0.2), (40_000, 5)).cumsum(axis=1) / np.sqrt(LOOKS)
    for kind in ("obf", "pocock"):
        crossed = (steps > spending_bounds(LOOKS, 0.025, kind)).any(axis=1)  # type: ignore[arg-type]
        assert crossed.mean() == pytest.approx(0.025, abs=0.0025)


def test_betting_of_waudby_smith_and_ramdas() -> None:
    wealth = betting_martingale(VALUES, 0.5)
    assert wealth[:5] == pytest.approx([1.5, 0.75, 1.125, 1.6875, 2.53125], abs=1e-12)
    assert wealth[-1] == pytest.approx(124296.852365, abs=1e-5)
    assert hedged_interval(VALUES) == pytest.approx((0.665, 0.9), abs=1e-9)


def test_a_constant_stake_is_the_likelihood_ratio() -> None:
    # 0.8 = (0.7 - 0.5) / (0.5 x 0.5): chance 0.7 against 0.5, 16 of 20.
    wealth = betting_martingale(VALUES[:20], 0.5, stakes=np.full(20, 0.8))
    ratio = 16 * np.log(0.7 / 0.5) + 4 * np.log(0.3 / 0.5)
    assert np.log(wealth[-1]) == pytest.approx(ratio, abs=1e-12)
    assert ratio == pytest.approx(3.34025329088, abs=1e-9)


def test_empirical_bernstein() -> None:
    expected = (0.650799316103, 0.940615496344)
    assert empirical_bernstein(VALUES) == pytest.approx(expected, abs=1e-9)
    low, high = empirical_bernstein(1 - VALUES)
    assert (1 - high, 1 - low) == pytest.approx(expected, abs=1e-9)
