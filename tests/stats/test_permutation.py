"""Sign flips: Fisher's example, exactness, seeds, agreement with brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from evalkit.stats.paired import pair
from evalkit.stats.permutation import DRAWS, is_exact, sign_flip_p

# Fisher 1935, Darwin's Zea mays in eighths of an inch: 1726 of 32768 sign patterns.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_darwins_plants() -> None:
    assert is_exact(DARWIN)
    assert sign_flip_p(DARWIN, seed=0) == pytest.approx(1726 / 32768, abs=1e-12)


def test_brute_force_agrees() -> None:
    d = np.array([0.25, -0.5, 0.0, 0.75, 0.25, 1.0, -0.25, 0.5, 0.125])
    totals = [abs(np.dot(signs, d)) for signs in product((-1, 1), repeat=len(d))]
    expected = np.mean(np.array(totals) >= abs(d.sum()) - 1e-12)
    assert sign_flip_p(d, seed=0) == pytest.approx(expected)


def test_whole_clusters_are_flipped() -> None:
    d, clusters = [0.5, 0.5, -0.25, 1.0, 0.0, 0.25], ["a", "a", "b", "c", "c", "c"]
    assert sign_flip_p(d, clusters, seed=0) == sign_flip_p([1.0, -0.25, 1.25], seed=0)


def test_nothing_to_flip() -> None:
    assert sign_flip_p([], seed=1) == 1.0
    assert sign_flip_p([0.0] * 40, seed=1) == 1.0


def test_draws_are_seeded() -> None:
    d = np.random.default_rng(5).normal(0.05, 0.3, 60).clip(-1, 1)
    assert not is_exact(d)
    assert sign_flip_p(d, seed=3) == sign_flip_p(d, seed=3)
    assert len({sign_flip_p(d, seed=seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("steps", [4, 1000])
def test_draws_agree_with_the_score_test(steps: int) -> None:
    # With few distinct sizes and with all of them distinct: two ways of drawing, one answer.
    rng = np.random.default_rng(8)
    d = (rng.normal(0.04, 0.3, 400).clip(-1, 1) * steps).round() / steps
    paired = pair(d)
    assert paired is not None
    assert sign_flip_p(d, seed=1) == pytest.approx(paired.p_value(), abs=0.02)


def test_a_drawn_p_is_never_0() -> None:
    assert sign_flip_p([0.9] * 50, seed=1) == 1 / (1 + DRAWS)
