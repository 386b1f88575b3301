"""What a majority of several samples would answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import BoolArray, FloatArray
from evalkit.stats.sampling import majority_at_k


class Votes:
    """Each case's answers: how often each was given and what it scores.

    ``score`` has one grade a trial, ``ours`` says which trials vote.
    """

    def __init__(self, trials: Trials, scorer: str, score: FloatArray, ours: BoolArray) -> None:
        rows = np.flatnonzero(ours)
        n_cases = len(trials.cases.ids)
        codes = trials.answers[scorer].codes[rows]
        case, score = trials.case[rows], score[rows]
        self.any = bool((codes >= 0).any())
        self._abstained = np.bincount(case[codes < 0], minlength=n_cases)
        width = int(codes.max(initial=0)) + 1
        voted = codes >= 0
        place, group = np.unique(case[voted] * width + codes[voted], return_inverse=True)
        self._counts = np.bincount(group, minlength=len(place))
        total = np.bincount(group, weights=score[voted], minlength=len(place))
        self._means = total / np.maximum(self._counts, 1)
        self._starts = np.searchsorted(place // width, np.arange(n_cases + 1))

    def scores(self, k: int) -> FloatArray:
        """The expected score of a majority of k samples, by case; nan with fewer than k."""
        found = np.full(len(self._abstained), np.nan)
        for case, abstained in enumerate(self._abstained.tolist()):
            part = slice(self._starts[case], self._starts[case + 1])
            counts = self._counts[part]
            if int(counts.sum()) + abstained >= k:
                found[case] = _expected(counts.tolist(), self._means[part], k, abstained)
        return found


def _expected(counts: Sequence[int], means: FloatArray, k: int, abstained: int) -> float:
    order = np.argsort(counts, kind="stable")
    shares = majority_at_k(tuple(counts[place] for place in order), k, abstained)
    return float(sum(share * means[place] for share, place in zip(shares, order, strict=True)))
