"""A curve as one figure, held against another model's, and the hint what to try next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import ThinkingCurve

SETTINGS = ("off", 1_000, 2_000, 4_000, 16_000)


def rows(share: float, cost: float | None, tokens: int, seed: int, n: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [
        {"value": float(rng.random() < share), "cost_usd": cost, "thinking_tokens": tokens}
        for _ in range(n)
    ]


def curves(
    shares: dict[str, list[float]], costs: dict[str, list[float | None]], n: int = 400
) -> list[ThinkingCurve]:
    grades = {
        variant(setting, model=model): rows(
            share, costs[model][at], 0 if setting == "off" else int(setting), 7 * at, n
        )
        for model, found in shares.items()
        for at, (setting, share) in enumerate(zip(SETTINGS, found, strict=False))
    }
    return list(analyse(run_of(grades), Options(seed=1)).curves)


def test_the_area_is_the_mean_score_over_log_cost() -> None:
    (curve,) = curves({"m": [0.5, 0.7, 0.9]}, {"m": [0.01, 0.1, 1.0]})
    values = [point.score.value or 0.0 for point in curve.points]
    assert curve.area is not None
    assert curve.area.value == pytest.approx(values[0] / 4 + values[1] / 2 + values[2] / 4)
    assert curve.area.low is not None
    assert curve.area.low < (curve.area.value or 0)
    assert curve.against == ()


def test_another_models_curve_is_compared_where_costs_overlap() -> None:
    better, worse = curves(
        {"a": [0.6, 0.8, 0.95], "b": [0.4, 0.6, 0.75]},
        {"a": [0.01, 0.1, 1.0], "b": [0.05, 0.5, 5.0]},
    )
    (above,), (below,) = better.against, worse.against
    assert (above.low_usd, above.high_usd) == pytest.approx((0.05, 1.0))
    assert (above.difference.low or 0) > 0
    assert below.difference.value == pytest.approx(-(above.difference.value or 0))
    assert (above.model, below.model) == ("b", "a")


@pytest.mark.parametrize("costs", [[None, 0.1, 1.0], [0.0, 0.1, 1.0], [0.1, 0.1, 0.1]])
def test_without_prices_there_is_no_area(costs: list[float | None]) -> None:
    (curve,) = curves({"m": [0.5, 0.7, 0.9]}, {"m": costs})
    assert curve.area is None


def test_a_curve_that_still_rises_asks_for_more() -> None:
    (curve,) = curves({"m": [0.2, 0.24, 0.28, 0.35, 0.65]}, {"m": [None] * 5}, n=2_000)
    assert any("still rises at 16,000 thinking tokens" in note for note in curve.notes)
    assert any("a guess, not a result" in note for note in curve.notes)


def test_a_curve_that_levels_off_asks_for_less() -> None:
    (curve,) = curves({"m": [0.3, 0.52, 0.66, 0.82, 0.9]}, {"m": [None] * 5}, n=2_000)
    assert any("levels off: about" in note for note in curve.notes)
    assert not any("still rises" in note for note in curve.notes)


def test_three_settings_are_too_few_for_a_hint() -> None:
    (curve,) = curves({"m": [0.2, 0.5, 0.9]}, {"m": [None] * 3})
    assert not any("guess" in note for note in curve.notes)


def test_what_was_allowed_and_what_was_used() -> None:
    (curve,) = curves({"m": [0.2, 0.5, 0.9]}, {"m": [None] * 3})
    assert [point.within_budget for point in curve.points] == [None, 1.0, 1.0]
    assert curve.control == 1.0
    assert curve.performance == max(point.score.value or 0 for point in curve.points)
