"""How service times are spread: one ridge a variant, all on one scale by ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.analysis.speeds import Speed
from evalkit.report import format as fmt
from evalkit.report.charts.svg import TOP, WIDTH, Scale, draw_line, draw_text, framed
from evalkit.report.names import Names

MAX_ROWS = 24
_ROW = 58
_RIDGE = 30
_NICE = (1, 2, 5)
_LEAST_DECADES = 0.3
_FAINT = ' stroke-opacity="0.2"'


def speeds_chart(shown: Sequence[Speed], names: Names) -> str:
    """A ridge with its median and 95th percentile for each of the first :data:`MAX_ROWS`."""
    rows = shown[:MAX_ROWS]
    edges = rows[0].edges_s
    low, high = math.log10(edges[0]), math.log10(edges[-1])
    room = max(0.0, _LEAST_DECADES - (high - low)) / 2  # times all alike stand in the middle
    x = Scale(low - room, high + room, 16, WIDTH - 16)
    parts, told = [], []
    for place, speed in enumerate(rows):
        name = names[speed.variant].short
        parts.append(_row(speed, name, x, TOP + place * _ROW))
        told.append(f"{name}: {_words(speed)}.")
    bottom = TOP + len(rows) * _ROW
    axis = _axis(x, TOP, bottom, rows[0].quantiles_s[2])  # behind the names
    return framed("speeds", bottom + 48, "Service times", " ".join(told), [axis, *parts])


def _words(speed: Speed) -> str:
    return f"p50 {fmt.seconds(speed.quantiles_s[2])}, p95 {fmt.seconds(speed.quantiles_s[4])}"


def _row(speed: Speed, name: str, x: Scale, top: float) -> str:
    base = top + _ROW - 6
    tallest = max(speed.counts)
    corners = [f"{x(math.log10(speed.edges_s[0]))},{base}"]
    for at, count in enumerate(speed.counts):
        height = round(base - _RIDGE * count / tallest, 1)
        left, right = (x(math.log10(edge)) for edge in speed.edges_s[at : at + 2])
        corners += [f"{left},{height}", f"{right},{height}"]
    corners.append(f"{x(math.log10(speed.edges_s[-1]))},{base}")
    marks = []
    for quantile, kind in ((speed.quantiles_s[2], "median"), (speed.quantiles_s[4], "p95")):
        value = min(max(quantile, speed.edges_s[0]), speed.edges_s[-1])
        place = x(math.log10(value))
        marks.append(draw_line(kind, (place, base - _RIDGE), (place, base + 3)))
    return (
        f'<g><polygon class="ridge" points="{" ".join(corners)}" fill="currentColor" '
        f'fill-opacity="0.25"/>{"".join(marks)}'
        f"{draw_text(16, top + 14, fmt.shortened(name, 40), style='halo')}"
        f"{draw_text(WIDTH - 16, top + 14, _words(speed), 'end', 'halo value')}</g>"
    )


def _axis(x: Scale, top: float, bottom: float, otherwise: float) -> str:
    """Round times, or one other where none lies within."""
    powers = range(math.floor(x.low), math.ceil(x.high) + 1)
    ticks = [step * 10.0**power for power in powers for step in _NICE]
    margin = 0.06 * (x.high - x.low)
    inside = [tick for tick in ticks if x.low + margin <= math.log10(tick) <= x.high - margin]
    while len(inside) > 7:
        inside = inside[::2]
    parts = [
        draw_line("grid", (x(math.log10(tick)), top + 20), (x(math.log10(tick)), bottom), _FAINT)
        + draw_text(x(math.log10(tick)), bottom + 20, fmt.seconds(tick), "middle", "tick")
        for tick in inside or [otherwise]
    ]
    words = "time in service, each step a factor; marked: p50 and p95"
    parts.append(draw_text(WIDTH / 2, bottom + 44, words, "middle", "axis"))
    return "".join(parts)
