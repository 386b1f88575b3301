"""What a fallible judge says, corrected by human labels for some of the cases.

PPI++ (Angelopoulos, Bates et al. 2023, arXiv 2301.09633 and 2311.01453): the judge's mean on the
cases without a label plus the mean error it made where there is one, weighted so that a poor judge
costs nothing. The labelled cases must be a random part of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt

from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, wilson, without_interval
from evalkit.stats.jackknife import unit_mean


@dataclass(frozen=True, slots=True)
class Corrected:
    """The corrected mean; ``weight`` in [0, 1] is how far the judge was trusted."""

    mean: Estimate
    weight: float


def corrected_mean(
    human: FloatArray,
    judge_on_labelled: FloatArray,
    judge_on_rest: FloatArray,
    *,
    confidence: float = 0.95,
    weight: float | None = None,
    clusters: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Corrected:
    """The mean that humans would have given, from ``human`` labels and a judge everywhere.

    ``weight`` None chooses the one with the least variance; ``clusters`` are those of the labelled
    cases and of the rest, where cases are not independent. Not bounded to the scores' range by
    itself: see :func:`bounded_mean`.
    """
    n, rest = len(human), len(judge_on_rest)
    if n < 2:
        return Corrected(without_interval(float(human.mean()) if n else None, n, confidence), 0.0)
    if rest < 2:
        weight = 0.0
    if weight is None:
        weight = _best_weight(human, judge_on_labelled, judge_on_rest)
    error = human - weight * judge_on_labelled
    labelled, unlabelled = clusters or (None, None)
    variance, units = _variance(error, labelled)
    value = float(error.mean())
    if rest >= 2:
        value += weight * float(judge_on_rest.mean())
        variance += weight**2 * _variance(judge_on_rest, unlabelled)[0]
    if units < 2:
        return Corrected(without_interval(value, n, confidence), weight)
    reach = critical(confidence, None) * sqrt(variance)
    return Corrected(
        Estimate(
            value=value,
            low=value - reach,
            high=value + reach,
            se=sqrt(variance),
            n=n + rest,
            units=units,
            n_eff=None,
            confidence=confidence,
            method=f"PPI++ with {n:,} labels",
            note="no variation between rows" if variance == 0 else None,
        ),
        weight,
    )


def _variance(values: FloatArray, clusters: npt.ArrayLike | None) -> tuple[float, int]:
    """The variance of a mean and its independent units; that of the sample without clusters."""
    if clusters is None:
        return float(values.var()) / len(values), len(values)
    mean = unit_mean(values, clusters)
    return mean.variance or 0.0, mean.units


def bounded_mean(corrected: Corrected) -> Estimate:
    """The corrected mean of scores in [0, 1] with an interval that stays there.

    Wilson's on the effective size, with Student's t on labels - 1 degrees of freedom: few labels
    on which the judge made no mistake prove nothing, and the interval never has zero width.
    """
    mean = corrected.mean
    if mean.value is None or mean.se is None:
        return mean
    value, df = min(1.0, max(0.0, mean.value)), mean.units - 1
    variance = mean.se**2 * mean.units / df
    spread = value * (1 - value)
    n_eff = spread / variance if variance > 0 and spread > 0 else float(mean.units)
    low, high = wilson(value, n_eff, critical(mean.confidence, df))
    return replace(mean, value=value, low=low, high=high, n_eff=n_eff, df=df)


def bounded_difference(corrected: Corrected) -> Estimate:
    """The corrected mean of differences in [-1, 1], as :func:`bounded_mean` for means.

    Where nothing varies the interval is as wide as Tango's for pairs that all agree.
    """
    mean = corrected.mean
    if mean.value is None or mean.se is None:
        return mean
    df = mean.units - 1
    limit = critical(mean.confidence, df)
    least = limit**2 / (mean.units + limit**2)
    reach = limit * mean.se * sqrt(mean.units / df) if mean.se > 0 else least
    value = min(1.0, max(-1.0, mean.value))
    return replace(
        mean, value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach), df=df
    )


def _best_weight(human: FloatArray, judge: FloatArray, rest: FloatArray) -> float:
    spread = float(np.concatenate([judge, rest]).var(ddof=1))
    if spread == 0:
        return 0.0
    together = float(np.cov(human, judge)[0, 1])
    return float(np.clip(together / ((1 + len(human) / len(rest)) * spread), 0.0, 1.0))


def rogan_gladen(share: float, sensitivity: float, specificity: float) -> float:
    """The true share behind a judge's ``share`` of passes, within [0, 1] (Rogan, Gladen 1978).

    For a sensitivity and specificity known from elsewhere. Raises ``ValueError`` for a judge no
    better than chance.
    """
    power = sensitivity + specificity - 1
    if power <= 0:
        raise ValueError("sensitivity + specificity - 1 must be > 0")
    return min(1.0, max(0.0, (share + specificity - 1) / power))
