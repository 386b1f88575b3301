"""Means: published intervals, cluster and sample formulas, and every degenerate input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from evalkit.stats.estimates import mean_estimate, quantile, wilson

# Newcombe 1998, Statistics in Medicine 17:857, table I (two-sided 95 % score intervals).
NEWCOMBE = [
    (81, 263, 0.255288519878, 0.366209576983),
    (15, 148, 0.0623863995307, 0.160487241723),
    (0, 20, 0.0, 0.161125158053),
]
# Eight clusters of unequal size; expected values from an independent implementation of the
# delete-one-cluster jackknife, Wilson on the effective size and t with 7 degrees of freedom.
CLUSTERED = [1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1]
CLUSTERS = list("aaabbbcccddeeefffgghhh")
# Twelve rows, each the mean of four samples (same origin).
OF_FOUR = [1, 0.75, 1, 0, 0.5, 1, 1, 0.25, 1, 1, 0.75, 1]


def passes(successes: int, n: int) -> list[float]:
    return [1.0] * successes + [0.0] * (n - successes)


@pytest.mark.parametrize(("successes", "n", "low", "high"), NEWCOMBE)
def test_plain_rows_have_wilsons_interval(successes: int, n: int, low: float, high: float) -> None:
    estimate = mean_estimate(passes(successes, n))
    assert estimate.value == pytest.approx(successes / n)
    assert estimate.low == pytest.approx(low, abs=1e-9)
    assert estimate.high == pytest.approx(high, abs=1e-9)
    assert (estimate.n, estimate.units, estimate.n_eff) == (n, n, n)
    assert estimate.method == "Wilson"
    assert estimate.df is None


def test_unequal_clusters() -> None:
    estimate = mean_estimate(CLUSTERED, CLUSTERS)
    assert estimate.value == pytest.approx(0.727272727273, abs=1e-9)
    assert estimate.se == pytest.approx(0.117010976235, abs=1e-9)
    assert estimate.n_eff == pytest.approx(14.4868067216, abs=1e-9)
    assert (estimate.n, estimate.units, estimate.df) == (22, 8, 7)
    assert estimate.low == pytest.approx(0.420584251312, abs=1e-9)
    assert estimate.high == pytest.approx(0.907378128201, abs=1e-9)
    assert estimate.method == "Wilson on effective n, t(7)"


def test_equal_clusters_have_millers_variance_with_its_small_sample_factor() -> None:
    # Miller 2024, clustered standard error, times sqrt(G / (G - 1)).
    scores, n_clusters, size = CLUSTERED[:20], 5, 4
    estimate = mean_estimate(scores, np.repeat(np.arange(n_clusters), size))
    residuals = np.array(scores).reshape(n_clusters, size) - np.mean(scores)
    clustered = (residuals.sum(axis=1) ** 2).sum() / 20**2
    assert estimate.se == pytest.approx(np.sqrt(clustered * n_clusters / (n_clusters - 1)))
    assert estimate.se == pytest.approx(0.0935414346693, abs=1e-9)


def test_averaged_samples() -> None:
    estimate = mean_estimate(OF_FOUR)
    assert estimate.value == pytest.approx(0.770833333333, abs=1e-9)
    assert estimate.se == pytest.approx(0.0995174595108, abs=1e-9)
    assert estimate.n_eff == pytest.approx(17.8366533865, abs=1e-9)
    assert estimate.df == 11
    assert estimate.low == pytest.approx(0.510315179316, abs=1e-9)
    assert estimate.high == pytest.approx(0.915659215283, abs=1e-9)


def test_no_row_gives_no_value() -> None:
    estimate = mean_estimate([])
    assert (estimate.value, estimate.low, estimate.high, estimate.se) == (None, None, None, None)
    assert (estimate.n, estimate.units, estimate.n_eff) == (0, 0, None)
    assert estimate.note == "no scored rows"


@pytest.mark.parametrize(
    ("scores", "clusters", "value"), [([0.5], None, 0.5), ([1, 0, 1, 0], ["a"] * 4, 0.5)]
)
def test_one_unit_gives_a_value_without_interval(
    scores: list[float], clusters: list[str] | None, value: float
) -> None:
    estimate = mean_estimate(scores, clusters)
    assert estimate.value == value
    assert (estimate.low, estimate.high, estimate.se) == (None, None, None)
    assert estimate.units == 1
    assert estimate.note is not None
    assert "only one independent unit" in estimate.note


@pytest.mark.parametrize(("value", "low", "high"), [(1, 0.838875, 1.0), (0, 0.0, 0.161125)])
def test_all_alike_still_has_width(value: float, low: float, high: float) -> None:
    estimate = mean_estimate([value] * 20)
    assert estimate.low == pytest.approx(low, abs=1e-6)
    assert estimate.high == pytest.approx(high, abs=1e-6)
    assert estimate.se == 0


def test_identical_partial_scores_count_units_and_say_so() -> None:
    estimate = mean_estimate([0.3] * 12)
    assert estimate.n_eff == 12
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.high - estimate.low > 0.3
    assert estimate.note == "no variation: cached answers?"


def test_clusters_with_equal_means_count_as_units_whatever_the_rounding() -> None:
    estimate = mean_estimate([0.1, 0.2, 0.3] * 11, np.repeat(np.arange(11), 3))
    assert estimate.se == 0
    assert estimate.n_eff == 11


def test_all_passing_clusters_count_once_each() -> None:
    estimate = mean_estimate([1.0] * 20, np.repeat(np.arange(5), 4))
    assert estimate.n_eff == 5
    assert estimate.high == 1.0
    assert estimate.low is not None
    assert estimate.low < 0.5


@pytest.mark.parametrize("bad", [1.0001, -0.1, float("nan"), float("inf")])
def test_a_score_outside_its_range_is_refused_not_clipped(bad: float) -> None:
    with pytest.raises(ValueError, match=r"not a number in \[0, 1\]"):
        mean_estimate([0.5, bad])


def test_every_row_needs_its_cluster() -> None:
    with pytest.raises(ValueError, match="2 cluster labels for 3 rows"):
        mean_estimate([0, 1, 1], ["a", "b"])


def test_lower_confidence_is_narrower() -> None:
    wide, narrow = mean_estimate(OF_FOUR), mean_estimate(OF_FOUR, confidence=0.8)
    assert wide.low is not None and wide.high is not None
    assert narrow.low is not None and narrow.high is not None
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.confidence == 0.8


def test_wilson_stays_within_0_and_1() -> None:
    assert wilson(0.0, 1e-3, 2.0)[0] == 0.0
    assert wilson(1.0, 5.0, 2.0)[1] == 1.0
    low, high = wilson(0.5, 0.5, 3.0)
    assert 0 < low < 0.5 < high < 1


def test_quantiles() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([0.0, 10.0], 0.95) == pytest.approx(9.5)
    assert quantile([], 0.5) is None


def test_results_can_be_imported_without_numpy() -> None:
    code = (
        "import sys, evalkit.analysis.results, evalkit.stats.estimates;"
        "sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
