"""What several samples of each case tell: pass@k, pass^k, majority@k, and where scores vary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalkit.analysis.outcomes import CaseScores, Graded
from evalkit.analysis.results import SampleMetric
from evalkit.analysis.trials import Trials
from evalkit.analysis.votes import Votes
from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.estimates import mean_estimate
from evalkit.stats.sampling import (
    VarianceSplit,
    pass_at_k,
    pass_hat_k,
    split_variance,
)

MAX_VOTES = 64
"""Majorities of more samples are told of all samples only."""


def sample_metrics(
    trials: Trials, graded: Graded, scores: CaseScores, row: int, confidence: float
) -> Iterator[SampleMetric]:
    """The metrics of one variant for k = 2, 4, 8 … and the most samples a case has.

    ``right`` means a score of 1. Majorities need a scorer that reads out answers, and k >= 3.
    """
    samples = scores.samples[row]
    most = int(samples.max(initial=0))
    if most < 2:
        return
    ours = (trials.variant == row) & ~graded.is_missing & ~trials.is_repeat
    right = np.bincount(trials.case[ours & (graded.score == 1)], minlength=len(samples))
    votes = Votes(trials, graded.scorer, graded.score, ours)
    for k in _ks(most):
        yield _metric("pass@k", k, pass_at_k(samples, right, k), trials, samples, confidence)
        yield _metric("pass^k", k, pass_hat_k(samples, right, k), trials, samples, confidence)
        if votes.any and (3 <= k <= MAX_VOTES or k == most >= 3):
            yield _metric("majority@k", k, votes.scores(k), trials, samples, confidence)


def case_variance(scores: CaseScores, row: int) -> VarianceSplit | None:
    """Between and within the cases of one variant; None where no case has two samples averaged."""
    if np.isnan(scores.within[row]).all():
        return None
    seen = scores.samples[row] > 0
    k = scores.samples[row][seen]
    squares = np.nan_to_num(scores.within[row][seen]) * np.maximum(k - 1, 0)
    return split_variance(k, scores.mean[row][seen], squares)


def _ks(most: int) -> list[int]:
    powers = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [*powers, most]


def _metric(
    name: str,
    k: int,
    values: FloatArray,
    trials: Trials,
    samples: IntArray,
    confidence: float,
) -> SampleMetric:
    known = ~np.isnan(values)
    clusters = trials.cases.clusters
    within = np.clip(values[known], 0.0, 1.0)
    return SampleMetric(
        name=name,  # type: ignore[arg-type]
        k=k,
        value=mean_estimate(within, None if clusters is None else clusters[known], confidence),
        n_left_out=int(((samples > 0) & ~known).sum()),
    )
