"""What a majority of several samples would answer."""

from __future__ import annotations

import numpy as np

from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import BoolArray, FloatArray
from evalkit.stats.sampling import majority_shares


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
        counts = np.bincount(group, minlength=len(place))
        total = np.bincount(group, weights=score[voted], minlength=len(place))
        means = total / np.maximum(counts, 1)
        # A row a case: its answers from the rarest to the commonest, 0 where there are no more.
        of_case = place // width
        order = np.lexsort((counts, of_case))
        of_case = of_case[order]
        column = np.arange(len(order)) - np.searchsorted(of_case, of_case)
        shape = n_cases, int(column.max(initial=0)) + 1
        self._counts = np.zeros(shape, dtype=np.int64)
        self._counts[of_case, column] = counts[order]
        self._means = np.zeros(shape)
        self._means[of_case, column] = means[order]

    def scores(self, k: int) -> FloatArray:
        """The expected score of a majority of k samples, by case; nan with fewer than k.

        Cases whose answers were given equally often share one reckoning of who wins.
        """
        found = np.full(len(self._abstained), np.nan)
        pattern = np.column_stack([self._counts, self._abstained])
        enough = np.flatnonzero(pattern.sum(axis=1) >= k)
        kinds, kind = np.unique(pattern[enough], axis=0, return_inverse=True)
        shares = majority_shares(kinds[:, :-1], kinds[:, -1], k)
        found[enough] = (shares[kind.ravel()] * self._means[enough]).sum(axis=1)
        return found
