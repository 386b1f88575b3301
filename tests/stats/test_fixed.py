"""Means and differences on the cases there are: only the answers are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.distributions import critical
from evalkit.stats.estimates import wilson
from evalkit.stats.fixed import Drawn, fixed_mean, fixed_pair


def drawn(samples: np.ndarray) -> Drawn:
    """From scores, cases x samples."""
    k = samples.shape[1]
    within = samples.var(axis=1, ddof=1) if k > 1 else np.full(len(samples), np.nan)
    return Drawn(samples.mean(axis=1), within, np.full(len(samples), k))


def test_the_mean_varies_by_its_samples_alone() -> None:
    samples = np.array([[1.0, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
    found = fixed_mean(drawn(samples))
    noise = np.array([0.25, 1 / 3, 0, 0]) / 4
    variance = noise.sum() / 16
    assert found.value == pytest.approx(9 / 16)
    assert found.se == pytest.approx(variance**0.5)
    assert found.df == int(noise.sum() ** 2 / (noise**2 / 3).sum()) == 5
    spread = 9 / 16 * 7 / 16
    expected = wilson(9 / 16, spread / variance, critical(0.95, 5))
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_single_sample_borrows_the_variance_of_the_others() -> None:
    found = Drawn(np.array([0.5, 1.0]), np.array([0.5, np.nan]), np.array([2, 1]))
    assert found.is_repeated
    assert found.noise.tolist() == [0.25, 0.5]
    assert not drawn(np.ones((3, 1))).is_repeated


def test_samples_that_all_agree_prove_little() -> None:
    right = drawn(np.ones((5, 2)))
    assert fixed_mean(right).low == pytest.approx(wilson(1.0, 10, critical(0.95, 5))[0])
    same = fixed_pair(right, right).estimate()
    assert (same.low or 0) < -0.2
    assert (same.high or 0) > 0.2


def test_cases_of_equal_means_may_differ_by_noise() -> None:
    coin = drawn(np.array([[1.0, 0.0]] * 30))
    pair = fixed_pair(coin, coin)
    assert pair.value == 0
    assert pair.variance == pytest.approx(2 * 0.25 / 30)
    found = pair.estimate()
    assert found.se is not None
    assert found.high == pytest.approx(2 * found.se, rel=0.1)
    assert found.low == pytest.approx(-(found.high or 0), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("cases", [10, 50])
@pytest.mark.parametrize("k", [2, 4])
def test_coverage_of_the_cases_own_mean_and_difference(cases: int, k: int) -> None:
    rng = np.random.default_rng(cases + k)
    hits = []
    for _ in range(2_000):
        old = rng.beta(0.3, 0.2, cases)
        new = np.clip(old + 0.05, 0, 1)
        one, two = (drawn((rng.random((cases, k)) < p[:, None]).astype(float)) for p in (new, old))
        mean, difference = fixed_mean(one), fixed_pair(one, two).estimate()
        hits.append(
            [
                (mean.low or 0) <= new.mean() <= (mean.high or 0),
                (difference.low or 0) <= (new - old).mean() <= (difference.high or 0),
            ]
        )
    assert np.mean(hits, axis=0).min() >= 0.94
