"""Resampled means: seeded, of whole units, and the bands they give."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.jackknife import unit_mean
from evalkit.stats.resampling import RESAMPLED, max_t_critical, resampled_means


@pytest.mark.parametrize("n", [100, RESAMPLED + 500])
def test_draws_spread_as_the_jackknife_says(n: int) -> None:
    rng = np.random.default_rng(1)
    columns = rng.random((n, 2))
    drawn = resampled_means(columns, seed=3)
    for column, draws in zip(columns.T, drawn.T, strict=True):
        mean = unit_mean(column)
        assert draws.mean() == pytest.approx(mean.value, abs=5e-3)
        assert draws.std() == pytest.approx(np.sqrt(mean.variance or 0), rel=0.08)


def test_clusters_are_drawn_whole() -> None:
    columns = np.repeat(np.random.default_rng(2).random((40, 1)), 5, axis=0)
    clusters = np.repeat(np.arange(40), 5)
    alone, whole = resampled_means(columns, seed=1), resampled_means(columns, clusters, seed=1)
    assert whole.std() > 1.8 * alone.std()


def test_the_seed_decides() -> None:
    columns = np.random.default_rng(2).random((50, 2))
    assert (resampled_means(columns, seed=1) == resampled_means(columns, seed=1)).all()
    assert (resampled_means(columns, seed=1) != resampled_means(columns, seed=2)).any()
    with pytest.raises(ValueError, match="two independent units"):
        resampled_means(columns[:1], seed=1)


def test_bands_for_several_are_wider_than_for_one() -> None:
    drawn = resampled_means(np.random.default_rng(4).random((300, 6)), seed=1)
    # Six independent means at 95 %: 2.63 by the normal distribution.
    assert max_t_critical(drawn) == pytest.approx(2.63, abs=0.1)
    assert max_t_critical(drawn[:, :1]) == pytest.approx(1.96, abs=0.1)
    constant = resampled_means(np.ones((20, 3)), seed=1)
    assert max_t_critical(constant) == pytest.approx(1.96, abs=0.01)


@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(15), 4)])
def test_the_order_of_rows_decides_nothing(clusters: np.ndarray | None) -> None:
    columns = np.random.default_rng(5).integers(0, 5, (60, 2)) / 4
    order = np.random.default_rng(6).permutation(60)
    shuffled = None if clusters is None else clusters[order]
    once = resampled_means(columns, clusters, seed=1)
    assert once == pytest.approx(resampled_means(columns[order], shuffled, seed=1), abs=1e-12)
