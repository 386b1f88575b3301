"""Curves and recommended settings: order, proof, and honesty where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import ThinkingCurve
from evalkit.analysis.sweep import setting_order
from evalkit.types import Thinking, Variant

OPTIONS = Options(seed=1)


def curve_of(
    grades: dict[Any, list[Any]], options: Options = OPTIONS, **about: Any
) -> ThinkingCurve:
    """The curve of thinking settings, given by budget (or ``"off"``)."""
    run = run_of({variant(setting): graded for setting, graded in grades.items()}, **about)
    (curve,) = analyse(run, options).curves
    return curve


def shares(*right: float, n: int = 1000) -> list[list[float]]:
    """Grades of which so many are right, nested: a better setting solves all a worse one does."""
    return [[float(place < share * n) for place in range(n)] for share in right]


def test_points_stand_from_the_cheapest_to_the_dearest() -> None:
    curve = curve_of({128: [1.0] * 10, 8: [1.0] * 10, "off": [1.0] * 10, "adaptive": [1.0] * 10})
    assert [point.thinking.key for point in curve.points] == [
        "off",
        "think-8",
        "think-128",
        "adaptive",
    ]


def test_efforts_have_their_order() -> None:
    settings = [
        *(Thinking("adaptive", effort=effort) for effort in ("max", "low", "medium")),
        Thinking("adaptive"),
        Thinking("default", effort="minimal"),
        Thinking("default"),
        Thinking("off"),
    ]
    ordered = [one.key for one in sorted(settings, key=setting_order)]
    assert ordered == [
        *("off", "default", "effort-minimal", "adaptive-low", "adaptive-medium", "adaptive"),
        "adaptive-max",
    ]


def test_what_a_point_shows() -> None:
    thought = {"thinking_tokens": 6, "output_tokens": 9, "cost_usd": 0.5, "elapsed_s": 2.0}
    rows = [thought | {"value": 1.0}] * 11 + [thought | {"stop_reason": "max_tokens", "value": 0.0}]
    point = curve_of({"off": [1.0] * 12, 8: rows}).points[1]
    assert point.variant == "plain/m/think-8"
    assert point.budget_used == 0.75
    assert (point.n_asked, point.n_truncated, point.cost_usd) == (12, 1, 6.0)
    assert (point.thinking_tokens_mean, point.output_tokens_mean) == (6, 9)
    assert point.elapsed_p50_s == 2.0
    assert point.score.n == 12


def test_a_curve_for_every_prompt_and_model_with_several_settings() -> None:
    grades: dict[Variant, list[Any]] = {
        variant(setting, prompt=prompt): [1.0] * 10
        for prompt in ("a", "b")
        for setting in ("off", 8)
    }
    grades[variant(model="alone")] = [1.0] * 10
    curves = analyse(run_of(grades), OPTIONS).curves
    assert [(curve.prompt, curve.model) for curve in curves] == [("a", "m"), ("b", "m")]


def test_the_cheapest_that_is_proven_as_good_is_recommended() -> None:
    off, small, large = shares(0.5, 0.7, 0.7)
    curve = curve_of({"off": off, 8: small, 128: large})
    assert curve.recommended == "think-8"
    assert curve.sentence == (
        "Use think-8: its score is at most 2 points below every dearer setting's (one-sided 95%),"
        " with 100% of the output tokens of think-128."
    )


def test_the_saving_is_told_in_money_where_prices_are_known() -> None:
    right, n = shares(0.7)[0], 1000
    cheap = [{"value": one, "cost_usd": 0.001} for one in right]
    dear = [{"value": one, "cost_usd": 0.004} for one in right]
    curve = curve_of({"off": cheap, 128: dear})
    assert curve.recommended == "off"
    assert curve.sentence.endswith("at 25% of the price of think-128.")
    assert n == len(cheap)


def test_the_dearest_is_recommended_when_it_is_needed() -> None:
    off, small, large = shares(0.5, 0.6, 0.7)
    curve = curve_of({"off": off, 8: small, 128: large})
    assert curve.recommended == "think-128"
    assert curve.sentence == (
        "Use think-128: no cheaper setting is proven to score within 2 points of it."
    )


def test_the_walk_ends_at_the_first_that_is_not_proven() -> None:
    # off is as good as the dearest, but the setting between them is not: off is never reached
    off, small, large = shares(0.7, 0.5, 0.7)
    curve = curve_of({"off": off, 8: small, 128: large})
    assert curve.recommended == "think-128"


def test_small_steps_down_do_not_add_up_unseen() -> None:
    # Each setting is proven to be within two points of the next, but off not of the dearest.
    off, small, large = shares(0.67, 0.685, 0.7, n=4000)
    assert curve_of({"off": off, 8: small}).recommended == "off"
    assert curve_of({"off": off, 8: small, 128: large}).recommended == "think-8"


def test_without_proof_the_best_seen_is_named_as_such() -> None:
    off = [1.0] * 15 + [0.0] * 35
    small = [1.0] * 30 + [0.0] * 20
    large = [0.0] * 20 + [1.0] * 28 + [0.0] * 2
    curve = curve_of({"off": off, 8: small, 128: large})
    assert curve.recommended == "think-8"
    assert curve.sentence == (
        "think-8 scored best (60%); with 50 cases nothing cheaper is proven to be as good"
        " within 2 points."
    )


def test_the_best_seen_may_be_the_cheapest() -> None:
    rng = np.random.default_rng(4)
    off, large = (list((rng.random(40) < p).astype(float)) for p in (0.6, 0.5))
    curve = curve_of({"off": off, 128: large})
    assert curve.recommended == "off"
    assert "is the cheapest, but 40 cases do not prove" in curve.sentence


def test_equal_scores_name_the_cheapest() -> None:
    rng = np.random.default_rng(6)
    same = list(rng.integers(0, 2, 30).astype(float))
    curve = curve_of({"off": same, 8: list(same), 128: list(same)}, Options(seed=1, margin=0.01))
    assert curve.recommended == "off"


def test_too_few_cases_recommend_nothing() -> None:
    curve = curve_of({"off": [0.0] * 9, 8: [1.0] * 9})
    assert curve.recommended is None
    assert curve.sentence == (
        "No recommendation: 9 independent cases with a score, and it takes 10."
    )


def test_an_unmeasured_setting_recommends_nothing() -> None:
    curve = curve_of({"off": [1.0] * 40, 8: [1.0] * 37 + ["timeout"] * 3})
    assert curve.recommended is None
    assert curve.sentence == (
        "No recommendation: more than 5% of the trials of think-8 are missing."
    )


def test_what_is_missing_counts_against_the_cheaper_setting() -> None:
    right = [1.0] * 1000
    assert curve_of({"off": list(right), 8: list(right)}).recommended == "off"
    curve = curve_of({"off": right[:-30] + ["timeout"] * 30, 8: list(right)})
    assert curve.recommended == "think-8"


@pytest.mark.slow
def test_a_setting_clearly_worse_is_hardly_ever_recommended() -> None:
    # The cheaper setting is truly five points worse, the margin is three: at most 5 % of runs.
    rng = np.random.default_rng(30)
    wrong = 0
    for _ in range(60):
        change = rng.choice([-1, 0, 1], 400, p=[0.10, 0.85, 0.05])
        off = [1.0 if one >= 0 else 0.0 for one in change]
        large = [1.0 if one <= 0 else 0.0 for one in change]
        curve = curve_of({"off": off, 128: large}, Options(seed=1, margin=0.03))
        wrong += curve.sentence.startswith("Use off")
    assert wrong <= 3
