"""Agreement, flips, service times and score against cost, by counting on fingers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant
from test_analyse import DEGENERATE, numbers_in

from evalkit.analysis.analysis import analyse
from evalkit.analysis.details import Details, details
from evalkit.analysis.flips import MAX_FLIPS, Flip
from evalkit.analysis.options import Options
from evalkit.types import Variant

OFF, SMALL, BIG = variant(), variant(8), variant(64)
OPTIONS = Options(seed=1)


def detailed(grades: dict[Variant, list[Any]], **more: Any) -> Details:
    trials = run_of(grades, **more)
    return details(trials, analyse(trials, OPTIONS))


def test_agreement_counts_cases_both_right_or_both_not() -> None:
    shown = detailed({OFF: [1.0, 1.0, 0.0, 0.0, None], SMALL: [1.0, 0.0, 0.0, 0.4, 1.0]})
    (pair,) = shown.agreements
    assert (pair.one, pair.other, pair.n_cases) == (OFF.key, SMALL.key, 4)
    assert pair.share.value == 0.75
    assert pair.kappa == pytest.approx(0.5)
    assert shown.unanimity is not None
    assert (shown.unanimity.n_all_right, shown.unanimity.n_none_right) == (1, 2)


def test_the_samples_of_a_case_are_averaged_first() -> None:
    shown = detailed({OFF: [1.0, 0.0, 1.0, 1.0], SMALL: [1.0, 1.0, 0.0, 0.0]}, samples=2)
    (one,) = shown.flips
    assert one.won == (Flip("c0", 0.5, 1.0),)
    assert one.lost == (Flip("c1", 1.0, 0.0),)


def test_flips_are_named_the_largest_first_and_counted_whole() -> None:
    n = 3 * MAX_FLIPS
    shown = detailed({OFF: [0.0] * n + [1.0], SMALL: [0.6] * (n - 1) + [1.0] + [0.7]})
    (one,) = shown.flips
    assert (one.n_won, len(one.won), one.n_lost) == (n, MAX_FLIPS, 0)
    assert one.won[0] == Flip(f"c{n - 1}", 0.0, 1.0)
    assert one.won[1] == Flip("c0", 0.0, 0.6)


def test_service_times_share_a_scale_and_every_answer_is_counted() -> None:
    def timed(times: list[float]) -> list[dict[str, Any]]:
        return [{"elapsed_s": time, "value": 1.0} for time in times]

    grades = {OFF: [*timed([0.1, 0.2, 0.4, 90.0]), "timeout"], SMALL: timed([1.0] * 5)}
    quick, slow = detailed(grades).speeds
    assert quick.edges_s == slow.edges_s
    assert (quick.n, sum(quick.counts), quick.longest_s) == (4, 4, 90.0)
    assert (slow.n, sum(slow.counts), max(slow.counts)) == (5, 5, 5)
    assert quick.quantiles_s[2] == pytest.approx(np.median([0.1, 0.2, 0.4, 90.0]))


def test_the_front_is_what_no_other_variant_beats() -> None:
    def cost(each: float | None, right: int) -> list[dict[str, Any]]:
        return [
            {"cost_usd": each, "value": float(at < right), "output_tokens": 7} for at in range(10)
        ]

    shown = detailed({OFF: cost(0.01, 5), SMALL: cost(0.02, 4), BIG: cost(0.03, 8)})
    assert shown.tradeoff is not None
    assert shown.tradeoff.unit == "usd"
    assert [one.is_on_front for one in shown.tradeoff.points] == [True, False, True]
    assert shown.tradeoff.points[0].cost == pytest.approx(0.01)
    unpriced = detailed({OFF: cost(0.01, 5), SMALL: cost(None, 4)}).tradeoff
    assert unpriced is not None
    assert (unpriced.unit, unpriced.points[0].cost) == ("tokens", 7)
    assert detailed({OFF: cost(0.01, 5)}).tradeoff is None


@pytest.mark.parametrize("grades", DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_runs_have_sound_details(grades: dict[Variant, list[Any]]) -> None:
    assert all(np.isfinite(number) for number in numbers_in(detailed(grades)))
