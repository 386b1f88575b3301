"""Textbook intervals and tests against the tables their inventors and other programs print."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.textbook import (
    agresti_min,
    beta_interval,
    bonett_price,
    clopper_pearson,
    mcnemar_corrected_p,
    mcnemar_exact_p,
    newcombe_paired,
    paired_wald,
    wald,
)

# Newcombe 1998, Statistics in Medicine 17:857, table I: Clopper-Pearson; and Beta(1, 1).
SHARES = [
    (81, 263, (0.252736745585, 0.367621922601), (0.255301847882, 0.366290593522)),
    (15, 148, (0.0578440100834, 0.161650490349), (0.0626368535682, 0.160602445708)),
    (0, 20, (0.0, 0.168433470983), (0.00120488344836, 0.161097615219)),
]
# Counts: both right, the first only, the second only, neither. Values are those of statsmodels
# (tests) and of R's contingencytables and evalstats (intervals).
BENTUR, APPROVAL, WIKIPEDIA = (1, 1, 7, 12), (794, 86, 150, 570), (101, 121, 59, 33)
LENS, NONE, ONE_WAY = (43, 0, 1, 0), (7, 0, 0, 3), (0, 3, 0, 0)
TABLES = [
    (BENTUR, paired_wald, -0.519709036257, -0.0517195351713),
    (BENTUR, newcombe_paired, -0.506920226686, -0.0255591241649),
    (BENTUR, agresti_min, -0.493225833094, -0.0285132973411),
    (BENTUR, bonett_price, -0.508359306666, -0.0133798237683),
    (APPROVAL, paired_wald, -0.0587161167503, -0.0212838832497),
    (APPROVAL, newcombe_paired, -0.0587038728957, -0.0212304239829),
    (APPROVAL, agresti_min, -0.058682935726, -0.021217189118),
    (APPROVAL, bonett_price, -0.058722845052, -0.021177279792),
    (WIKIPEDIA, paired_wald, 0.116605954511, 0.278298504088),
    (WIKIPEDIA, newcombe_paired, 0.11527301198, 0.276116421431),
    (WIKIPEDIA, agresti_min, 0.11561036727, 0.276794696021),
    (WIKIPEDIA, bonett_price, 0.115372048883, 0.277033014408),
    (LENS, paired_wald, -0.0667628104654, 0.0213082650109),
    (LENS, newcombe_paired, -0.118077096982, 0.0597180083509),
    (LENS, agresti_min, -0.0816674416837, 0.0381891808141),
    (LENS, bonett_price, -0.0952703259536, 0.051792065084),
    (NONE, paired_wald, 0.0, 0.0),
    (NONE, newcombe_paired, -0.20019288895, 0.20019288895),
    (NONE, agresti_min, -0.163330332045, 0.163330332045),
    (NONE, bonett_price, -0.230983970725, 0.230983970725),
    (ONE_WAY, paired_wald, 1.0, 1.0),
    (ONE_WAY, newcombe_paired, 0.20592328246, 1.0),
    (ONE_WAY, agresti_min, 0.0185807225237, 1.0),
    (ONE_WAY, bonett_price, -0.101218032461, 1.0),
]
P_VALUES = [
    (BENTUR, 0.0703125, 0.0770998717435),
    (APPROVAL, 3.71593613957e-05, 4.11456228135e-05),  # R's mcnemar.test: 4.115e-05
    (WIKIPEDIA, 4.43444926376e-06, 5.45009482544e-06),
    (LENS, 1.0, 1.0),
    (NONE, 1.0, 1.0),
    (ONE_WAY, 0.25, 0.24821307899),
]


@pytest.mark.parametrize(("successes", "n", "exact", "uniform"), SHARES)
def test_shares(
    successes: int, n: int, exact: tuple[float, float], uniform: tuple[float, float]
) -> None:
    assert clopper_pearson(successes, n) == pytest.approx(exact, abs=1e-9)
    assert beta_interval(successes, n) == pytest.approx(uniform, abs=1e-9)


@pytest.mark.parametrize(("table", "interval", "low", "high"), TABLES)
def test_paired_tables(table: tuple[int, ...], interval: object, low: float, high: float) -> None:
    counts = table if interval is newcombe_paired else (*table[1:3], sum(table))
    assert interval(*counts) == pytest.approx((low, high), abs=1e-9)  # type: ignore[operator]


@pytest.mark.parametrize(("table", "exact", "corrected"), P_VALUES)
def test_mcnemar(table: tuple[int, ...], exact: float, corrected: float) -> None:
    assert mcnemar_exact_p(table[1], table[2]) == pytest.approx(exact, abs=1e-9)
    assert mcnemar_corrected_p(table[1], table[2]) == pytest.approx(corrected, abs=1e-9)


def test_ends_and_an_exact_interval_that_is_wider_than_the_plain_one() -> None:
    assert clopper_pearson(20, 20)[1] == 1.0
    assert wald(20, 20) == (1.0, 1.0)
    exact, plain = clopper_pearson(30, 50), wald(30, 50)
    assert exact[1] - exact[0] > plain[1] - plain[0]
    assert beta_interval(5, 10, prior=0.5)[0] == pytest.approx(1 - beta_interval(5, 10, 0.5)[1])
    assert np.isfinite(newcombe_paired(0, 0, 0, 9)).all()
