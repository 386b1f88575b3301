"""Scales for dollars, tokens and seconds: in proportion, or by ratio where they differ much."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalkit.report import format as fmt
from evalkit.report.charts.svg import Scale

_FACTOR = 20
_LEAST_SHARE = 0.4
"""An axis begins at 0 unless all amounts lie above this share of the largest."""
_LEAST_SPREAD = 0.2
"""Differences below this share of the largest are not blown up to fill the chart."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How amounts are written: ``write`` for people, what stands around a number on an axis."""

    write: Callable[[float | None], str]
    before: str = ""
    after: str = ""


DOLLARS = Unit(fmt.money, before="$")
SECONDS = Unit(fmt.seconds, after=" s")
TOKENS = Unit(fmt.tokens)


@dataclass(frozen=True, slots=True)
class AmountScale:
    """Amounts of a ``unit`` to SVG units. ``ticks`` are round amounts within what is shown."""

    unit: Unit
    scale: Scale
    is_log: bool
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Where an amount stands."""
        if not self.is_log:
            return self.scale(value)
        return self.scale(math.log10(max(value, 10**self.scale.low)))

    def words(self) -> list[str]:
        """The ticks in words, as exact as it takes to tell them apart."""
        words = ["0" if tick == 0 else self.unit.write(tick) for tick in self.ticks]
        if len(set(words)) == len(words):
            return words
        digits = next(
            n for n in range(16) if len({f"{tick:.{n}f}" for tick in self.ticks}) == len(words)
        )
        digits += any(abs(round(tick, digits) - tick) > 1e-9 * tick for tick in self.ticks)
        return [f"{self.unit.before}{tick:.{digits}f}{self.unit.after}" for tick in self.ticks]


def amount_scale(values: Sequence[float], unit: Unit, start: float, end: float) -> AmountScale:
    """Room for all of at least one value; by ratio from a factor of 20 on, if none is 0."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= _FACTOR:
        scale, kept = _by_ratio(low, high, start, end)
        return AmountScale(unit, scale, True, kept)
    spread = max(high - low, _LEAST_SPREAD * high)
    base = low - 0.5 * spread if low > _LEAST_SHARE * high else 0.0
    top = high + 0.1 * (high - base) or 1.0
    step = _step(top - base)
    base = step * math.floor(base / step + 1e-9)
    ticks = [step * at for at in range(round(base / step), math.floor(top / step + 1e-9) + 1)]
    return AmountScale(unit, Scale(base, top, start, end), False, tuple(ticks))


def _by_ratio(low: float, high: float, start: float, end: float) -> tuple[Scale, tuple[float, ...]]:
    ends = math.log10(low) - 0.08, math.log10(high) + 0.08
    powers = range(math.floor(ends[0]), math.ceil(ends[1]) + 1)
    steps = (1, 3) if ends[1] - ends[0] < 3 else (1,)
    ticks = [step * 10.0**power for power in powers for step in steps]
    kept = tuple(tick for tick in ticks if 10 ** ends[0] <= tick <= 10 ** ends[1])
    return Scale(*ends, start, end), kept


def _step(span: float) -> float:
    """A round step of which the span has six at most."""
    size: float = 10 ** math.floor(math.log10(span))
    return next(size * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if span / (size * part) <= 6)
