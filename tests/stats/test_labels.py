"""A judge's mean corrected by human labels: against theory, in simulation, and at its limits."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats.labels import (
    bounded_difference,
    bounded_mean,
    corrected_mean,
    rogan_gladen,
)

# 80 cases with a human label and the judge's view of them, and its view of 400 more. Expected
# values are ppi-python's, for power-tuned and for plain prediction-powered inference.
HUMAN = "10111010110101000111101111110011111011111101101111001111011011110111111111101111"
JUDGED = "10111010110101000011110111101111111111111101101111101111011001110111101111100111"
REST = (
    "111100111001011101111111110011111111100111111011100101111011111111101110101110010110111011"
    "001000100011001110111111010101110111011111011101011101101010111111010111100110011011001001"
    "011111101111110110011111110111111111010001110111111110111010100101101011001101100101111111"
    "101100010010010110111111111010011110100111011111101101111111011110011111111111100111111011"
    "0111111101111111111111010011010010011111"
)


def bits(text: str) -> np.ndarray:
    return np.array([float(bit) for bit in text])


def test_against_the_authors_program() -> None:
    tuned = corrected_mean(bits(HUMAN), bits(JUDGED), bits(REST))
    assert tuned.weight == pytest.approx(0.501034736906, abs=1e-9)
    assert tuned.mean.value == pytest.approx(0.734968957893, abs=1e-9)
    assert tuned.mean.low == pytest.approx(0.657692607129, abs=1e-9)
    assert tuned.mean.high == pytest.approx(0.812245308657, abs=1e-9)
    plain = corrected_mean(bits(HUMAN), bits(JUDGED), bits(REST), weight=1.0).mean
    assert plain.value == pytest.approx(0.72, abs=1e-9)
    assert plain.low == pytest.approx(0.627358652679, abs=1e-9)
    assert plain.high == pytest.approx(0.812641347321, abs=1e-9)


def judged(rng: np.random.Generator, n: int, right: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    human = (rng.random(n) < 0.7).astype(float)
    judge = np.where(rng.random(n) < right, human, 1 - human)
    return human, judge


def test_corrected_means_cover_where_the_judge_alone_is_wrong() -> None:
    rng = np.random.default_rng(1)
    covered, judge_alone = [], []
    for _ in range(600):
        human, judge = judged(rng, 80)
        _, rest = judged(rng, 400)
        one = corrected_mean(human, judge, rest).mean
        covered.append((one.low or 0) <= 0.7 <= (one.high or 0))
        judge_alone.append(rest.mean())
    assert np.mean(covered) >= 0.93
    assert abs(np.mean(judge_alone) - 0.7) > 0.03


def test_a_good_judge_narrows_and_a_useless_one_costs_nothing() -> None:
    rng = np.random.default_rng(2)
    human, good = judged(rng, 200, right=0.98)
    _, rest = judged(rng, 2_000, right=0.98)
    noise = (rng.random(2_200) < 0.5).astype(float)
    labels_alone = human.std() / np.sqrt(200)
    helped = corrected_mean(human, good, rest)
    useless = corrected_mean(human, noise[:200], noise[200:])
    assert (helped.mean.se or 9) < 0.6 * labels_alone
    assert (useless.mean.se or 9) <= labels_alone + 1e-12
    assert helped.weight > 0.8 > 0.2 > useless.weight


def test_weights_0_and_1_are_labels_alone_and_plain_prediction_powered_inference() -> None:
    human, judge = np.array([1.0, 0, 1, 1]), np.array([1.0, 1, 1, 0])
    rest = np.array([1.0, 1, 0, 1, 1])
    assert corrected_mean(human, judge, rest, weight=0.0).mean.value == pytest.approx(0.75)
    full = corrected_mean(human, judge, rest, weight=1.0).mean
    assert full.value == pytest.approx(0.8 + 0.0)
    assert full.se == pytest.approx(np.sqrt(0.5 / 4 + 0.16 / 5))


def test_too_few_labels_and_no_rest() -> None:
    nothing = np.array([])
    assert corrected_mean(nothing, nothing, np.ones(9)).mean.value is None
    assert corrected_mean(np.ones(1), np.ones(1), np.ones(9)).mean.low is None
    all_labelled = corrected_mean(np.array([1.0, 0]), np.array([1.0, 1]), nothing)
    assert (all_labelled.mean.value, all_labelled.weight) == (0.5, 0.0)
    constant = corrected_mean(np.ones(5), np.ones(5), np.ones(9))
    assert (constant.mean.value, constant.mean.se, constant.weight) == (1.0, 0.0, 0.0)


def test_rogan_gladen() -> None:
    assert rogan_gladen(0.8 * 0.7 + 0.1 * 0.3, 0.8, 0.9) == pytest.approx(0.7)
    assert rogan_gladen(0.0, 0.9, 0.9) == 0.0
    with pytest.raises(ValueError, match=r"must be > 0"):
        rogan_gladen(0.5, 0.5, 0.5)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("right", [0.8, 1.0])
def test_few_labels_still_cover(share: float, right: float) -> None:
    rng = np.random.default_rng(4)
    plain, bounded = [], []
    for _ in range(400):
        human = (rng.random(110) < share).astype(float)
        judge = np.where(rng.random(110) < right, human, 1 - human)
        found = corrected_mean(human[:10], judge[:10], judge[10:])
        for kept, one in ((plain, found.mean), (bounded, bounded_mean(found))):
            kept.append(one.low <= share <= one.high)  # type: ignore[operator]
    assert np.mean(bounded) >= 0.92
    assert np.mean(plain) < np.mean(bounded)


def test_a_judge_without_a_mistake_on_few_labels_is_no_certainty() -> None:
    perfect = bounded_mean(corrected_mean(np.ones(10), np.ones(10), np.ones(90)))
    assert perfect.value == 1.0
    assert perfect.low is not None
    assert 0.6 < perfect.low < 0.8
    assert perfect.high == 1.0
    same = bounded_difference(corrected_mean(np.zeros(10), np.zeros(10), np.zeros(90)))
    assert (same.low or 0) < -0.2
    assert (same.high or 0) > 0.2
    assert bounded_mean(corrected_mean(np.ones(1), np.ones(1), np.ones(9))).low is None
    assert bounded_difference(corrected_mean(np.ones(1), np.ones(1), np.ones(9))).low is None


def test_corrected_differences_cover_and_stay_in_range() -> None:
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(400):
        difficulty = rng.beta(2, 1, 240)
        human = [(rng.random(240) < p).astype(float) for p in (difficulty, 0.85 * difficulty)]
        judge = [np.where(rng.random(240) < 0.9, one, 1 - one) for one in human]
        d, f = human[0] - human[1], judge[0] - judge[1]
        one = bounded_difference(corrected_mean(d[:40], f[:40], f[40:]))
        assert one.low is not None and one.high is not None
        assert -1 <= one.low < one.high <= 1
        covered.append(one.low <= 0.1 <= one.high)
    assert np.mean(covered) >= 0.92


def test_clusters_count_once() -> None:
    rng = np.random.default_rng(8)
    human, judge = judged(rng, 40)
    _, rest = judged(rng, 200)
    alone = bounded_mean(corrected_mean(human, judge, rest))
    groups = (np.repeat(np.arange(40), 3), np.repeat(np.arange(40, 240), 3))
    tripled = [np.repeat(one, 3) for one in (human, judge, rest)]
    together = bounded_mean(corrected_mean(*tripled, clusters=groups))
    assert together.units == 40
    assert together.se == pytest.approx(alone.se, rel=0.03)
    fooled = bounded_mean(corrected_mean(*tripled))
    assert (fooled.se or 1) < 0.7 * (together.se or 0)
    one = corrected_mean(human, judge, rest, clusters=(np.zeros(40), np.zeros(200)))
    assert bounded_mean(one).low is None
