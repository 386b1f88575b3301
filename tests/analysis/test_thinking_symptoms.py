"""What is odd about a sweep is said: overthinking, null arms, cut answers, ignored budgets."""

from __future__ import annotations

from typing import Any

import numpy as np
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options

NO_PRICE = "no price is known: output tokens stand in for it"
NO_TOKENS = "the server does not report thinking tokens: output tokens stand in for them"


def notes_of(grades: dict[Any, list[Any]], **about: Any) -> list[str]:
    run = run_of({variant(setting): graded for setting, graded in grades.items()}, **about)
    (curve,) = analyse(run, Options(seed=1)).curves
    return list(curve.notes)


def rows(right: list[float], **columns: Any) -> list[dict[str, Any]]:
    """Answers that cost 1 cent; a sequence in ``columns`` is spread over the cases."""
    return [
        {"value": value, "cost_usd": 0.01}
        | {name: one[place] if isinstance(one, list) else one for name, one in columns.items()}
        for place, value in enumerate(right)
    ]


def spread(middle: int, n: int, seed: int) -> list[int]:
    return [int(one) for one in np.random.default_rng(seed).normal(middle, middle / 5, n)]


def mixed(n: int = 60, seed: int = 1, share: float = 0.6) -> list[float]:
    return list((np.random.default_rng(seed).random(n) < share).astype(float))


def test_a_healthy_sweep_has_nothing_odd() -> None:
    off = rows(mixed(), output_tokens=spread(20, 60, 1))
    small = rows(mixed(), output_tokens=spread(60, 60, 2), thinking_tokens=spread(40, 60, 4))
    large = rows(mixed(), output_tokens=spread(120, 60, 3), thinking_tokens=spread(100, 60, 5))
    assert notes_of({"off": off, 64: small, 128: large}) == []


def test_overthinking() -> None:
    better, worse = [1.0] * 60, [1.0] * 30 + [0.0] * 30
    off = rows(better, output_tokens=20)
    small = rows(better, output_tokens=80, thinking_tokens=50)
    large = rows(worse, output_tokens=200, thinking_tokens=120)
    assert notes_of({"off": off, 64: small, 128: large}) == [
        "overthinking: think-128 scores 50 points (38 to 62) below off",
        "overthinking: think-128 scores 50 points (38 to 62) below think-64",
    ]


def test_a_drop_that_may_be_chance_is_not_overthinking() -> None:
    off = rows([1.0] * 60, output_tokens=20)
    large = rows([1.0] * 57 + [0.0] * 3, output_tokens=200, thinking_tokens=120)
    assert notes_of({"off": off, 128: large}) == []


def test_a_null_arm() -> None:
    right, tokens = mixed(), spread(30, 60, 2)
    answers = ["5"] * 58 + ["6", None]
    small = rows(right, output_tokens=tokens, thinking_tokens=tokens, answer="5")
    large = rows(right, output_tokens=tokens, thinking_tokens=tokens, answer=answers)
    assert notes_of({64: small, 128: large}) == [
        f"think-64 and think-128 cannot be told apart: {np.mean(tokens):,.0f} and"
        f" {np.mean(tokens):,.0f} thinking tokens a trial, no significant difference in score,"
        " 58 of 59 answers the same"
    ]


def test_a_null_arm_by_output_tokens_alone() -> None:
    right = mixed()
    small = rows(right, output_tokens=spread(40, 60, 2))
    large = rows(right, output_tokens=spread(40, 60, 3))
    notes = notes_of({64: small, 128: large})
    assert notes[0].startswith("think-64 and think-128 cannot be told apart: ")
    assert "output tokens a trial" in notes[0]
    assert notes[1] == NO_TOKENS


def test_settings_told_apart_by_tokens_are_no_null_arm() -> None:
    right = mixed()
    small = rows(right, output_tokens=40, thinking_tokens=spread(30, 60, 1))
    large = rows(right, output_tokens=40, thinking_tokens=spread(60, 60, 2))
    assert notes_of({64: small, 128: large}) == []


