"""A thinking curve's numbers: gains for tokens and dollars, line, front, policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import ThinkingCurve
from evalkit.types import Variant

OFF, SMALL, LARGE = variant(), variant(1024), variant(4096)
OPTIONS = Options(seed=7)


def graded(right: int, n: int, tokens: int | None, cost: float | None) -> list[dict[str, Any]]:
    """So many of n right; tokens vary a little from case to case."""
    return [
        {
            "value": float(case < right),
            "thinking_tokens": None if tokens is None else tokens + case % 5,
            "output_tokens": 10 + (tokens or 0) + case % 5,
            "cost_usd": cost,
        }
        for case in range(n)
    ]


def curve(grades: dict[Variant, list[Any]], **about: Any) -> ThinkingCurve:
    (found,) = analyse(run_of(grades, **about), OPTIONS).curves
    return found


def test_gain_per_thousand_tokens_and_per_dollar() -> None:
    found = curve(
        {
            OFF: graded(50, 100, None, 0.001),
            SMALL: graded(70, 100, 500, 0.003),
            LARGE: graded(72, 100, 2500, 0.011),
        }
    )
    first, second = found.gains
    assert (first.cheaper, first.dearer, first.token_kind) == ("off", "think-1024", "thinking")
    assert first.score.value == pytest.approx(0.2)
    # OFF shows no thinking, which is 0 tokens of it: 0.2 for 502 of them.
    assert first.tokens is not None
    assert first.tokens.value == pytest.approx(502)
    assert first.per_1k_tokens is not None
    assert first.per_1k_tokens.value == pytest.approx(0.2 / 0.502)
    assert (first.per_1k_tokens.low or 0) > 0
    assert first.per_dollar is not None
    assert first.per_dollar.value == pytest.approx(100)
    assert second.per_1k_tokens is not None
    assert second.per_1k_tokens.value == pytest.approx(0.02 / 2.0)


def test_a_budget_that_is_ignored_has_an_unbounded_gain() -> None:
    rng = np.random.default_rng(3)
    rows = [graded(60, 100, int(tokens), None) for tokens in (400, 400)]
    for row in rows:
        for one in row:
            one["thinking_tokens"] = int(rng.integers(100, 900))
    (gain,) = curve({SMALL: rows[0], LARGE: rows[1]}).gains
    assert gain.per_1k_tokens is not None
    assert (gain.per_1k_tokens.low, gain.per_1k_tokens.high) == (None, None)
    assert gain.per_dollar is None


def test_the_rising_line_and_bands() -> None:
    found = curve(
        {
            OFF: graded(50, 100, None, 0.001),
            SMALL: graded(70, 100, 500, 0.003),
            LARGE: graded(60, 100, 2500, 0.011),
        }
    )
    assert [point.isotonic for point in found.points] == pytest.approx([0.5, 0.65, 0.65], abs=0.005)
    for point in found.points:
        assert point.band is not None
        assert point.score.value is not None
        assert point.band[0] < point.score.value < point.band[1]
    assert found.points[0].band is not None
    assert found.points[0].band[1] - found.points[0].band[0] > 2 * 1.96 * 0.05


def test_a_setting_that_is_always_right_has_a_band_and_a_gain_with_a_width() -> None:
    found = curve({OFF: graded(40, 40, None, 0.001), SMALL: graded(40, 40, 500, 0.003)})
    for point in found.points:
        assert point.band is not None
        assert (point.band[0], point.band[1]) == (pytest.approx(0.9, abs=0.02), 1.0)
        assert point.score.low is not None
        assert point.band[0] <= point.score.low
    (gain,) = found.gains
    for ratio in (gain.per_1k_tokens, gain.per_dollar):
        assert ratio is not None
        assert ratio.low is not None
        assert ratio.high is not None
        assert ratio.low < 0 < ratio.high


def test_the_front_and_how_sure_it_is() -> None:
    found = curve(
        {
            OFF: graded(50, 100, None, 0.001),
            SMALL: graded(90, 100, 500, 0.003),
            LARGE: graded(60, 100, 2500, 0.011),
        }
    )
    assert [point.is_on_front for point in found.points] == [True, True, False]
    shares = [point.front_share for point in found.points]
    assert shares[:2] == [1.0, 1.0]
    assert (shares[2] or 0) < 0.01


def test_scaling_is_the_mean_slope_over_measured_tokens() -> None:
    found = curve({SMALL: graded(50, 100, 500, None), LARGE: graded(70, 100, 2500, None)})
    assert found.scaling_per_1k == pytest.approx(0.1)


def test_asked_sent_and_observed_stand_side_by_side() -> None:
    run = run_of({OFF: graded(5, 20, None, None), SMALL: graded(5, 20, 300, None)})
    sent = '{"thinking": {"type": "enabled", "budget_tokens": 1024}}'
    run = replace(run, traits=({}, {"thinking sent": sent}))
    (found,) = analyse(run, OPTIONS).curves
    off, small = found.points
    assert (off.thinking.key, off.sent, off.n_thinking) == ("off", "nothing", 0)
    assert (small.sent, small.n_thinking, small.n_answered) == (sent, 20, 20)
    assert small.thinking_tokens_mean == 302


def test_low_first_and_high_where_it_fails() -> None:
    # Low is right on 60; high on those and 30 of the other 40.
    found = curve({OFF: graded(60, 100, None, 0.001), LARGE: graded(90, 100, 2000, 0.010)})
    policy = found.policies[0]
    assert policy.name == "off, then think-4096"
    assert policy.score.value == pytest.approx(0.9)
    assert policy.cost_usd == pytest.approx(0.001 + 0.4 * 0.010)
    assert policy.dearest_cost_usd == pytest.approx(0.010)
    assert policy.against_dearest.value == 0.0
    assert "can be checked without knowing the target" in policy.about


def test_samples_are_escalated_one_by_one() -> None:
    low = [{"value": value, "cost_usd": 1.0} for value in (1.0, 0.0)] * 20
    high = [{"value": value, "cost_usd": 10.0} for value in (0.0, 1.0)] * 20
    policy = curve({OFF: low, LARGE: high}, samples=2).policies[0]
    assert policy.score.value == 1.0
    assert policy.cost_usd == pytest.approx((1.0 + 11.0) / 2)


def test_the_best_setting_per_tag_is_judged_on_other_cases() -> None:
    tags = {case: ["easy" if case % 2 else "hard"] for case in range(200)}
    low = [{"value": float(case % 2), "cost_usd": 0.001} for case in range(200)]
    high = [{"value": float(case % 2 == 0), "cost_usd": 0.01} for case in range(200)]
    found = curve({OFF: low, LARGE: high}, tags=tags)
    policy = found.policies[-1]
    assert policy.name == "best setting per tag"
    assert "easy: off, hard: think-4096" in policy.about
    assert policy.score.value == 1.0
    assert policy.cost_usd == pytest.approx(0.0055)


@pytest.mark.parametrize("copies", [1, 4])
def test_choosing_by_chance_is_not_flattered(copies: int) -> None:
    rng = np.random.default_rng(5)
    tags = {case: [f"t{case // copies % 8}"] for case in range(160)}
    clusters = [f"g{case // copies}" for case in range(160)] if copies > 1 else None
    values = []
    for _ in range(20):
        arms = {
            one: [
                {"value": value}
                for value in np.repeat(rng.random(160 // copies).round(), copies).tolist()
            ]
            for one in (OFF, SMALL, LARGE)
        }
        policies = curve(arms, tags=tags, clusters=clusters).policies
        values += [one.score.value for one in policies if one.name == "best setting per tag"]
    assert np.mean(values) == pytest.approx(0.5, abs=0.02 * copies**0.5)  # type: ignore[arg-type]


def test_too_few_cases_have_no_front_and_no_policy() -> None:
    found = curve({OFF: graded(3, 5, None, 0.1), LARGE: graded(4, 5, 100, 0.2)})
    assert [point.front_share for point in found.points] == [None, None]
    assert found.policies == ()


def test_everything_is_the_same_again() -> None:
    grades = {OFF: graded(60, 100, None, 0.001), LARGE: graded(64, 100, 2000, 0.010)}
    assert curve(grades) == curve(grades)
