"""Means and differences on exactly the cases there are, of which only the answers are drawn.

Where the question is about these cases and no others, what varies is the answer of a model to
each: the variance of a mean is that of its cases' samples (Miller 2024, section 3.2), summed. It is
never wider than the variance for the population that the cases came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, wilson
from evalkit.stats.paired import Paired


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Scores case by case: the ``mean`` of so many ``samples``, and the variance ``within`` them.

    ``within`` is nan for a case of one sample, where the mean of the others stands in.
    """

    mean: FloatArray
    within: FloatArray
    samples: IntArray

    @property
    def is_repeated(self) -> bool:
        """Whether any case has two samples, without which nothing can be said."""
        return not bool(np.isnan(self.within).all())

    @property
    def noise(self) -> FloatArray:
        """The variance of each case's mean."""
        within = np.where(np.isnan(self.within), np.nanmean(self.within), self.within)
        return np.asarray(within / self.samples, dtype=np.float64)

    @property
    def freedom(self) -> FloatArray:
        """The degrees of freedom of each case's variance, at least 1."""
        return np.asarray(np.maximum(self.samples - 1, 1), dtype=np.float64)


def fixed_mean(drawn: Drawn, confidence: float = 0.95) -> Estimate:
    """The mean of scores in [0, 1] on these cases alone: Wilson's on the effective size.

    Student's t has Satterthwaite's degrees of freedom. Where no case's samples differ, each sample
    counts as one trial, so that the interval keeps a width. Needs ``is_repeated``.
    """
    n, value = len(drawn.mean), float(drawn.mean.mean())
    variance, df = _variance(drawn.noise, drawn.freedom)
    spread = value * (1 - value)
    n_eff = spread / variance if variance > 0 and spread > 0 else float(drawn.samples.sum())
    low, high = wilson(value, n_eff, critical(confidence, df))
    return Estimate(
        value=value,
        low=low,
        high=high,
        se=sqrt(variance),
        n=n,
        units=n,
        n_eff=n_eff,
        confidence=confidence,
        method=f"Wilson on effective n, these cases alone, t({df})",
        note=None if variance > 0 else "no sample differs from another of its case",
        df=df,
    )


def fixed_pair(candidate: Drawn, baseline: Drawn) -> Paired:
    """Differences on the same cases alone, made ready for Tango's formula.

    Gains and losses are reckoned between single samples, of which cases with equal means have some,
    too; else as :func:`evalkit.stats.paired.pair`. Both need ``is_repeated``.
    """
    d = candidate.mean - baseline.mean
    noise = np.concatenate([candidate.noise, baseline.noise])
    variance, df = _variance(noise, np.concatenate([candidate.freedom, baseline.freedom]), len(d))
    value = float(d.mean())
    apart = sum(one.noise * (one.samples - 1) for one in (candidate, baseline))
    discordance = max(float(np.abs(d).mean()), float((d**2 + apart).mean()))
    spread = discordance - value**2
    draws = float((candidate.samples.sum() + baseline.samples.sum()) / 2)
    n_eff = spread / variance if variance > 0 and spread > 0 else draws
    return Paired(
        value=value,
        variance=variance,
        n=len(d),
        units=len(d),
        gains=n_eff * (discordance + value) / 2,
        losses=n_eff * (discordance - value) / 2,
        n_eff=n_eff,
        df=df,
    )


def _variance(noise: FloatArray, freedom: FloatArray, n: int | None = None) -> tuple[float, int]:
    """The variance of a mean over ``n`` cases, and Satterthwaite's degrees of freedom, rounded."""
    total = float(noise.sum())
    if total == 0:
        return 0.0, int(freedom.sum())
    df = total**2 / float((noise**2 / freedom).sum())
    return total / (n or len(noise)) ** 2, max(1, int(df))
