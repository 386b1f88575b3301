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
    SUSPICIOUS,
    Cusum,
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
        right, bank = self.bank(generator, (runs, rows))
        return self.answers(generator, right, drop) - bank

    def bank(
        self, generator: np.random.Generator, shape: tuple[int, ...]
    ) -> tuple[FloatArray, FloatArray]:
        """The chance to answer each row well, and what a bank saw of it."""
        most = self.mean * (1 - self.mean)
        within = min(max(self.within, 1e-4 * most), 0.999 * most)
        spread = within / (most - within) if most > 0 else 1.0
        mean = min(max(self.mean, 1e-6), 1 - 1e-6)
        right = generator.beta(mean * spread, (1 - mean) * spread, shape)
        return right, generator.binomial(self.banked, right) / self.banked

    def answers(self, generator: np.random.Generator, right: FloatArray, drop: float) -> FloatArray:
        """A candidate's row means, its overall mean ``drop`` below ``right``."""
        lost = min(1.0, max(0.0, drop / max(self.mean, 1e-6)))
        scores = generator.binomial(self.samples, right * (1 - lost)) / self.samples
        return np.asarray(scores, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Deck:
    """How nights deal units: ``sizes`` are rows in each, so many a night, ``more`` on suspicion."""

    sizes: IntArray
    a_night: int
    more: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What jobs of many nights came to: mean rows a night, alarms in all their ``nights``, the mean
    night of a job's first alarm (None: there was none), and the share of jobs without any.
    """

    rows: float
    alarms: int
    nights: int
    found_in: float | None
    missed: float


def rehearse_nights(
    population: Population,
    cusum: Cusum,
    deck: Deck,
    drop: float,
    *,
    jobs: int = 60,
    length: int = 60,
    seed: int = 0,
) -> Watch:
    """``jobs`` of ``length`` nights each; with a ``drop``, each until its first alarm."""
    generator = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(deck.sizes)[:-1]])
    seen: list[int] = []
    first: list[int] = []
    alarms = 0
    for _ in range(jobs):
        right, bank = population.bank(generator, (int(deck.sizes.sum()),))
        w, order = 1.0, np.empty(0, dtype=np.int64)
        for night in range(1, length + 1):
            if len(order) < deck.a_night:
                order = generator.permutation(len(deck.sizes))
            d = population.answers(generator, right, drop) - bank
            w, rows = _night(cusum, deck, np.add.reduceat(d, starts), order, w)
            order = order[deck.a_night :]
            seen.append(rows)
            if w >= cusum.alarm:
                alarms, w = alarms + 1, 1.0
                if drop:
                    first.append(night)
                    break
    found = float(np.mean(first)) if first else None
    missed = 1 - len(first) / jobs
    return Watch(float(np.mean(seen)), alarms, len(seen), found, missed)


def _night(
    cusum: Cusum, deck: Deck, sums: FloatArray, order: IntArray, w: float
) -> tuple[float, int]:
    """The evidence after a night, and the rows it asked; the rest of the deck serves suspicion."""
    order = np.concatenate([order, np.setdiff1d(np.arange(len(sums)), order)])
    growth = np.log1p(-cusum.stake * (sums + deck.sizes * cusum.tau) / cusum.largest)[order]
    used = min(deck.a_night, len(order))
    log_w = max(log(w), 0.0) + float(growth[:used].sum())
    while log(SUSPICIOUS) < log_w < log(cusum.alarm) and used < len(order):
        log_w += float(growth[used : used + deck.more].sum())
        used = min(used + deck.more, len(order))
    return float(np.exp(min(log_w, 700.0))), int(deck.sizes[order[:used]].sum())
