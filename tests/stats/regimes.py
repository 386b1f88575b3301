"""Where coverage is promised: ways that scores and differences of scores come about, with truth.

Each draws the data of so many independent units: values in [0, 1] (means) or [-1, 1]
(differences), one a row, and the unit of every row or None where rows are the units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray

Rng = np.random.Generator
Drawn = tuple[FloatArray, IntArray | None]


class Regime(NamedTuple):
    """What is drawn and its true mean."""

    draw: Callable[[Rng, int], Drawn]
    truth: float


def _right(rng: Rng, chance: FloatArray | float, n: int) -> FloatArray:
    return np.asarray(rng.random(n) < chance, dtype=np.float64)


def _plain(rng: Rng, n: int) -> Drawn:
    return _right(rng, 0.8, n), None


def _four_samples(rng: Rng, n: int) -> Drawn:
    return rng.binomial(4, rng.beta(2, 0.5, n)) / 4, None


def _skewed(rng: Rng, n: int) -> Drawn:
    return rng.beta(4, 1, n), None


def _clusters(rng: Rng, n: int) -> Drawn:
    # Beta-binomial with an intraclass correlation of 0.3.
    a = 0.7 * (1 / 0.3 - 1)
    units = np.repeat(np.arange(n), 5)
    return _right(rng, rng.beta(a, a * 0.3 / 0.7, n)[units], 5 * n), units


def _unequal_clusters(rng: Rng, n: int) -> Drawn:
    a = 0.7 * (1 / 0.3 - 1)
    units = np.repeat(np.arange(n), rng.integers(1, 10, n))
    return _right(rng, rng.beta(a, a * 0.3 / 0.7, n)[units], len(units)), units


def _steep_clusters(rng: Rng, n: int) -> Drawn:
    # Most clusters have one row or two, a few up to thirty.
    units = np.repeat(np.arange(n), np.minimum(30, 1 + rng.pareto(1.2, n).astype(int)))
    return _right(rng, rng.beta(1, 0.5, n)[units], len(units)), units


STEEP = Regime(_steep_clusters, 2 / 3)
"""Too unequal for few clusters: some carry as much as all others together."""

MEANS = {
    "0/1 rows": Regime(_plain, 0.8),
    "4 samples a row": Regime(_four_samples, 0.8),
    "continuous, skewed": Regime(_skewed, 0.8),
    "clusters of 5": Regime(_clusters, 0.7),
    "clusters of 1 to 9": Regime(_unequal_clusters, 0.7),
}


def _plain_pairs(rng: Rng, n: int) -> Drawn:
    return rng.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.7, 0.2]), None


def _sampled_pairs(rng: Rng, n: int) -> Drawn:
    p = 0.1 + 0.8 * rng.beta(2, 1, n)
    return (rng.binomial(4, p + 0.1) - rng.binomial(4, p)) / 4, None


def _saturated_pairs(rng: Rng, n: int) -> Drawn:
    # Seven rows of ten are always right under both.
    p = np.where(rng.random(n) < 0.7, 1.0, 0.6 * rng.random(n))
    higher = np.where(p < 1, p + 1 / 3, 1.0)
    return (rng.binomial(4, higher) - rng.binomial(4, p)) / 4, None


def _banked_pairs(rng: Rng, n: int) -> Drawn:
    # One answer against the mean of eight stored ones, nothing changed.
    p = rng.beta(2, 0.5, n)
    return _right(rng, p, n) - rng.binomial(8, p) / 8, None


def _lopsided_pairs(rng: Rng, n: int) -> Drawn:
    # The same ten points better: small gains on most rows, large losses on few.
    p = 0.9 * rng.beta(2, 0.5, n)
    return _right(rng, p + 0.1, n) - rng.binomial(8, p) / 8, None


def _tied_pairs(rng: Rng, n: int) -> Drawn:
    return rng.choice([-0.5, 0.0, 0.5, 1.0], n, p=[0.05, 0.75, 0.15, 0.05]), None


def _clustered_pairs(rng: Rng, n: int) -> Drawn:
    units = np.repeat(np.arange(n), 5)
    lift = rng.uniform(-0.1, 0.3, n)[units]
    return -_right(rng, 0.2, 5 * n) + _right(rng, 0.2 + lift, 5 * n), units


def _continuous_pairs(rng: Rng, n: int) -> Drawn:
    return rng.beta(3, 2, n) - rng.beta(2.5, 2.5, n), None


DIFFERENCES = {
    "0/1 rows": Regime(_plain_pairs, 0.1),
    "4 samples a row": Regime(_sampled_pairs, 0.1),
    "4 samples, saturated": Regime(_saturated_pairs, 0.1),
    "1 against a bank of 8": Regime(_banked_pairs, 0.0),
    "partial credit, many ties": Regime(_tied_pairs, 0.1),
    "clusters of 5": Regime(_clustered_pairs, 0.1),
    "continuous": Regime(_continuous_pairs, 0.1),
}

LOPSIDED = Regime(_lopsided_pairs, 0.1)
"""Too skewed for any formula on few units: what has not happened yet cannot be seen."""

TABLES = (
    (0.10, 0.10),
    (0.05, 0.02),
    (0.20, 0.10),
    (0.30, 0.05),
    (0.02, 0.02),
)
"""True shares of gains and losses of paired 0/1 rows."""

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
"""True shares of single 0/1 rows."""
