"""A gate that may stop at any row: two betting processes, each valid at every moment.

The differences d (candidate minus baseline, in [-1, 1]) come one independent unit after another in
an order fixed beforehand. A stake l chosen before a unit is seen makes

    E_pass = prod (1 + l (d + margin))      E_fail = prod (1 - l d)

non-negative martingales where the loss is just the margin, and where there is none. By Ville's
inequality either exceeds 1/a with a chance of at most a, at any sample size, for any bounded
differences and whenever one stops (Waudby-Smith and Ramdas 2024, arXiv 2010.09686). The stake is
the mean of Kelly's and of the one that would just reach 1/a by the last planned unit, after STaR-
Bets (Voracek and Orabona 2025, arXiv 2505.22422). Against a loss, Kelly's follows the loss seen so
far where that exceeds the margin: a broken candidate is found in a third fewer rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp, inf, log, log1p, sqrt

PRIOR_UNITS = 20.0
"""How many units the variance assumed beforehand counts for."""
PRIOR_VARIANCE = 0.25
"""The variance of a difference assumed where no bank tells it."""
CAP = 0.75
"""At most this share of what a process has won is at stake on one unit."""
SUSPICIOUS = 2.0
"""Above this evidence over nights, more units are asked the same night."""
LEAST_TO_GO = 0.001
LEAST_SPREAD = 1e-12
_MOST_LOG = 700.0
_LEAST_SPAN = 1e-6
_BISECTIONS = 24


@dataclass(frozen=True, slots=True)
class Design:
    """What is fixed before the first unit is seen.

    ``units`` are planned in all, ``margin`` is the loss that matters. ``alpha_pass`` bounds the
    chance to pass a loss of the margin or more, ``alpha_fail`` (already divided by the number of
    metrics) that of an alarm without any loss. ``largest`` and ``mean_size`` are rows in a unit;
    ``variance`` that of a unit's difference, as far as it is known.
    """

    margin: float
    units: int
    alpha_pass: float = 0.05
    alpha_fail: float = 0.01
    variance: float = PRIOR_VARIANCE
    largest: int = 1
    mean_size: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise ValueError(f"a margin must lie between 0 and 1, not {self.margin}")
        if self.units < 1:
            raise ValueError("a gate needs at least one unit")

    @property
    def unit_margin(self) -> float:
        """The margin of a mean-sized unit, on the scale of the largest."""
        return self.margin * self.mean_size / self.largest

    def process(self, alpha: float, span: float, *, adapts: bool = False) -> Process:
        """A process against ``1/alpha`` that bets on the margin."""
        return Process(alpha, span, self.unit_margin, self.units, self.variance, adapts=adapts)


class Process:
    """One betting process; ``log_e`` is the logarithm of what a stake of 1 has become.

    ``span`` is the most that a unit can lose it, ``effect`` what a unit is worth where the process
    should grow, ``variance`` that of a unit's gain as far as it is known, ``units`` how many are
    planned. ``adapts``: where more than the effect is seen, more is bet. A process is frozen once
    it has crossed ``log_goal``; ``crossed_at`` is that unit, from 1.
    """

    __slots__ = (
        *("_adapts", "_effect", "_gains", "_most", "_squares", "_units"),
        *("crossed_at", "log_e", "log_goal", "t"),
    )

    def __init__(
        self,
        alpha: float,
        span: float,
        effect: float,
        units: int,
        variance: float = PRIOR_VARIANCE,
        *,
        adapts: bool = False,
    ) -> None:
        self.log_goal = log(1 / alpha)
        self.log_e = 0.0
        self.t = 0
        self.crossed_at: int | None = None
        self._units = units
        self._effect = effect
        self._most = CAP / span
        self._squares = PRIOR_UNITS * variance
        self._gains = 0.0
        self._adapts = adapts

    def stake(self) -> float:
        """The bet on the next unit, from what was seen before it."""
        left = max(self._units - self.t, 1)
        spread = max(self._squares / (PRIOR_UNITS + self.t), LEAST_SPREAD)
        effect = self._effect
        if self._adapts and self.t >= PRIOR_UNITS:
            effect = max(effect, (PRIOR_UNITS * effect + self._gains) / (PRIOR_UNITS + self.t))
        kelly = effect / (spread + effect**2)
        star = sqrt(2 * max(self.log_goal - self.log_e, LEAST_TO_GO) / (spread * left))
        return min((star + max(star, kelly)) / 2, self._most)

    def feed(self, gain: float, deviation: float) -> None:
        """See one unit: what a stake of 1 gains by it, and what of it counts as variance."""
        if self.crossed_at is not None:
            return
        self.log_e += log1p(self.stake() * gain)
        self._squares += deviation * deviation
        self._gains += gain
        self.t += 1
        if self.log_e >= self.log_goal:
            self.crossed_at = self.t

    @property
    def e_value(self) -> float:
        """What a stake of 1 has become; infinite where that no longer fits a float."""
        return exp(self.log_e) if self.log_e < _MOST_LOG else inf


class Gate:
    """Both processes over the same units; see :class:`Design`.

    A missing row enters the one that may pass at its worst and the other at its best.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.passing = design.process(design.alpha_pass, 1 - design.margin)
        self.failing = design.process(design.alpha_fail, 1.0, adapts=True)
        self.seen = 0

    def update(self, low: float, high: float | None = None, size: int = 1) -> None:
        """See the next unit: the sum of its rows' differences, at worst and at best.

        Raises ValueError for a sum that ``size`` rows cannot have.
        """
        high = low if high is None else high
        most = size + 1e-9
        if not (-most <= low <= high + 1e-9 and high <= most and size <= self.design.largest):
            raise ValueError(f"{size} rows cannot differ by {low} to {high} in all")
        self.seen += 1
        self._feed(low, high, size)

    def imagine(self, low: float, high: float, size: int = 1) -> None:
        """See the next unit the other way round: each process what is missing as it would like it.

        What is settled so is no proof, but shows what the missing rows could settle.
        """
        self.seen += 1
        self._feed(high, low, size)

    def _feed(self, passing: float, failing: float, size: int) -> None:
        largest = self.design.largest
        self.passing.feed((passing + size * self.design.margin) / largest, passing / largest)
        self.failing.feed(-failing / largest, failing / largest)

    @property
    def is_settled(self) -> bool:
        """Whether either is proven."""
        return self.passing.crossed_at is not None or self.failing.crossed_at is not None


