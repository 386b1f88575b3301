"""Intervals of quantiles: the classical ranks, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.quantiles import quantile_estimate, quantile_ranks


@pytest.mark.parametrize(
    ("n", "share", "ranks"),
    [
        (100, 0.5, (40, 61)),  # the classical table of order statistics
        (50, 0.95, (44, None)),
        (71, 0.95, (63, None)),
        (72, 0.95, (64, 72)),
        (5, 0.5, (None, None)),
        (6, 0.5, (1, 6)),
    ],
)
def test_ranks(n: int, share: float, ranks: tuple[int | None, int | None]) -> None:
    assert quantile_ranks(n, share) == ranks


def test_a_small_sample_has_no_upper_limit() -> None:
    estimate = quantile_estimate(np.arange(1.0, 51), 0.95)
    assert (estimate.low, estimate.high) == (44.0, None)
    assert estimate.note == "no upper limit: too few values"


def test_no_value_and_one_value() -> None:
    assert quantile_estimate([], 0.5).value is None
    one = quantile_estimate([3.0], 0.5)
    assert (one.value, one.low, one.high) == (3.0, None, None)
    together = quantile_estimate([3.0, 4.0], 0.5, [1, 1])
    assert (together.low, together.note) == (
        None,
        "no interval: only one independent unit (1 cluster)",
    )


def test_single_rows_as_clusters_change_nothing() -> None:
    values = np.random.default_rng(1).exponential(size=90)
    alone = quantile_estimate(values, 0.5, np.arange(90))
    assert (alone.low, alone.high) == (
        quantile_estimate(values, 0.5).low,
        quantile_estimate(values, 0.5).high,
    )


@pytest.mark.parametrize(("n", "share"), [(30, 0.5), (200, 0.5), (200, 0.95)])
def test_order_statistics_cover(n: int, share: float) -> None:
    rng = np.random.default_rng(2)
    truth = -np.log(1 - share)
    found = [quantile_estimate(rng.exponential(size=n), share) for _ in range(600)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.94  # type: ignore[operator]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_intervals_over_cases_cover(share: float) -> None:
    # Four times of each of 60 cases, which share much of what makes them slow.
    rng = np.random.default_rng(3)
    truth = float(np.quantile(rng.exponential(size=200_000) + rng.exponential(size=200_000), share))
    labels = np.repeat(np.arange(60), 4)
    covered = []
    for _ in range(300):
        times = np.repeat(rng.exponential(size=60), 4) + rng.exponential(size=240)
        one = quantile_estimate(times, share, labels)
        assert one.low is not None
        assert one.high is not None
        covered.append(one.low <= truth <= one.high)
    assert np.mean(covered) >= 0.92
