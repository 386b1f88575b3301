"""What every chart is made of: scales, axes, markers, text, and the frame that tells it in words.

Every shape carries a class for the page's style sheet and plain attributes that look right without
one. Series differ by marker and dash as well as by colour. All text is neutralised and escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evalkit.report import format as fmt
from evalkit.stats.estimates import Estimate

WIDTH = 640
SERIES = 8
"""So many series have their own colour; further ones start over, told apart by marker and dash."""

DASHES = ("", "7 4", "2 4", "10 3 2 3")
LEFT, RIGHT, TOP = 62, 16, 18
PLOT_HEIGHT = 280


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from ``low … high`` to ``start … end`` in SVG units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value stands."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def framed(name: str, height: float, title: str, description: str, parts: Sequence[str]) -> str:
    """A chart: its title and description are what a screen reader tells."""
    return (
        f'<svg class="chart {name}" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{name}-title">{escaped(title)}</title>'
        f'<desc id="{name}-desc">{escaped(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def escaped(words: str) -> str:
    """Foreign words on one line, as text in SVG."""
    return escape(fmt.one_line(words))


def draw_text(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    """A line of text; ``style`` is its class."""
    kind = f' class="{style}"' if style else ""
    return (
        f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">'
        f"{escaped(words)}</text>"
    )


def draw_line(
    style: str, start: tuple[float, float], end: tuple[float, float], more: str = ""
) -> str:
    """A straight line; ``style`` is its class, ``more`` further attributes."""
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="currentColor"{more}/>'
    )


def marker(index: int, x: float, y: float, size: float = 5.5) -> str:
    """The marker of one series: circle, square, triangle or diamond."""
    style = f'class="mark s{index % SERIES}" fill="currentColor"'
    if index % 4 == 0:
        return f'<circle {style} cx="{x}" cy="{y}" r="{size}"/>'
    if index % 4 == 1:
        return (
            f'<rect {style} x="{x - size}" y="{y - size}" width="{2 * size}" height="{2 * size}"/>'
        )
    up, side = size * 1.25, size * 1.2
    if index % 4 == 2:
        shape = f"{x},{y - up} {x + side},{y + size} {x - side},{y + size}"
    else:
        shape = f"{x},{y - up} {x + up},{y} {x},{y + up} {x - up},{y}"
    return f'<polygon {style} points="{shape}"/>'


def legend_row(index: int, name: str, y: float) -> str:
    """A series' line and marker with its name."""
    dash = DASHES[index % len(DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        draw_line(f"line s{index % SERIES}", (LEFT, y), (LEFT + 40, y), dashes)
        + marker(index, LEFT + 20, y)
        + draw_text(LEFT + 52, y + 5, fmt.shortened(name, 48), style="legend")
    )


def share_scale(estimates: Sequence[Estimate]) -> Scale:
    """Tenths around all values and intervals, at least four of them, within 0 … 1."""
    values = [
        value
        for estimate in estimates
        for value in (estimate.value, estimate.low, estimate.high)
        if value is not None
    ] or [0.0, 1.0]
    low = max(0, math.floor(10 * min(values) + 1e-9))
    high = min(10, math.ceil(10 * max(values) - 1e-9))
    while high - low < 4:
        low, high = max(0, low - 1), min(10, high + 1)
    return Scale(low / 10, high / 10, TOP + PLOT_HEIGHT, TOP)


def share_axis(y: Scale) -> str:
    """Percentages to the left, a faint line for each."""
    tenths = range(round(10 * y.low), round(10 * y.high) + 1)
    step = 2 if len(tenths) > 7 else 1
    parts = []
    for tenth in tenths:
        if tenth % step == 0:
            at = y(tenth / 10)
            parts.append(
                draw_line("grid", (LEFT, at), (WIDTH - RIGHT, at), ' stroke-opacity="0.2"')
            )
            parts.append(draw_text(LEFT - 8, at + 5, f"{10 * tenth}%", "end", "tick"))
    return "".join(parts)
