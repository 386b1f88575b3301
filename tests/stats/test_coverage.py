"""Seeded simulations: intervals cover the truth as often as they say, tests err as rarely."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.paired import difference_estimate, pair

RUNS = 1_000
BAR = 0.93
"""Nominal 95 %; the Monte-Carlo error of 1,000 runs is 0.7 points."""

Rng = np.random.Generator


def coverage(truth: float, estimates: Iterator[Estimate]) -> float:
    covered = [one.low <= truth <= one.high for one in estimates]  # type: ignore[operator]
    return float(np.mean(covered))


def plain(rng: Rng, n: int) -> FloatArray:
    return (rng.random(n) < 0.8).astype(float)


def samples_of_4(rng: Rng, n: int) -> FloatArray:
    return rng.binomial(4, rng.beta(2, 0.5, n)) / 4


def skewed(rng: Rng, n: int) -> FloatArray:
    return rng.beta(4, 1, n)


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("draw", [plain, samples_of_4, skewed])
def test_means(draw: Callable[[Rng, int], FloatArray], n: int) -> None:
    rng = np.random.default_rng(20)
    truth = 0.8  # of all three
    assert coverage(truth, (mean_estimate(draw(rng, n)) for _ in range(RUNS))) >= BAR


@pytest.mark.parametrize("n_clusters", [10, 20, 60])
def test_means_of_clusters(n_clusters: int) -> None:
    rng = np.random.default_rng(21)
    labels = np.repeat(np.arange(n_clusters), 5)
    a = 0.7 * (1 / 0.3 - 1)  # beta-binomial with an intraclass correlation of 0.3

    def estimates() -> Iterator[Estimate]:
        for _ in range(RUNS):
            p = np.repeat(rng.beta(a, a * 0.3 / 0.7, n_clusters), 5)
            yield mean_estimate((rng.random(len(p)) < p).astype(float), labels)

    assert coverage(0.7, estimates()) >= BAR


@pytest.mark.parametrize("n", [20, 100])
def test_plain_differences(n: int) -> None:
    rng = np.random.default_rng(22)
    draws = (rng.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.75, 0.15]) for _ in range(RUNS))
    assert coverage(0.05, (difference_estimate(d) for d in draws)) >= BAR


@pytest.mark.parametrize("n", [10, 50])
def test_differences_of_samples(n: int) -> None:
    rng = np.random.default_rng(23)

    def draws() -> Iterator[FloatArray]:
        for _ in range(RUNS):
            p = rng.beta(2, 0.5, n)
            yield (rng.binomial(4, p) - rng.binomial(4, 0.9 * p)) / 4

    assert coverage(0.08, (difference_estimate(d) for d in draws())) >= BAR


def test_no_difference_is_rejected_in_at_most_5_percent() -> None:
    rng = np.random.default_rng(24)
    rejected = 0
    for _ in range(RUNS):
        paired = pair(rng.choice([-1.0, 0.0, 1.0], 100, p=[0.1, 0.8, 0.1]))
        assert paired is not None
        rejected += paired.p_value() < 0.05
    assert rejected / RUNS <= 0.05 + 0.02


def test_a_loss_of_the_margin_passes_in_at_most_5_percent() -> None:
    rng = np.random.default_rng(25)
    passed = 0
    for _ in range(RUNS):
        paired = pair(rng.choice([-1.0, 0.0, 1.0], 300, p=[0.125, 0.8, 0.075]))
        assert paired is not None
        passed += paired.is_non_inferior(0.05)
    assert 0.01 <= passed / RUNS <= 0.05 + 0.02
