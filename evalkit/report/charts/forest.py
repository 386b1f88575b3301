"""Differences with their intervals against zero and the margin: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.analysis.results import Comparison
from evalkit.report import format as fmt
from evalkit.report.charts.svg import TOP, WIDTH, Scale, draw_line, draw_text, framed
from evalkit.report.contests import Contest

_EDGE = 30
"""No number stands nearer to the edge, where it would be cut on phones."""


def differences(found: Sequence[Contest]) -> str:
    """Each comparison's difference and interval against zero and the margin, by contest."""
    drawn = [one for contest in found for one in contest.comparisons if _is_measured(one)]
    x = _difference_scale(drawn)
    margin = max((one.margin for one in drawn), default=0.0)
    rows, told = [], []
    at = float(TOP)
    for contest in found:
        measured = [one for one in contest.comparisons if _is_measured(one)]
        if measured:
            heading = fmt.shortened(contest.heading, 54)
            rows.append(draw_text(16, at + 24, heading, style="axis halo"))
            at += 34
        for one in measured:
            rows.append(_difference_row(one, contest.label(one), x, at))
            told.append(f"{contest.heading}: {contest.label(one)} {_difference_words(one)},")
            told.append(f"{one.verdict}.")
            at += 56
    axes = _margin_band(x, margin, TOP, at) + _difference_axis(x, at)
    return framed("forest", at + 58, "Differences with the baseline", " ".join(told), [axes, *rows])


def _is_measured(one: Comparison) -> bool:
    return one.difference.value is not None


def _difference_scale(comparisons: Sequence[Comparison]) -> Scale:
    """Room for zero, the margin and every interval."""
    values = [0.05, -0.05]
    for one in comparisons:
        ends = (one.difference.value, one.difference.low, one.difference.high)
        values += [value for value in (*ends, one.margin, -one.margin) if value is not None]
    pad = 0.06 * (max(values) - min(values))
    return Scale(min(values) - pad, max(values) + pad, 16, WIDTH - 16)


def _margin_band(x: Scale, margin: float, top: float, bottom: float) -> str:
    left, right = x(-margin), x(margin)
    band = (
        f'<rect class="band" x="{left}" y="{top}" width="{right - left:.1f}" '
        f'height="{bottom - top}" fill="currentColor" fill-opacity="0.08"/>'
    )
    return band + draw_line("zero", (x(0), top), (x(0), bottom))


def _difference_axis(x: Scale, bottom: float) -> str:
    span = 100 * (x.high - x.low)
    step = next((size for size in (1, 2, 5, 10, 20) if span / size <= 8), 50)
    first = math.ceil(100 * x.low / step) * step
    parts = [
        draw_text(
            x(tick / 100),
            bottom + 20,
            "0" if tick == 0 else fmt.points(tick / 100),
            "middle",
            "tick",
        )
        for tick in range(first, math.floor(100 * x.high) + 1, step)
        if _EDGE <= x(tick / 100) <= WIDTH - _EDGE
    ]
    parts.append(
        draw_text(WIDTH / 2, bottom + 46, "points; shaded: within the margin", "middle", "axis")
    )
    return "".join(parts)


def _difference_row(one: Comparison, label: str, x: Scale, top: float) -> str:
    difference, at = one.difference, top + 40
    kind = f"v-{one.verdict.replace(' ', '-')}"
    parts = [
        draw_text(16, top + 22, fmt.shortened(label, 32), style="halo"),
        draw_text(WIDTH - 16, top + 22, _difference_words(one), "end", "halo value"),
    ]
    if difference.low is not None and difference.high is not None:
        low, high = x(difference.low), x(difference.high)
        parts.append(draw_line(f"interval {kind}", (low, at), (high, at)))
        parts += [
            draw_line(f"interval {kind}", (end, at - 4), (end, at + 4)) for end in (low, high)
        ]
    if difference.value is not None:
        parts.append(
            f'<circle class="estimate {kind}" cx="{x(difference.value)}" cy="{at}" r="5.5" '
            'fill="currentColor" stroke="currentColor"/>'
        )
    return f"<g>{''.join(parts)}</g>"


def _difference_words(one: Comparison) -> str:
    interval = fmt.difference_interval(one.difference)
    value = fmt.difference(one.difference)
    return f"{value} ({interval})" if interval else value
