"""Several verdicts on one answer: orders, votes and models, some of them missing."""

from __future__ import annotations

import pytest

from evalkit.scorers.judge_form import Order
from evalkit.scorers.judge_scale import Reading
from evalkit.scorers.judge_verdicts import Combine, Verdict, combined

LOST = Reading(None, problem="the judge gave no answer: timeout: late")


def graded(*values: float | None, combine: Combine = "mean") -> tuple[float | None, str | None]:
    found = [
        Verdict("m", "alone", vote, LOST if value is None else Reading(value, f"{value:g}", "why"))
        for vote, value in enumerate(values)
    ]
    score = combined("kind", found, combine)
    return score.value, score.reason


def test_votes_are_combined_as_the_suite_says() -> None:
    assert graded(1.0, 0.5, 0.0)[0] == 0.5
    assert graded(1.0, 1.0, 0.0, combine="median")[0] == 1.0
    assert graded(1.0, 1.0, 0.25, combine="majority")[0] == 1.0
    assert graded(1.0, 0.0, combine="majority")[0] == 0.5


def test_what_is_missing_is_left_out_and_told_never_counted_as_0() -> None:
    value, reason = graded(1.0, None)
    assert value == 1.0
    assert "1 of 2 verdicts missing: the judge gave no answer: timeout" in (reason or "")
    assert graded(None, None) == (None, LOST.problem)
    assert combined("kind", [], "mean").value is None


@pytest.mark.parametrize(
    ("first", "second", "value", "word"),
    [
        (1.0, 1.0, 1.0, "better"),
        (0.0, 0.0, 0.0, "worse"),
        (0.5, 0.5, 0.5, "as good"),
        (1.0, 0.0, 0.5, "depends on the order"),
        (1.0, None, None, None),
    ],
)
def test_both_orders_count_together_or_not_at_all(
    first: float, second: float | None, value: float | None, word: str | None
) -> None:
    orders: list[tuple[Order, float | None]] = [("first", first), ("second", second)]
    found = [Verdict("m", order, 0, LOST if one is None else Reading(one)) for order, one in orders]
    score = combined("better", found, "mean")
    assert (score.value, score.answer) == (value, word)
