"""Several samples of one case: pass@k, pass^k, majority@k, and how scores vary.

pass@k is the chance that at least one of k samples is right (Chen et al. 2021), pass^k that all of
them are (Yao et al. 2024), both over draws without replacement from the samples there are. None of
them is extrapolated: with fewer than k samples there is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray


def pass_at_k(samples: npt.ArrayLike, right: npt.ArrayLike, k: int) -> FloatArray:
    """``1 - C(n-c, k) / C(n, k)`` for each case of n ``samples``, c of them ``right``.

    nan where there are fewer than ``k`` samples.
    """
    n = np.asarray(samples, dtype=np.float64)
    return 1.0 - _all_from(n, n - np.asarray(right, dtype=np.float64), k)


def pass_hat_k(samples: npt.ArrayLike, right: npt.ArrayLike, k: int) -> FloatArray:
    """``C(c, k) / C(n, k)`` for each case: the chance that k samples are all right."""
    n = np.asarray(samples, dtype=np.float64)
    return _all_from(n, np.asarray(right, dtype=np.float64), k)


def _all_from(n: FloatArray, group: FloatArray, k: int) -> FloatArray:
    """The chance that k draws without replacement from n all fall into a group of that size.

    A product of k factors, so that nothing overflows.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    share = np.where(n >= k, 1.0, np.nan)
    for drawn in range(k):
        share = share * np.maximum(group - drawn, 0.0) / np.maximum(n - drawn, 1.0)
    return share


@lru_cache(maxsize=4096)
def majority_at_k(counts: tuple[int, ...], k: int, abstained: int = 0) -> tuple[float, ...]:
    """The chance of each answer to win a vote of k samples drawn without replacement.

    ``counts`` says how often each answer was given, ``abstained`` how many samples gave none: they
    may be drawn but vote for nothing. Ties are split evenly. Exact, by counting. Raises
    ``ValueError`` for more draws than samples.
    """
    total = sum(counts) + abstained
    if not 1 <= k <= total:
        raise ValueError(f"{k} draws from {total} samples")
    by_count = {count: _wins(count, _without(counts, count), k, abstained) for count in counts}
    ways = comb(total, k)
    return tuple(by_count[count] / ways for count in counts)


def _without(counts: Sequence[int], one: int) -> list[int]:
    others = list(counts)
    others.remove(one)
    return others


def _wins(count: int, others: Sequence[int], k: int, abstained: int) -> float:
    """In how many of the draws an answer given ``count`` times wins; a shared win counts less."""
    won = 0.0
    for votes in range(1, min(count, k) + 1):
        # ways[(drawn, ties)]: ways to draw so many from the others, so many of them tied with us.
        ways = {(0, 0): 1}
        for other in others:
            grown: dict[tuple[int, int], int] = {}
            for (drawn, ties), number in ways.items():
                for more in range(min(other, votes, k - votes - drawn) + 1):
                    key = (drawn + more, ties + (more == votes))
                    grown[key] = grown.get(key, 0) + number * comb(other, more)
            ways = grown
        for (drawn, ties), number in ways.items():
            idle = comb(abstained, k - votes - drawn)
            won += comb(count, votes) * number * idle / (ties + 1)
    return won


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """What scores vary by: ``between`` cases and ``within`` a case, from sample to sample.

    Both are variances of one sample's score; ``icc`` is the share between cases (None where
    nothing varies). ``noise`` is the part of a case mean's variance that more samples would
    remove: ``within / k``, averaged over cases.
    """

    between: float
    within: float
    noise: float
    icc: float | None

    def of_mean(self, k: int) -> float:
        """The variance of a case's mean over ``k`` samples."""
        return self.between + self.within / k


def split_variance(
    samples: npt.ArrayLike, means: npt.ArrayLike, squares: npt.ArrayLike
) -> VarianceSplit | None:
    """One-way random-effects analysis of variance (Miller 2024, section 3), k may differ.

    For each case: how many ``samples`` it has, the mean of their scores and the sum of squared
    deviations from it. None with fewer than two cases, or where no case has two samples.
    """
    k = np.asarray(samples, dtype=np.float64)
    repeated = k >= 2
    if len(k) < 2 or not repeated.any():
        return None
    within_each = np.asarray(squares, dtype=np.float64) / np.maximum(k - 1, 1)
    within = float(within_each[repeated].mean())
    noise = float((np.where(repeated, within_each, within) / k).mean())
    between = max(0.0, float(np.var(np.asarray(means, dtype=np.float64), ddof=1)) - noise)
    total = between + within
    return VarianceSplit(between, within, noise, between / total if total > 0 else None)