def test_widely_varying_tokens_do_not_make_a_null_arm() -> None:
    # A fifth more on average; that chance may have done it does not make the settings one.
    rng = np.random.default_rng(11)
    few, more = (
        [int(one) for one in rng.permutation(np.linspace(1, 2 * mean, 60))] for mean in (100, 120)
    )
    right = mixed()
    small = rows(right, output_tokens=40, thinking_tokens=few)
    large = rows(right, output_tokens=40, thinking_tokens=more)
    notes = notes_of({64: small, 128: large})
    assert not any("cannot be told apart" in note for note in notes)


def test_settings_told_apart_by_score_are_no_null_arm() -> None:
    small = rows([0.0] * 30 + [1.0] * 30, output_tokens=40, thinking_tokens=30)
    large = rows([1.0] * 60, output_tokens=40, thinking_tokens=30)
    assert notes_of({64: small, 128: large}) == []


def test_thinking_shown_in_one_of_two_settings_tells_them_apart() -> None:
    off = rows(mixed(), output_tokens=40)
    small = rows(mixed(), output_tokens=40)
    assert notes_of({"off": off, 64: small}) == [NO_TOKENS]


def test_too_few_cases_make_no_null_arm() -> None:
    arm = rows([1.0] * 9, output_tokens=40, thinking_tokens=30)
    assert notes_of({64: arm, 128: arm}) == []


def test_an_ignored_setting() -> None:
    off = rows(mixed(), output_tokens=spread(20, 60, 1))
    same = rows(mixed(seed=2), output_tokens=spread(20, 60, 2), thinking_text=None)
    notes = notes_of({"off": off, 64: same})
    assert notes[0] == "think-64: no sign of thinking, the server seems to ignore the setting"
    assert notes[1].startswith("off and think-64 cannot be told apart")


def test_longer_answers_are_a_sign_of_hidden_thinking() -> None:
    off = rows(mixed(), output_tokens=spread(20, 60, 1))
    hidden = rows(mixed(seed=2), output_tokens=spread(90, 60, 2), thinking_text=None)
    assert notes_of({"off": off, 64: hidden}) == [NO_TOKENS]


def test_a_budget_that_is_not_enforced() -> None:
    off = rows(mixed(), output_tokens=20)
    small = rows(mixed(), output_tokens=60, thinking_tokens=40)
    assert notes_of({"off": off, 8: small}) == [
        "think-8: 40 thinking tokens on average, the server does not seem to enforce the budget"
    ]


def test_thinking_with_thinking_off() -> None:
    off = rows(mixed(), output_tokens=20, thinking_text=["hm"] * 12 + [None] * 48)
    small = rows(mixed(), output_tokens=60, thinking_tokens=40)
    assert notes_of({"off": off, 64: small}) == ["off: 12 of 60 answers show thinking anyway"]


def test_cut_answers() -> None:
    off = rows(mixed(), output_tokens=20)
    cut = rows(mixed(), output_tokens=60, thinking_tokens=40)
    for row in cut[:6]:
        row["stop_reason"] = "max_tokens"
    off[0]["stop_reason"] = "max_tokens"
    assert notes_of({"off": off, 64: cut}) == [
        "think-64: 6 of 60 answers cut off by the token limit"
    ]


def test_missing_prices_are_said() -> None:
    priced = rows(mixed(), output_tokens=20)
    free = [row | {"cost_usd": None} for row in rows(mixed(), output_tokens=60, thinking_tokens=40)]
    assert notes_of({"off": priced, 64: free}) == [
        "not every price is known: output tokens stand in for it"
    ]
    unpriced = [row | {"cost_usd": None} for row in priced]
    assert notes_of({"off": unpriced, 64: free}) == [NO_PRICE]


def test_a_sweep_that_did_not_run_has_no_symptoms() -> None:
    assert notes_of({"off": ["not_run"] * 20, 64: ["timeout"] * 20}) == []
