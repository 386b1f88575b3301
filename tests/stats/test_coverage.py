"""Seeded simulations: intervals cover the truth as often as they say, tests err as rarely."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from regimes import DIFFERENCES, MEANS, Regime, Rng
from scipy import stats

from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.paired import difference_estimate, pair
from evalkit.stats.unpaired import unpaired

RUNS = 1_000
BAR = 0.93
"""Nominal 95 %, from 20 units up; the Monte-Carlo error of 1,000 runs is 0.7 points."""
SLOW_RUNS = 10_000
PROMISED = 0.94
"""What is promised from 10 units up."""
DOUBT = 2 * np.sqrt(0.05 * 0.95 / SLOW_RUNS)
"""Twice the Monte-Carlo error of the slow simulations."""


def coverage(regime: Regime, estimate: Callable[..., Estimate], units: int, runs: int) -> float:
    rng = np.random.default_rng(20)
    found = [estimate(*regime.draw(rng, units)) for _ in range(runs)]
    return float(np.mean([one.low <= regime.truth <= one.high for one in found]))  # type: ignore[operator]


@pytest.mark.parametrize("regime", MEANS.values(), ids=MEANS)
def test_means(regime: Regime) -> None:
    assert coverage(regime, mean_estimate, 20, RUNS) >= BAR


@pytest.mark.parametrize("regime", DIFFERENCES.values(), ids=DIFFERENCES)
def test_differences(regime: Regime) -> None:
    assert coverage(regime, difference_estimate, 20, RUNS) >= BAR


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


@pytest.mark.slow
@pytest.mark.parametrize("units", [10, 20, 50, 300])
@pytest.mark.parametrize("regime", MEANS.values(), ids=MEANS)
def test_promised_means(regime: Regime, units: int) -> None:
    assert coverage(regime, mean_estimate, units, SLOW_RUNS) >= PROMISED - DOUBT


@pytest.mark.slow
@pytest.mark.parametrize("units", [10, 20, 50, 300])
@pytest.mark.parametrize("regime", DIFFERENCES.values(), ids=DIFFERENCES)
def test_promised_differences(regime: Regime, units: int) -> None:
    assert coverage(regime, difference_estimate, units, SLOW_RUNS) >= PROMISED - DOUBT


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 50, 100, 300])
def test_promised_plain_means_over_all_shares(n: int) -> None:
    # Exact, by weighing every number of passes: 0/1 rows swing around the nominal level, so the
    # promise is for the mean over shares.
    ends = [mean_estimate([1.0] * k + [0.0] * (n - k)) for k in range(n + 1)]
    found = []
    for share in np.linspace(0.02, 0.98, 49):
        weights = stats.binom.pmf(np.arange(n + 1), n, share)
        inside = [one.low <= share <= one.high for one in ends]  # type: ignore[operator]
        found.append(float(weights @ inside))
    assert np.mean(found) >= PROMISED


def _odds(discordant: float, loss: float) -> list[float]:
    """Shares of losses, ties and gains that make up this loss."""
    return [(discordant + loss) / 2, 1 - discordant, (discordant - loss) / 2]


def _drawn(rng: Rng, n: int, odds: list[float]) -> list[np.ndarray]:
    return [rng.choice([-1.0, 0.0, 1.0], n, p=odds) for _ in range(2_000)]


ALLOWED = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2_000)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 100, 1_000])
@pytest.mark.parametrize("discordant", [0.1, 0.3])
def test_promised_error_of_no_difference(n: int, discordant: float) -> None:
    draws = [pair(d) for d in _drawn(np.random.default_rng(33), n, _odds(discordant, 0.0))]
    assert np.mean([one is not None and one.p_value() < 0.05 for one in draws]) <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 100, 1_000])
@pytest.mark.parametrize("discordant", [0.1, 0.3])
def test_promised_error_of_the_margin(n: int, discordant: float) -> None:
    draws = [pair(d) for d in _drawn(np.random.default_rng(35), n, _odds(discordant, 0.05))]
    assert np.mean([one is not None and one.is_non_inferior(0.05) for one in draws]) <= ALLOWED
    # Equivalence is the harder claim.
    equal = [one is not None and one.is_equivalent(0.05) for one in draws]
    assert np.mean(equal) <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 30, 100])
def test_promised_unpaired_differences(n: int) -> None:
    rng = np.random.default_rng(34)
    found = []
    for _ in range(2_000):
        sides = [mean_estimate((rng.random(n) < share).astype(float)) for share in (0.8, 0.6)]
        one = unpaired(*sides)
        assert one is not None
        low, high = one.interval(0.95)
        found.append(low <= 0.2 <= high)
    assert np.mean(found) >= PROMISED - 2 * 0.005
