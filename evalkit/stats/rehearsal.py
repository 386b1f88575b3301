"""What a gate would do: many runs of it at once, drawn from what the bank knows of each row.

The same processes as in ``sequential.py`` over arrays of runs; a test holds them to one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.sequential import (
    CAP,
    LEAST_SPREAD,
    LEAST_TO_GO,
    PRIOR_UNITS,
    Design,
)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Where each run passed and failed, counted from 1; 0 where it never did."""

    pass_at: IntArray
    fail_at: IntArray
    units: int

    @property
    def passes(self) -> float:
        """The share of runs in which a pass was proven first."""
        return float(((self.pass_at > 0) & ~self._failed_first).mean())

    @property
    def fails(self) -> float:
        """The share in which a loss was proven first."""
        return float(self._failed_first.mean())

    @property
    def used(self) -> float:
        """Mean units seen before either was proven, or the data set was over."""
        at = np.stack([self.pass_at, self.fail_at])
        return float(np.where(at > 0, at, self.units).min(axis=0).mean())

    @property
    def _failed_first(self) -> BoolArray:
        first = (self.pass_at == 0) | (self.fail_at < self.pass_at)
        return np.asarray((self.fail_at > 0) & first, dtype=np.bool_)


def rehearse(differences: FloatArray, design: Design, sizes: IntArray | None = None) -> Runs:
    """Feed ``differences`` (runs x units) to a gate a run, all units of each.

    With ``sizes`` (rows in each unit) the differences are sums over the rows of a unit.
    """
    margin, largest = design.margin, design.largest
    rows = np.ones(differences.shape[1]) if sizes is None else sizes
    gains = (differences + rows * margin) / largest
    scaled = differences / largest
    return Runs(
        _crossings(gains, scaled, design, design.alpha_pass, 1 - margin),
        _crossings(-scaled, scaled, design, design.alpha_fail, 1.0, True),
        differences.shape[1],
    )


def _crossings(
    gains: FloatArray,
    deviations: FloatArray,
    design: Design,
    alpha: float,
    span: float,
    adapts: bool = False,
) -> IntArray:
    runs, units = gains.shape
    margin, goal = design.unit_margin, log(1 / alpha)
    won = np.zeros(runs)
    log_e = np.zeros(runs)
    squares = np.full(runs, PRIOR_UNITS * design.variance)
    crossed = np.zeros(runs, dtype=np.int64)
    for t in range(units):
        spread = np.maximum(squares / (PRIOR_UNITS + t), LEAST_SPREAD)
        effect = np.full(runs, margin)
        if adapts and t >= PRIOR_UNITS:
            effect = np.maximum((PRIOR_UNITS * margin + won) / (PRIOR_UNITS + t), margin)
        kelly = effect / (spread + effect**2)
        to_go = np.maximum(goal - log_e, LEAST_TO_GO)
        star = np.sqrt(2 * to_go / (spread * max(design.units - t, 1)))
        stake = np.minimum((star + np.maximum(star, kelly)) / 2, CAP / span)
        log_e = np.where(crossed == 0, log_e + np.log1p(stake * gains[:, t]), log_e)
        squares += deviations[:, t] ** 2
        won += gains[:, t]
        crossed[(crossed == 0) & (log_e >= goal)] = t + 1
        if crossed.all():
            break
    return crossed


@dataclass(frozen=True, slots=True)
class Population:
    """Rows as a bank sees them: the mean score, and the mean variance of one answer to a row.

    Difficulties are taken from the beta distribution that has both. ``banked`` answers are behind
    the baseline's mean of a row, ``samples`` behind the candidate's.
    """

    mean: float
    within: float
    banked: int = 1
    samples: int = 1

    def draw(self, drop: float, runs: int, rows: int, seed: int = 0) -> FloatArray:
        """Differences, runs x rows, of a candidate whose mean lies ``drop`` lower."""
        generator = np.random.default_rng(seed)
        most = self.mean * (1 - self.mean)
        within = min(max(self.within, 1e-4 * most), 0.999 * most)
        spread = within / (most - within) if most > 0 else 1.0
        mean = min(max(self.mean, 1e-6), 1 - 1e-6)
        right = generator.beta(mean * spread, (1 - mean) * spread, (runs, rows))
        bank = generator.binomial(self.banked, right) / self.banked
        lost = min(1.0, max(0.0, drop / mean))
        candidate = generator.binomial(self.samples, right * (1 - lost)) / self.samples
        return np.asarray(candidate - bank, dtype=np.float64)
