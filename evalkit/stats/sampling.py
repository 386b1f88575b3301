"""Several samples of one case: pass@k, pass^k, majority@k, and how scores vary.

pass@k is the chance that at least one of k samples is right (Chen et al. 2021), pass^k that all of
them are (Yao et al. 2024), both over draws without replacement from the samples there are. None of
them is extrapolated: with fewer than k samples there is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray, IntArray


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


_CELLS = 4_000_000
"""So many numbers are held for the cases that are reckoned together."""


def majority_at_k(counts: Sequence[int], k: int, abstained: int = 0) -> tuple[float, ...]:
    """The chance of each answer to win a vote of k samples drawn without replacement.

    ``counts`` says how often each answer was given, ``abstained`` how many samples gave none: they
    may be drawn but vote for nothing. Ties are split evenly. Raises ``ValueError`` for more draws
    than samples.
    """
    one = np.array([counts], dtype=np.int64).reshape(1, -1)
    return tuple(majority_shares(one, np.array([abstained]), k)[0].tolist())


def majority_shares(counts: IntArray, abstained: IntArray, k: int) -> FloatArray:
    """:func:`majority_at_k` of many cases: cases x answers, a count of 0 where there is none.

    Exact up to rounding: by counting draws, as coefficients of polynomials.
    """
    totals = counts.sum(axis=1) + abstained
    if len(totals) and not 1 <= k <= totals.min():
        raise ValueError(f"{k} draws from {totals.min()} samples")
    shares = np.zeros(counts.shape)
    is_whole = totals == k
    most = counts[is_whole].max(axis=1, keepdims=True, initial=1)
    first = counts[is_whole] == most
    shares[is_whole] = first / np.maximum(first.sum(axis=1, keepdims=True), 1)
    rest = np.flatnonzero(~is_whole)
    at_once = max(1, _CELLS // ((k // 2 + 1) * (k + 1) * (counts.shape[1] + 1)))
    for start in range(0, len(rest), at_once):
        part = rest[start : start + at_once]
        shares[part] = _shares_by_counting(counts[part], abstained[part], k)
    return shares


def _shares_by_counting(counts: IntArray, abstained: IntArray, k: int) -> FloatArray:
    """For each number of votes, the draws in which nobody has more; a tie of t counts 1/t.

    1/t is the integral of y^(t-1) over [0, 1], so that a y for every tie makes one polynomial of
    the others' draws, integrated exactly by as many points as its degree needs.
    """
    choose = _binomials(int(max(counts.max(initial=0), abstained.max(initial=0))), k)
    ways = np.zeros(counts.shape)
    for votes in range(1, min(k, int(counts.max(initial=0))) + 1):
        nodes, weights = np.polynomial.legendre.leggauss(k // votes // 2 + 1)
        y = (nodes + 1) / 2
        before = [np.repeat(choose[abstained][:, None, :], len(y), axis=1)]
        for answer in range(counts.shape[1]):
            before.append(_drawn_too(before[-1], choose[counts[:, answer]], votes, y))
        after = np.zeros_like(before[0])
        after[:, :, 0] = 1.0
        left = k - votes
        for answer in reversed(range(counts.shape[1])):
            # Draws of the others that leave room for these votes.
            others = (before[answer][:, :, : left + 1] * after[:, :, left::-1]).sum(axis=2)
            own = choose[counts[:, answer], votes]
            ways[:, answer] += own * (others @ weights) / 2
            after = _drawn_too(after, choose[counts[:, answer]], votes, y)
    total = np.array([comb(int(one), k) for one in counts.sum(axis=1) + abstained], dtype=float)
    shares: FloatArray = ways / total[:, None]
    return shares


def _drawn_too(drawn: FloatArray, chosen: FloatArray, votes: int, y: FloatArray) -> FloatArray:
    """Draws (cases x points x size) with up to ``votes`` of one further answer among them."""
    grown = drawn * chosen[:, None, :1]
    for more in range(1, votes + 1):
        if not chosen[:, more].any():
            break
        factor = chosen[:, None, more, None] * (y[:, None] if more == votes else 1.0)
        grown[:, :, more:] += drawn[:, :, : drawn.shape[2] - more] * factor
    return grown


def _binomials(largest: int, k: int) -> FloatArray:
    """``C(n, j)`` for n up to ``largest`` and j up to ``k``."""
    rows = [[float(comb(n, j)) for j in range(k + 1)] for n in range(largest + 1)]
    return np.array(rows)


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
