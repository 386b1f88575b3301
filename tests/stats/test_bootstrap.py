"""BCa intervals: Efron and Tibshirani's example, seeds, clusters, and what has no interval."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.arrays import FloatArray
from evalkit.stats.bootstrap import acceleration, bca_interval

# Efron, Tibshirani 1993, table 14.2, spatial test data: variance 171.5, acceleration 0.061, BCa
# interval at 90 % (115.8, 259.6).
SPATIAL = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6]
SPATIAL += [0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41]


def variance(values: FloatArray) -> FloatArray:
    return np.asarray(values.var(axis=-1))


def mean(values: FloatArray) -> FloatArray:
    return np.asarray(values.mean(axis=-1))


@pytest.mark.parametrize("seed", [1, 2])
def test_spatial_data(seed: int) -> None:
    assert float(variance(np.array(SPATIAL))) == pytest.approx(171.5, abs=0.05)
    found = bca_interval(SPATIAL, variance, seed=seed, confidence=0.90)
    assert found == pytest.approx((116.36, 261.83), abs=4.0)
    assert found == pytest.approx((115.8, 259.6), abs=5.0)
    without = np.array([np.delete(SPATIAL, at).var() for at in range(len(SPATIAL))])
    assert acceleration(without) == pytest.approx(0.0612401198123, abs=1e-9)


def test_the_seed_decides_and_the_order_does_not() -> None:
    found = bca_interval(SPATIAL, mean, seed=3)
    assert found == bca_interval(SPATIAL, mean, seed=3)
    assert found == bca_interval(SPATIAL[::-1], mean, seed=3)
    assert bca_interval(SPATIAL, variance, seed=3) != bca_interval(SPATIAL, variance, seed=4)


def test_whole_clusters_are_drawn() -> None:
    rng = np.random.default_rng(1)
    values = np.repeat(rng.normal(size=30), 4)
    alone = bca_interval(values, mean, seed=1, draws=1_000) or (0.0, 0.0)
    whole = bca_interval(values, mean, np.repeat(np.arange(30), 4), seed=1, draws=1_000)
    assert whole is not None
    assert whole[1] - whole[0] > 1.7 * (alone[1] - alone[0])


def test_what_has_no_interval() -> None:
    assert bca_interval([1.0], mean, seed=1) is None
    assert bca_interval([2.0] * 9, mean, seed=1) is None
    assert bca_interval([1.0, 2.0], mean, [0, 0], seed=1) is None
    with pytest.raises(ValueError, match="finite"):
        bca_interval([1.0, float("nan")], mean, seed=1)


def test_means_of_skewed_values_are_covered() -> None:
    rng = np.random.default_rng(5)
    covered = []
    for run in range(600):
        found = bca_interval(rng.exponential(size=100), mean, seed=run, draws=999)
        low, high = found or (9.0, 9.0)
        covered.append(low <= 1 <= high)
    assert np.mean(covered) >= 0.91
