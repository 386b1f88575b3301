"""What several samples of a case make together, where a suite asks for more than their mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.analysis.trials import Reduction, Trials
from evalkit.analysis.votes import Votes
from evalkit.stats.arrays import BoolArray, FloatArray
from evalkit.stats.sampling import pass_at_k, pass_hat_k


class Reduced(NamedTuple):
    """Values by variant and case, nan where a case has fewer samples than are asked for.

    ``low`` and ``high`` take every missing sample for wrong and for right; ``answered`` leaves
    model errors out.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    answered: FloatArray


def reduce_samples(trials: Trials, scorer: str, score: FloatArray, reduction: Reduction) -> Reduced:
    """Every case's value: the chance that of k of its samples any, or all, or most are right.

    ``score`` has one grade a trial, nan where it is missing; right is a grade of 1. Where k is not
    given, it is as many samples as were asked for. Cached repeats of one answer are one sample.
    """
    k = reduction.k or int(trials.sample.max(initial=0)) + 1
    counted = ~trials.is_repeat
    missing = counted & np.isnan(score)
    graded = counted & ~missing
    answered = graded & ~trials.is_model_error
    if reduction.how == "majority":
        mean = _majority(trials, scorer, score, graded, k)
        is_short = np.isnan(mean) & (_count(trials, counted) >= k)
        return Reduced(
            mean=mean,
            low=np.where(is_short, 0.0, mean),
            high=np.where(is_short, 1.0, mean),
            answered=_majority(trials, scorer, score, answered, k),
        )
    value = pass_at_k if reduction.how == "any" else pass_hat_k
    right = _count(trials, graded & (score == 1))
    everything = _count(trials, counted)
    return Reduced(
        mean=value(_count(trials, graded), right, k),
        low=value(everything, right, k),
        high=value(everything, right + _count(trials, missing), k),
        answered=value(_count(trials, answered), right, k),
    )


def _count(trials: Trials, rows: BoolArray) -> FloatArray:
    return trials.tally(rows.astype(np.float64))


def _majority(
    trials: Trials, scorer: str, score: FloatArray, rows: BoolArray, k: int
) -> FloatArray:
    """By variant and case; nan everywhere for a scorer that reads out no answers."""
    return np.array(
        [
            _votes(trials, scorer, score, rows & (trials.variant == row), k)
            for row in range(len(trials.variants))
        ]
    ).reshape(len(trials.variants), len(trials.cases.ids))


def _votes(trials: Trials, scorer: str, score: FloatArray, ours: BoolArray, k: int) -> FloatArray:
    votes = Votes(trials, scorer, score, ours)
    return votes.scores(k) if votes.any else np.full(len(trials.cases.ids), np.nan)
