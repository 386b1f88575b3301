"""Several tests at once: p-values adjusted so that together they err no more often than one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log, sqrt


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given; ties are treated alike."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    by_size = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(by_size):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's (1995) adjusted p-values, in the order given.

    Calling those below q findings keeps the expected share of false ones at q.
    """
    adjusted = [0.0] * len(p_values)
    smallest = 1.0
    by_size = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank in reversed(range(len(by_size))):
        index = by_size[rank]
        smallest = min(smallest, len(p_values) * p_values[index] / (rank + 1))
        adjusted[index] = smallest
    return adjusted


def lord_levels(
    p_values: Sequence[float], alpha: float = 0.05, wealth: float | None = None
) -> list[float]:
    """The level at which each of a stream of tests is made: LORD++ (Ramdas et al. 2017).

    A test that comes is decided by those before it alone: rejected where p is at most its level.
    Calling these findings keeps the expected share of false ones at ``alpha`` at any time, for
    independent p-values. ``wealth`` in (0, alpha] is what is staked from the start (default
    alpha / 10, as in Javanmard and Montanari 2018). Raises ``ValueError`` for another one.
    """
    start = alpha / 10 if wealth is None else wealth
    if not 0 < start <= alpha:
        raise ValueError(f"the starting wealth must lie above 0 and up to {alpha}, not {start}")
    levels: list[float] = []
    found: list[int] = []
    for now, p in enumerate(p_values):
        level = start * _spent(now)
        for nth, at in enumerate(found):
            level += (alpha - start if nth == 0 else alpha) * _spent(now - at - 1)
        levels.append(level)
        if p <= level:
            found.append(now)
    return levels


def e_lond_level(now: int, found: int, alpha: float = 0.05) -> float:
    """The level of the test ``now`` (from 1) of a stream in which so many were ``found`` before.

    e-LOND (Xu and Ramdas 2024): found where its e-value is at least 1 / level. Calling these
    findings keeps the expected share of false ones at ``alpha`` at any time, whatever the e-values
    have to do with one another.
    """
    return alpha * _spent(now - 1) * (found + 1)


@lru_cache(maxsize=4096)
def _spent(steps: int) -> float:
    """The share of its wealth that a finding lends to the test so many ``steps`` later.

    The sequence of Javanmard and Montanari (2018); its constant makes the shares add up to 1.
    """
    after = steps + 1
    return 0.07720838 * log(max(after, 2)) / (after * exp(sqrt(log(after))))
