"""Paired differences: published tables, the one statistic behind them, degenerate inputs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from evalkit.stats.paired import (
    difference_estimate,
    mcnemar_mid_p,
    pair,
    tango_interval,
    tango_statistic,
)


class Table(NamedTuple):
    """A 2 x 2 table of paired outcomes and what is known of it."""

    both: int
    only_a: int
    only_b: int
    neither: int
    z: float
    p: float
    mid_p: float
    low: float
    high: float

    @property
    def differences(self) -> list[float]:
        same = [0.0] * (self.both + self.neither)
        return [1.0] * self.only_a + [-1.0] * self.only_b + same


TABLES = {
    # Bentur 2009, the example of Fagerland, Lydersen, Laake 2014 (p 0.034, mid-p 0.039)
    "bentur": Table(
        1, 1, 7, 12, -2.12132034356, 0.0338948535247, 0.0390625, -0.517232276421, -0.0260030324809
    ),
    # Agresti 1990 p. 350, the example of R's mcnemar.test
    "approval": Table(
        *(794, 86, 150, 570, -4.16604515139, 3.09929344104e-05),
        *(2.89338951762e-05, -0.0589980333057, -0.0213615647548),
    ),
    # Wikipedia's example of McNemar's test (chi-squared 21.35)
    "wikipedia": Table(
        *(101, 121, 59, 33, 4.6212071535, 3.815135865e-06),
        *(3.26664679577e-06, 0.11523576903, 0.276760365336),
    ),
    # Tango 1998, Statistics in Medicine 17:891, soft contact lenses
    "lens": Table(43, 0, 1, 0, -1.0, 0.317310507863, 0.5, -0.118077096982, 0.0593932311166),
    # no discordant pair: p is 1 and the width is z²/(n + z²)
    "none": Table(7, 0, 0, 3, 0.0, 1.0, 1.0, -0.277532799863, 0.277532799863),
    # all discordant one way; interval asserted by the R package contingencytables
    "one way": Table(
        0, 3, 0, 0, 1.73205080757, 0.0832645166636, 0.125, -0.12299406351, 1.0
    ),
}  # fmt: skip

# Differences of means of four samples a row; expected values from an independent implementation.
OF_FOUR = [0, 0.25, 0, -0.5, 0, 0, 0.25, 0, -0.25, 0, 0, 0.75, 0, 0, -0.25, 0, 0.5, 0, 0, 0.25]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_published_tables(table: Table) -> None:
    paired = pair(table.differences)
    assert paired is not None
    assert paired.is_plain
    assert paired.statistic() == pytest.approx(table.z, abs=1e-9)
    assert paired.p_value() == pytest.approx(table.p, abs=1e-9)
    assert mcnemar_mid_p(table.only_a, table.only_b) == pytest.approx(table.mid_p, abs=1e-9)
    estimate = difference_estimate(table.differences)
    assert estimate.value == pytest.approx(np.mean(table.differences))
    assert estimate.low == pytest.approx(table.low, abs=1e-9)
    assert estimate.high == pytest.approx(table.high, abs=1e-9)
    assert estimate.n_eff == len(table.differences)
    assert estimate.method == "Tango"


def test_cavo_table_as_plain_rows() -> None:
    # Fagerland, Lydersen, Laake 2014: Tango interval -0.124 to -0.0054.
    estimate = difference_estimate([1] * 6 + [-1] * 16 + [0] * 139)
    assert estimate.se == pytest.approx(0.0288084283326, abs=1e-9)
    assert estimate.n_eff == 161
    assert estimate.low == pytest.approx(-0.124023432464, abs=1e-9)
    assert estimate.high == pytest.approx(-0.00543339573168, abs=1e-9)


def test_standard_error_of_a_worked_example() -> None:
    # Miller 2024, equation 7, without the n - 1: 400 rows, 26 against 14 discordant, SE 0.0157.
    estimate = difference_estimate([1] * 26 + [-1] * 14 + [0] * 360)
    assert estimate.se == pytest.approx(0.0157400762387 * (400 / 399) ** 0.5, abs=1e-9)


def test_averaged_samples() -> None:
    estimate = difference_estimate(OF_FOUR)
    assert estimate.value == pytest.approx(0.05, abs=1e-9)
    assert estimate.se == pytest.approx(0.0590494886114, abs=1e-9)
    assert estimate.n_eff == pytest.approx(42.3018867925, abs=1e-9)
    assert estimate.df == 19
    assert estimate.low == pytest.approx(-0.0920989654898, abs=1e-9)
    assert estimate.high == pytest.approx(0.198795306995, abs=1e-9)
    assert estimate.method == "Tango on effective counts, t(19)"


def test_identical_arms_in_clusters_keep_a_width() -> None:
    estimate = difference_estimate([0.0] * 30, np.arange(30))
    assert (estimate.value, estimate.se, estimate.n_eff, estimate.df) == (0, 0, 30, 29)
    assert estimate.low == pytest.approx(-0.122369852237, abs=1e-9)
    assert estimate.high == pytest.approx(0.122369852237, abs=1e-9)
    assert estimate.note == "no variation between rows"


def test_a_constant_difference_lies_within_its_interval() -> None:
    estimate = difference_estimate([0.5] * 12)
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < 0.5 < estimate.high


@pytest.mark.parametrize(
    ("n", "gains", "losses", "margin", "z", "is_non_inferior"),
    [
        (44, 0, 1, 0.10, 1.70856428594, True),  # Tango 1998, z = 1.709, lenses at ten points
        (400, 20, 24, 0.05, 2.29161541422, True),
        (200, 3, 3, 0.02, 1.42568593786, False),
    ],
)
def test_margin_tests(
    n: int, gains: int, losses: int, margin: float, z: float, is_non_inferior: bool
) -> None:
    paired = pair([1] * gains + [-1] * losses + [0] * (n - gains - losses))
    assert paired is not None
    assert paired.statistic(-margin) == pytest.approx(z, abs=1e-9)
    assert paired.is_non_inferior(margin) is is_non_inferior


@pytest.mark.parametrize(
    ("n", "gains", "losses", "low"),
    [(400, 20, 24, -0.0380877942858), (200, 3, 3, -0.0239419530586)],
)
def test_one_sided_limits(n: int, gains: int, losses: int, low: float) -> None:
    estimate = difference_estimate(
        [1] * gains + [-1] * losses + [0] * (n - gains - losses), confidence=0.90
    )
    assert estimate.low == pytest.approx(low, abs=1e-9)


def test_no_row_and_one_unit() -> None:
    assert pair([]) is None
    assert difference_estimate([]).value is None
    assert pair([1.0]) is None
    assert pair([1.0, 0.0], ["a", "a"]) is None
    estimate = difference_estimate([1.0, 0.0], ["a", "a"])
    assert (estimate.value, estimate.low, estimate.se, estimate.units) == (0.5, None, None, 1)


@pytest.mark.parametrize("bad", [1.1, -2.0, float("nan")])
def test_a_difference_outside_its_range_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"not a number in \[-1, 1\]"):
        pair([0.0, bad])


def test_the_statistic_at_the_ends_of_its_range() -> None:
    assert tango_statistic(3, 0, 3, 1.0) == 0.0
    assert tango_statistic(0, 0, 5, 0.0) == 0.0
    assert tango_statistic(1, 1, 5, 1.0) == -np.inf
    assert tango_statistic(1, 1, 5, -1.0) == np.inf
    assert tango_interval(5, 0, 5, 1.96)[1] == 1.0
    assert tango_interval(0, 5, 5, 1.96)[0] == -1.0


def test_mid_p_never_exceeds_1() -> None:
    assert mcnemar_mid_p(5, 5) == pytest.approx(1.0)
    assert mcnemar_mid_p(0, 0) == 1.0
    assert mcnemar_mid_p(0, 6) == mcnemar_mid_p(6, 0) == pytest.approx(2**-6)
