"""Agreement of raters against the examples their inventors printed."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.agreement import (
    TableStatistic,
    ac1_of,
    agreement_interval,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    kappa_of,
    krippendorff_alpha,
)

NA = float("nan")
# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, example C.
RATINGS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, 3],
    [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NA],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
]
# Fleiss' worked example: 10 subjects, 14 raters, 5 kinds.
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def pairs(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = np.repeat([1, 1, 0, 0], [both, first, second, neither])
    return one, np.repeat([1, 0, 1, 0], [both, first, second, neither])


@pytest.mark.parametrize(
    ("level", "alpha"),
    [
        ("nominal", 0.743421052632),
        ("ordinal", 0.815387503755),
        ("interval", 0.849107142857),
        ("ratio", 0.797402774712),
    ],
)
def test_krippendorff(level: str, alpha: float) -> None:
    assert krippendorff_alpha(np.array(RATINGS), level) == pytest.approx(alpha, abs=1e-9)


def test_krippendorff_of_too_little() -> None:
    assert krippendorff_alpha(np.array([[1.0, NA], [NA, 2.0]])) is None
    assert krippendorff_alpha(np.ones((2, 3))) is None


def test_fleiss() -> None:
    assert fleiss_kappa(np.array(FLEISS)) == pytest.approx(0.209930704422, abs=1e-9)
    assert fleiss_kappa(np.array([[3, 0], [3, 0]])) is None
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(np.array([[3, 0], [2, 0]]))


def test_kappa_collapses_where_ac1_does_not() -> None:
    # Both say yes to 118 of 125, and agree on 94 %: by hand, from the definitions.
    first, second = pairs(118, 5, 2, 0)
    assert cohen_kappa(first, second) == pytest.approx(-0.0234, abs=1e-4)
    assert gwet_ac1(first, second) == pytest.approx(0.9408, abs=1e-4)


def test_agreement_by_hand() -> None:
    first, second = pairs(20, 5, 10, 15)  # observed 0.7; by habit 0.5
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert gwet_ac1(first, second) == pytest.approx((0.7 - 0.495) / 0.505)


def test_raters_with_one_kind_of_rating() -> None:
    same = np.ones(10, dtype=np.int64)
    assert cohen_kappa(same, same) is None
    assert gwet_ac1(same, same) is None
    assert agreement_interval(same, same, kappa_of, seed=1) is None


def test_an_interval_holds_the_value_and_is_seeded() -> None:
    first, second = pairs(40, 5, 10, 45)
    low, high = agreement_interval(first, second, kappa_of, seed=1) or (1.0, 0.0)
    assert low < 0.7 < high
    assert (low, high) == agreement_interval(first, second, kappa_of, seed=1)
    shuffled = np.random.default_rng(2).permutation(100)
    assert (low, high) == agreement_interval(first[shuffled], second[shuffled], kappa_of, seed=1)


@pytest.mark.parametrize("statistic", [kappa_of, ac1_of])
def test_intervals_of_agreement_cover(statistic: TableStatistic) -> None:
    rng = np.random.default_rng(7)
    shares = np.array([0.6, 0.06, 0.09, 0.25])  # both, first only, second only, neither
    truth = float(statistic(shares.reshape(2, 2)))
    covered = []
    for run in range(400):
        both, first, second, neither = rng.multinomial(80, shares)
        found = agreement_interval(*pairs(both, first, second, neither), statistic, seed=run)
        assert found is not None
        covered.append(found[0] <= truth <= found[1])
    assert np.mean(covered) >= 0.92


def test_full_agreement_has_no_interval_to_resample() -> None:
    first, second = pairs(30, 0, 0, 20)
    assert cohen_kappa(first, second) == 1.0
    assert agreement_interval(first, second, kappa_of, seed=1) is None


def test_clusters_of_ratings_are_drawn_whole() -> None:
    rng = np.random.default_rng(4)
    first = (rng.random(60) < 0.7).astype(np.int64)
    second = np.where(rng.random(60) < 0.8, first, 1 - first)
    alone = agreement_interval(first, second, kappa_of, seed=1)
    copies = [np.repeat(one, 5) for one in (first, second, np.arange(60))]
    whole = agreement_interval(copies[0], copies[1], kappa_of, copies[2], seed=1)
    apart = agreement_interval(copies[0], copies[1], kappa_of, seed=1)
    assert alone is not None
    assert whole == pytest.approx(alone, abs=0.05)
    assert apart is not None
    assert apart[1] - apart[0] < 0.6 * (alone[1] - alone[0])