def largest_loss(
    design: Design, units: Sequence[tuple[float, int]], alpha: float | None = None
) -> float:
    """The loss that is excluded whenever one stops: the true one is smaller with 1 - alpha.

    ``units`` are the sums of differences (at their worst) and sizes, in the order seen. Found by
    inversion: the smallest margin whose process crosses ``1/alpha``. 1.0 where none is excluded.
    """
    chance = design.alpha_pass if alpha is None else alpha

    def excludes(margin: float) -> bool:
        process = replace(design, margin=margin).process(chance, 1 - margin)
        for low, size in units:
            process.feed((low + size * margin) / design.largest, low / design.largest)
            if process.crossed_at is not None:
                return True
        return False

    below, above = 0.0, 1.0
    if not excludes(1 - 1e-6):
        return 1.0
    for _ in range(_BISECTIONS):
        middle = (below + above) / 2
        if excludes(middle):
            above = middle
        else:
            below = middle
    return above


class Level:
    """Evidence that the mean of values in [0, 1] lies above a level, and that it lies below.

    ``effect`` is the distance worth finding, ``largest`` the most rows in a unit. The same bets,
    against "at most the level" and "at least".
    """

    def __init__(
        self,
        level: float,
        units: int,
        *,
        alpha_above: float,
        alpha_below: float,
        effect: float,
        largest: int = 1,
    ) -> None:
        self.level = level
        self.largest = largest
        spread = max(level * (1 - level), 1 / (PRIOR_UNITS * PRIOR_UNITS)) / largest
        spans = max(level, _LEAST_SPAN), max(1 - level, _LEAST_SPAN)
        self.above = Process(alpha_above, spans[0], effect, units, spread, adapts=True)
        self.below = Process(alpha_below, spans[1], effect, units, spread, adapts=True)

    def update(self, low: float, high: float | None = None, size: int = 1) -> None:
        """See the next unit: the sum of its rows' values, at least and at most."""
        high = low if high is None else high
        over = (low - size * self.level) / self.largest
        under = (size * self.level - high) / self.largest
        self.above.feed(over, over)
        self.below.feed(under, under)


@dataclass(frozen=True, slots=True)
class Cusum:
    """Evidence of a loss over many nights: an e-detector in the form of a CUSUM.

    ``w <- max(w, 1) * prod (1 - stake (d + tolerance))``, an alarm when it reaches ``alarm``. The
    mean number of nights between false alarms is at least ``alarm`` (Shin, Ramdas and Rinaldo 2023,
    arXiv 2203.03532). ``tolerance`` is the loss that is put up with; it covers the bank's error.
    ``variance`` is that of a unit's difference on the scale of the ``largest`` unit.
    """

    margin: float
    variance: float = PRIOR_VARIANCE
    alarm: float = 30.0
    tolerance: float | None = None
    largest: int = 1
    mean_size: float = 1.0

    @property
    def tau(self) -> float:
        """The tolerance, a quarter of the margin by default."""
        return self.margin / 4 if self.tolerance is None else self.tolerance

    @property
    def stake(self) -> float:
        """The constant bet; small enough that no night can ruin it."""
        effect = (self.margin - self.tau) * self.mean_size / self.largest
        return min(effect / max(self.variance, 1e-6), CAP / (1 + self.tau))

    def night(self, w: float, units: Iterable[tuple[float, int]], *, is_new: bool = True) -> float:
        """What ``w`` becomes by units of one night; ``is_new``: by the first ones of another.

        ``units`` are sums of differences over the rows of a unit, and how many rows that is.
        """
        log_w = log(max(w, 1.0)) if is_new else log(max(w, LEAST_SPREAD))
        for total, size in units:
            log_w += log1p(-self.stake * (total + size * self.tau) / self.largest)
        return exp(min(log_w, _MOST_LOG))
