"""A judge's comparison as humans would have had it, from labels of some answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import Comparison
from evalkit.stats.arrays import FloatArray

OFF, ON = variant(), variant(8)
N, LABELLED = 400, 120


def compared(labels: FloatArray | None, judge: np.ndarray) -> Comparison:
    trials = run_of({OFF: judge[0].tolist(), ON: judge[1].tolist()})
    (one,) = analyse(replace(trials, labels=labels), Options(seed=1)).comparisons
    return one


def judged(seed: int, favour: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What humans and a judge say of both; the judge passes more of the second than it should."""
    rng = np.random.default_rng(seed)
    human = np.stack([rng.random(N) < 0.6, rng.random(N) < 0.6]).astype(float)
    judge = np.where(rng.random((2, N)) < 0.9, human, 1 - human)
    judge[1] = np.maximum(judge[1], rng.random(N) < favour)
    return human, judge


def test_a_judge_that_favours_one_is_put_right() -> None:
    human, judge = judged(3, favour=0.5)
    human[:, LABELLED:] = np.nan
    one = compared(human, judge)
    assert one.verdict == "superior"
    assert one.corrected is not None
    assert one.corrected.low is not None and one.corrected.high is not None
    assert one.corrected.low < 0 < one.corrected.high
    assert one.corrected.units == LABELLED


def test_without_labels_of_both_nothing_is_corrected() -> None:
    human, judge = judged(4)
    assert compared(None, judge).corrected is None
    one_side = human.copy()
    one_side[0] = np.nan
    assert compared(one_side, judge).corrected is None
    few = human.copy()
    few[:, 9:] = np.nan
    assert compared(few, judge).corrected is None


def test_one_label_for_every_variants_answer_tells_no_difference() -> None:
    human, judge = judged(5)
    assert compared(np.stack([human[0], human[0]]), judge).corrected is None


@pytest.mark.parametrize("seed", [6, 7])
def test_everything_labelled_is_the_human_difference(seed: int) -> None:
    human, judge = judged(seed)
    one = compared(human, judge)
    assert one.corrected is not None
    assert one.corrected.value == pytest.approx((human[1] - human[0]).mean())


def test_agreement_with_people_counts_clusters_not_cases() -> None:
    rng = np.random.default_rng(6)
    human = (rng.random(20) < 0.6).astype(float)
    judge = np.where(rng.random(20) < 0.8, human, 1 - human)
    copied = [np.repeat(one, 4).tolist() for one in (human, judge)]
    clusters = [f"g{case // 4}" for case in range(80)]
    trials = run_of({OFF: copied[1]}, clusters=clusters)
    trials = replace(trials, labels=np.array([copied[0]]))
    (check,) = analyse(trials, Options(seed=1)).judged
    assert (check.agreement.n, check.agreement.units) == (80, 20)
    for share in (check.sensitivity, check.specificity):
        assert share is not None
        assert share.units == share.n / 4
