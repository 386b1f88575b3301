"""The tests behind a gate's rules, each fed unit by unit in an order fixed beforehand.

A unit is a cluster of cases, or a case. Sequential tests may stop at any unit; the others look
once, at the end. What a test needs is bound when it is made, before the first answer is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.verdicts import Bound
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.sequential import PRIOR_VARIANCE, Design, Gate, Level, Process

Kind = Literal["drop", "floor", "ceiling", "fixed", "amount", "fact"]
SEQUENTIAL: tuple[Kind, ...] = ("drop", "floor", "ceiling")
LEAST_VARIANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One bound of one rule, on one variant and tag.

    ``measure`` is looked at on the ``members``: positions of cases by unit, in the planned order,
    of which each is over after so many cases of the whole run (``places``).
    ``base`` is the baseline's mean by case (None: an absolute bound), ``sign`` -1 where more is
    worse. ``limit`` is in the measure's unit, ``share`` that of answers which may lie above it
    (quantiles). ``variance`` is that of one case's difference, as the bank knows it.
    """

    subject: str
    bound: Bound
    limit: float
    kind: Kind
    measure: str
    variant: int
    members: tuple[IntArray, ...]
    places: tuple[int, ...]
    alpha_pass: float
    tag: str | None = None
    base: FloatArray | None = None
    banked: float | None = None
    sign: int = 1
    share: float | None = None
    variance: float | None = None

    @property
    def largest(self) -> int:
        """Cases in the largest unit."""
        return max((len(rows) for rows in self.members), default=1)

    @property
    def n_cases(self) -> int:
        """Cases in all units."""
        return sum(len(rows) for rows in self.members)

    @property
    def mean_size(self) -> float:
        """Mean cases in a unit."""
        return self.n_cases / max(len(self.members), 1)

    def unit_variance(self) -> float:
        """The variance of a unit's difference on the scale of the largest unit."""
        one = PRIOR_VARIANCE if self.variance is None else max(self.variance, LEAST_VARIANCE)
        return one * self.mean_size / self.largest**2


@dataclass(slots=True, eq=False)
class GateTest:
    """A question with the evidence on it so far; ``seen`` units of its members are in.

    ``fed`` are their sums of differences at worst and at best, and their sizes.
    """

    question: Question
    alpha_fail: float
    seen: int = 0
    fed: list[tuple[float, float, int]] = field(default_factory=list)
    gate: Gate | None = None
    level: Level | None = None

    def __post_init__(self) -> None:
        asked = self.question
        if not asked.members:
            return
        if asked.kind == "drop":
            self.gate = Gate(self.design())
        elif asked.kind in ("floor", "ceiling"):
            level = asked.limit if asked.share is None else asked.share
            above, below = (
                (asked.alpha_pass, self.alpha_fail)
                if asked.kind == "floor"
                else (self.alpha_fail, asked.alpha_pass)
            )
            self.level = Level(
                level,
                len(asked.members),
                alpha_above=above,
                alpha_below=below,
                effect=self._effect(level),
                largest=asked.largest,
            )

    def design(self) -> Design:
        """What the betting on a drop was fixed to."""
        asked = self.question
        return Design(
            margin=asked.limit,
            units=len(asked.members),
            alpha_pass=asked.alpha_pass,
            alpha_fail=self.alpha_fail,
            variance=asked.unit_variance(),
            largest=asked.largest,
            mean_size=asked.mean_size,
        )

    def _effect(self, level: float) -> float:
        """The distance worth finding: that of the bank where it is known, else a fifth."""
        asked = self.question
        is_known = asked.banked is not None and asked.share is None
        apart = abs((asked.banked or 0.0) - level) if is_known else 0.2 * min(level, 1 - level)
        return max(apart, 0.01) * asked.mean_size / asked.largest

    @property
    def passing(self) -> Process | None:
        """What proves that the rule is kept."""
        if self.gate is not None:
            return self.gate.passing
        if self.level is None or self.question.kind == "ceiling":
            return None
        return self.level.above

    @property
    def failing(self) -> Process | None:
        """What proves that it is broken."""
        if self.gate is not None:
            return self.gate.failing
        if self.level is None:
            return None
        return self.level.above if self.question.kind == "ceiling" else self.level.below

    @property
    def is_failed(self) -> bool:
        """Whether it is proven that the rule is broken."""
        return self.failing is not None and self.failing.crossed_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether more units would change nothing."""
        kept = self.passing is not None and self.passing.crossed_at is not None
        return (kept or self.is_failed) and self.seen >= MIN_UNITS

    def hinges_on_missing(self) -> bool:
        """Whether it is open only because of what is missing."""
        if self.gate is None or self.is_settled:
            return False
        imagined = Gate(self.design())
        for low, high, size in self.fed:
            imagined.imagine(low, high, size)
        return imagined.is_settled

    @property
    def holds_run(self) -> bool:
        """Whether a run must go on for it; bounds on what is seen are satisfied with any part."""
        return self.question.kind in ("drop", "floor", "fixed", "amount")

    def advance(self, ready: BoolArray, low: FloatArray, high: FloatArray) -> None:
        """Take in the units whose cases all are ready, in order, up to the first that is not.

        ``low`` and ``high`` are the means by case with what is missing at 0 and at 1.
        """
        members = self.question.members
        while self.seen < len(members) and not self.is_settled:
            rows = members[self.seen]
            if not ready[rows].all():
                return
            self.seen += 1
            rows = rows[~np.isnan(low[rows])]
            if len(rows):
                self._feed(rows, low[rows], high[rows])

    def _feed(self, rows: IntArray, low: FloatArray, high: FloatArray) -> None:
        asked = self.question
        if self.gate is not None and asked.base is not None:
            base = asked.base[rows]
            if asked.sign > 0:
                ends = float((low - base).sum()), float((high - base).sum())
            else:
                ends = float((base - high).sum()), float((base - low).sum())
            self.gate.update(*ends, size=len(rows))
            self.fed.append((*ends, len(rows)))
        elif self.level is not None:
            self.level.update(float(low.sum()), float(high.sum()), size=len(rows))

    def rows(self) -> IntArray:
        """The cases seen."""
        seen: Sequence[IntArray] = self.question.members[: self.seen]
        return np.concatenate(seen) if seen else np.empty(0, dtype=np.int64)

    @property
    def decided_at(self) -> int | None:
        """After how many cases of the run it was settled."""
        at = [one.crossed_at for one in (self.passing, self.failing) if one and one.crossed_at]
        return self.question.places[min(at) - 1] if at else None
