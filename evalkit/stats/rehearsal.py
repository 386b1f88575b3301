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


def rehearse(differences: FloatArray, design: Design) -> Runs:
    """Feed ``differences`` (runs x units of one row each) to a gate a run, all units of each."""
    margin = design.margin
    return Runs(
        _crossings(differences + margin, differences, design, design.alpha_pass, 1 - margin),
        _crossings(-differences, differences, design, design.alpha_fail, 1.0, True),
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


def draw_differences(
    bank: FloatArray, drop: float, *, runs: int, samples: int = 1, seed: int = 0
) -> FloatArray:
    """Differences of a candidate whose mean lies ``drop`` below the bank's; runs x rows, shuffled.

    ``bank`` are row means of 0/1 scores in [0, 1]. Every right answer is lost with the same chance,
    or every wrong one gained.
    """
    generator = np.random.default_rng(seed)
    mean = float(bank.mean())
    room = mean if drop >= 0 else 1 - mean
    share = min(1.0, abs(drop) / room) if room > 0 else 0.0
    chance = bank * (1 - share) if drop >= 0 else bank + (1 - bank) * share
    rows = generator.permuted(np.tile(np.arange(len(bank)), (runs, 1)), axis=1)
    right = generator.binomial(samples, chance[rows]) / samples
    return np.asarray(right - bank[rows], dtype=np.float64)
