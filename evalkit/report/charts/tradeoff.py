"""Score against what an answer costs, with the front that no variant beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from evalkit.analysis.tradeoff import Tradeoff, TradePoint
from evalkit.report import format as fmt
from evalkit.report.charts.amounts import DOLLARS, TOKENS, AmountScale, amount_scale
from evalkit.report.charts.svg import (
    LEFT,
    PLOT_HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    draw_line,
    draw_text,
    framed,
    share_axis,
    share_scale,
)
from evalkit.report.names import Names

_NEAR = 18.0
_LETTER = 7.8
_ON_PHONES = 1.5
"""How much larger letters are on phones, where the front alone is named."""
_MOST_NAMED = 10
"""Of more variants only those on the front are named; the tables name all."""
_PLACES = tuple((side, drop) for drop in (5, -14, 24, -33, 43) for side in (1, -1))


def tradeoff_chart(shown: Tradeoff, names: Names) -> str:
    """One point a variant, those on the front filled, joined and named."""
    y = share_scale([point.score for point in shown.points])
    unit = DOLLARS if shown.unit == "usd" else TOKENS
    x = amount_scale([one.cost for one in shown.points], unit, LEFT + 24, WIDTH - RIGHT - 40)
    points = sorted(shown.points, key=lambda point: (point.cost, point.score.value or 0.0))
    bottom = TOP + PLOT_HEIGHT
    title = "dollars an answer" if shown.unit == "usd" else "output tokens an answer"
    parts = [share_axis(y), _cost_axis(x, bottom, title), _front(points, x, y)]
    placed = [  # no name stands on a point
        (x(point.cost) - 8, x(point.cost) + 8, y(point.score.value) + 5)
        for point in points
        if point.score.value is not None
    ]
    parts += [_point(point, x, y) for point in points]
    named = points if len(points) <= _MOST_NAMED else [one for one in points if one.is_on_front]
    parts += [
        _name(point, names[point.variant].short, x, y, placed)
        for point in sorted(named, key=_urgency)
    ]
    told = [
        f"{names[point.variant].short}: {fmt.score(point.score)} at {unit.write(point.cost)}"
        f"{', on the front' if point.is_on_front else ''}."
        for point in points
    ]
    return framed("tradeoff", bottom + 62, "Score against cost", " ".join(told), parts)


def _urgency(point: TradePoint) -> tuple[bool, float]:
    """Names of the front come first, the best first: it has the place beside its point."""
    return not point.is_on_front, -(point.score.value or 0.0)


def _cost_axis(x: AmountScale, bottom: float, title: str) -> str:
    ticks = list(zip(map(x, x.ticks), x.words(), strict=True))
    room = min((right - left for (left, _), (right, _) in pairwise(ticks)), default=WIDTH)
    needed = _ON_PHONES * _LETTER * max((len(words) for _, words in ticks), default=0) + 8
    shown = ticks[:: math.ceil(needed / room)]
    parts = [draw_text(at, bottom + 24, words, "middle", "tick") for at, words in shown]
    how = f"{title}, each step a factor" if x.is_log else title
    parts.append(draw_text((LEFT + WIDTH - RIGHT) / 2, bottom + 52, how, "middle", "axis"))
    return "".join(parts)


def _front(points: Sequence[TradePoint], x: AmountScale, y: Scale) -> str:
    """The front as steps: what each cost buys at best."""
    path, last = [], None
    for point in points:
        if point.is_on_front and point.score.value is not None:
            at = x(point.cost), y(point.score.value)
            if last is not None:
                path.append(f"{at[0]},{last}")
            path.append(f"{at[0]},{at[1]}")
            last = at[1]
    if last is not None:
        path.append(f"{WIDTH - RIGHT},{last}")
    return (
        f'<polyline class="front" points="{" ".join(path)}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.5"/>'
    )


def _point(point: TradePoint, x: AmountScale, y: Scale) -> str:
    if point.score.value is None:
        return ""
    at, height = x(point.cost), y(point.score.value)
    kind = "on-front" if point.is_on_front else "beaten"
    whisker = ""
    if point.score.low is not None and point.score.high is not None:
        whisker = draw_line(f"whisker {kind}", (at, y(point.score.low)), (at, y(point.score.high)))
    return (
        f'<g>{whisker}<circle class="dot {kind}" cx="{at}" cy="{height}" r="6" '
        'fill="currentColor" stroke="currentColor"/></g>'
    )


def _name(
    point: TradePoint, name: str, x: AmountScale, y: Scale, placed: list[tuple[float, float, float]]
) -> str:
    """The name beside its point, where no other name stands; only the front's names are sure."""
    if point.score.value is None:
        return ""
    words = fmt.shortened(name, 28)
    factor = _ON_PHONES if point.is_on_front else 1.0
    at, height, width = x(point.cost), y(point.score.value), factor * _LETTER * len(words) + 8
    for side, drop in _PLACES:
        start = at + 12 if side > 0 else at - 12 - width
        line = height + drop
        is_free = all(
            abs(line - other) > factor * _NEAR or start > right or start + width < left
            for left, right, other in placed
        )
        if is_free and start >= LEFT and start + width <= WIDTH and line > TOP + 2:
            placed.append((start, start + width, line))
            kind = "halo" if point.is_on_front else "halo quiet"
            where = at + 12 if side > 0 else at - 12
            return draw_text(where, line, words, "start" if side > 0 else "end", kind)
    return ""
