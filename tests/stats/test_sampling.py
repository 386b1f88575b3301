"""Metrics over several samples of a case, against published and exact values."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.estimates import mean_estimate
from evalkit.stats.sampling import (
    VarianceSplit,
    majority_at_k,
    majority_shares,
    pass_at_k,
    pass_hat_k,
    split_variance,
)

# tau-bench (arXiv 2406.12045): successes in 4 trials of each of its 50 airline tasks, counted from
# its stored trajectories of gpt-4o; its README prints 0.420 0.273 0.220 0.200.
AIRLINE = [0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 4, 2, 0, 2, 1, 1, 4, 0, 4, 3, 0, 0, 4]
AIRLINE += [0, 2, 2, 0, 1, 2, 2, 0, 0, 3, 4, 4, 3, 4, 1, 3, 2, 4, 1, 2, 2, 2, 1, 4, 4]


@pytest.mark.parametrize(
    ("n", "c", "k", "at", "hat"),
    [
        (6, 3, 1, 0.5, 0.5),  # human-eval README: pass@1 of 0.4999999999999999
        (5, 2, 2, 0.7, 0.1),  # Chen et al. 2021, equation 1, in exact fractions
        (20, 20, 3, 1.0, 1.0),
        (20, 0, 3, 0.0, 0.0),
        (4, 3, 2, 1.0, 0.5),
    ],
)
def test_pass_metrics(n: int, c: int, k: int, at: float, hat: float) -> None:
    assert pass_at_k([n], [c], k)[0] == pytest.approx(at, abs=1e-12)
    assert pass_hat_k([n], [c], k)[0] == pytest.approx(hat, abs=1e-12)


def test_pass_hat_of_tau_bench() -> None:
    found = [pass_hat_k([4] * 50, AIRLINE, k).mean() for k in (1, 2, 3, 4)]
    assert found == pytest.approx([0.42, 0.273333333333, 0.22, 0.2], abs=1e-9)
    assert found == pytest.approx([0.42, 0.273, 0.22, 0.2], abs=0.0006)


def test_nothing_is_extrapolated_and_nothing_overflows() -> None:
    assert np.isnan(pass_at_k([3, 0], [3, 0], 4)).all()
    assert np.isnan(pass_hat_k([3], [3], 4)).all()
    assert pass_at_k([100_000], [1], 50_000)[0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="at least 1"):
        pass_at_k([3], [1], 0)


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_pass_metrics_are_exact(n: int, c: int, k: int) -> None:
    c, k = min(c, n), min(k, n)
    assert pass_at_k([n], [c], k)[0] == pytest.approx(
        float(1 - Fraction(comb(n - c, k), comb(n, k))), abs=1e-12
    )
    assert pass_hat_k([n], [c], k)[0] == pytest.approx(
        float(Fraction(comb(c, k), comb(n, k))), abs=1e-12
    )


def test_majority_of_three() -> None:
    # Every one of the 120 ways to draw 3 of 10 answers A5 B3 C2; ties split evenly.
    assert majority_at_k((5, 3, 2), 3)[0] == pytest.approx(0.583333333333, abs=1e-12)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 2), st.integers(1, 6))
def test_majority_is_what_counting_every_draw_finds(
    counts: list[int], abstained: int, k: int
) -> None:
    samples = [answer for answer, count in enumerate(counts) for _ in range(count)]
    samples += [-1] * abstained
    k = min(k, len(samples))
    won = [Fraction(0)] * len(counts)
    for draw in combinations(samples, k):
        votes = [draw.count(answer) for answer in range(len(counts))]
        if max(votes):
            first = [answer for answer, vote in enumerate(votes) if vote == max(votes)]
            for answer in first:
                won[answer] += Fraction(1, len(first))
    expected = [float(one / comb(len(samples), k)) for one in won]
    assert majority_at_k(tuple(counts), k, abstained) == pytest.approx(expected, abs=1e-12)


def test_many_cases_at_once_are_each_as_alone() -> None:
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 5, (900, 6))
    counts[:, 0] += 4
    abstained = rng.integers(0, 3, 900)
    together = majority_shares(counts, abstained, 4)
    for case in range(0, 900, 97):
        alone = majority_at_k(tuple(counts[case]), 4, int(abstained[case]))
        assert together[case] == pytest.approx(alone, abs=1e-12)
    assert together.sum(axis=1) == pytest.approx(
        np.where(abstained >= 4, together.sum(axis=1), 1.0), abs=1e-12
    )
    assert majority_shares(np.zeros((0, 3), dtype=np.int64), np.zeros(0, np.int64), 3).shape == (
        0,
        3,
    )


def test_nobody_wins_where_all_abstain() -> None:
    assert majority_at_k((), 2, 3) == ()
    assert majority_at_k((1,), 3, 4)[0] == pytest.approx(3 / 5)


def test_majority_refuses_more_draws_than_samples() -> None:
    with pytest.raises(ValueError, match="5 draws from 4 samples"):
        majority_at_k((3,), 5, 1)


def test_variance_splits_into_between_and_within() -> None:
    # One-way random effects (Miller 2024, section 3) on six cases of four samples.
    rows = [[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 1]]
    scores = np.array(rows, dtype=float)
    split = split_variance([4] * 6, scores.mean(axis=1), 4 * scores.var(axis=1))
    assert split is not None
    assert split.within == pytest.approx(0.180555555556, abs=1e-9)
    assert split.between == pytest.approx(0.0902777777778, abs=1e-9)
    assert split.icc == pytest.approx(0.333333333333, abs=1e-9)
    assert split.noise == pytest.approx(0.180555555556 / 4, abs=1e-9)
    assert mean_estimate(scores.mean(axis=1)).se == pytest.approx(0.150231303144, abs=1e-9)


def test_variance_of_unequal_samples_is_unbiased() -> None:
    rng = np.random.default_rng(11)
    between, within = [], []
    for _ in range(300):
        k = rng.integers(1, 6, size=60)
        p = rng.choice([0.3, 0.9], size=60)
        drawn = [
            (rng.random(size) < chance).astype(float) for size, chance in zip(k, p, strict=True)
        ]
        split = split_variance(
            k, [one.mean() for one in drawn], [len(one) * one.var() for one in drawn]
        )
        assert split is not None
        between.append(split.between)
        within.append(split.within)
    assert np.mean(between) == pytest.approx(0.09, abs=0.01)
    assert np.mean(within) == pytest.approx((0.21 + 0.09) / 2, abs=0.01)


def test_what_cannot_be_split() -> None:
    assert split_variance([1, 1, 1], [0, 1, 1], [0, 0, 0]) is None
    assert split_variance([4], [0.5], [1.0]) is None
    constant = split_variance([2, 2], [1, 1], [0, 0])
    assert constant is not None
    assert (constant.between, constant.within, constant.icc) == (0.0, 0.0, None)


def test_more_samples_narrow_a_mean_as_miller_says() -> None:
    # Miller 2024, section 3: difficulty uniform on 0 to 1, samples 2, 4 and 6 cut the variance by
    # 1/3, 1/2 and 5/9.
    split = VarianceSplit(between=1 / 12, within=1 / 6, noise=1 / 6, icc=1 / 3)
    ratios = [split.of_mean(k) / split.of_mean(1) for k in (1, 2, 4, 6)]
    assert ratios == pytest.approx([1, 2 / 3, 1 / 2, 4 / 9], abs=1e-12)
