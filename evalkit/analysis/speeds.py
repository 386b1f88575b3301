"""How service times are spread, each variant's on the same scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.trials import Trials

BINS = 36
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Speed:
    """Service times of one variant's answers, in seconds.

    ``quantiles`` are those of 5, 25, 50, 75 and 95 %. ``counts`` are the answers between each two
    of ``edges_s``, which are the same for all variants and equally far apart in ratio.
    """

    variant: str
    n: int
    quantiles_s: tuple[float, ...]
    longest_s: float
    edges_s: tuple[float, ...]
    counts: tuple[int, ...]


def speeds(trials: Trials) -> Iterator[Speed]:
    """Every variant with an answer whose time is known and not 0."""
    elapsed = trials.numbers["elapsed_s"]
    known = trials.is_answered & (elapsed > 0)
    if not known.any():
        return
    low, high = np.quantile(elapsed[known], [0.001, 0.999])
    edges = np.geomspace(low, max(high, low * 1.5), BINS + 1)
    for row, variant in enumerate(trials.variants):
        times = elapsed[known & (trials.variant == row)]
        if len(times):
            # The few outside the edges belong to the outermost bins.
            counts, _ = np.histogram(np.clip(times, edges[0], edges[-1]), edges)
            yield Speed(
                variant.key,
                len(times),
                tuple(np.quantile(times, _SHARES).tolist()),
                float(times.max()),
                tuple(edges.tolist()),
                tuple(counts.tolist()),
            )
