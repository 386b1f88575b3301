"""Planning: published sample sizes, and promises that stay honest when nothing varies."""

from __future__ import annotations

import pytest

from evalkit.stats.paired import Paired, pair
from evalkit.stats.power import (
    cautious_row_variance,
    detectable_difference,
    detectable_effect,
    needs_rows,
    power_of_t,
    rows_for,
    rows_for_t,
)


def paired_of(*args: object) -> Paired:
    paired = pair(*args)  # type: ignore[arg-type]
    assert paired is not None
    return paired


def test_miller_2024_equation_9() -> None:
    # 969 rows for three points at a variance of 1/9 between rows, power 80 %, two-sided 5 %.
    assert rows_for(0.03, 1 / 9, alpha=0.025, power=0.8) == pytest.approx(968.9975, abs=1e-3)


@pytest.mark.parametrize(("samples", "effect"), [(1, 0.132733327874), (10, 0.0756696392668)])
def test_miller_2024_equation_10(samples: int, effect: float) -> None:
    variance = 1 / 9 + 2 * (1 / 6) / samples
    assert detectable_effect(variance, 198, alpha=0.025, power=0.8) == pytest.approx(
        effect, abs=1e-9
    )


def test_rows_of_a_non_inferiority_test() -> None:
    # n = (z_0.95 + z_0.90)² 0.2 / 0.05²
    assert rows_for(0.05, 0.2, alpha=0.05, power=0.9) == pytest.approx(685.107788053, abs=1e-6)


def test_more_rows_are_counted_beyond_those_there_are() -> None:
    paired = paired_of([1] * 10 + [-1] * 10 + [0] * 80)
    wanted = rows_for(0.02, cautious_row_variance(paired), alpha=0.05, power=0.9)
    assert needs_rows(paired, 0.02) == pytest.approx(wanted - 100, abs=1)
    assert needs_rows(paired, 0.9) == 0


def test_no_disagreement_promises_nothing() -> None:
    agreeing = paired_of([0] * 30)
    assert cautious_row_variance(agreeing) == pytest.approx(0.7083 / 30.7083, abs=1e-4)
    assert needs_rows(agreeing, 0.02) > 400
    assert detectable_difference(agreeing) > 0.05


def test_constant_differences_promise_nothing_either() -> None:
    constant = paired_of([0.0] * 40, [number // 2 for number in range(40)])
    assert cautious_row_variance(constant) == pytest.approx(2 * 0.7083 / 20.7083, abs=1e-4)
    assert needs_rows(constant, 0.02) > 0


def test_clusters_need_more_rows() -> None:
    d = [1, 1, 1, 0, 0, 0, -1, -1, -1, 0, 0, 0] * 5
    alone = paired_of([value / 2 for value in d])
    grouped = paired_of([value / 2 for value in d], [place // 3 for place in range(60)])
    assert needs_rows(grouped, 0.02) > 2 * needs_rows(alone, 0.02)


def test_a_detectable_difference_is_at_most_1() -> None:
    assert detectable_difference(paired_of([1, -1])) == 1.0


def test_power_of_two_groups() -> None:
    # R's power.t.test examples: power 0.8689528 with 20 a group, 22.02110 a group for 90 %.
    assert power_of_t(20, 1, 1) == pytest.approx(0.8689528, abs=1e-6)
    assert rows_for_t(1, 1, power=0.90) == pytest.approx(22.02110, abs=1e-4)
    assert power_of_t(rows_for_t(0.1, 2, power=0.80), 0.1, 2) == pytest.approx(0.80, abs=1e-9)
