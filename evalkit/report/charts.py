"""Charts as inline SVG, drawn from the report's numbers and nothing else.

Every shape carries a class for the page's style sheet and plain attributes that look right without
one. Series differ by marker and dash as well as by colour. All text is neutralised and escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from evalkit.analysis.results import Comparison, CurvePoint, OutcomeClass, ThinkingCurve
from evalkit.report import format as fmt
from evalkit.report.contests import Contest
from evalkit.report.names import Names, thinking_tick
from evalkit.stats.estimates import Estimate

WIDTH = 640
SERIES = 8
"""So many series have their own colour; further ones start over, told apart by marker and dash."""

_DASHES = ("", "7 4", "2 4", "10 3 2 3")
_LEFT, _RIGHT, _TOP = 62, 16, 18
_PLOT_HEIGHT = 280


@dataclass(frozen=True, slots=True)
class _Scale:
    """A straight map from ``low … high`` to ``start … end`` in SVG units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def thinking_curves(curves: Sequence[ThinkingCurve], names: Names) -> str:
    """Score against thinking setting with intervals, one line a prompt and model."""
    settings = _settings(curves)
    y = _share_scale([point.score for curve in curves for point in curve.points])
    ticks = [_tick_words(point) for point in settings.values()]
    axis_height = 22 * max((len(words) for words in ticks), default=1)
    bottom = _TOP + _PLOT_HEIGHT
    legend_top = bottom + axis_height + 46
    step = (WIDTH - _LEFT - _RIGHT) / max(len(settings), 1)
    x_of = {key: _LEFT + step * (index + 0.5) for index, key in enumerate(settings)}
    dodge = min(14.0, 0.6 * step / max(len(curves), 1))

    parts = [_share_axis(y), *_setting_axis(ticks, list(x_of.values()), bottom)]
    for index, curve in enumerate(curves):
        shift = (index - (len(curves) - 1) / 2) * dodge
        parts.append(_series(curve, index, {key: x + shift for key, x in x_of.items()}, y))
    parts += [
        _legend_row(index, _curve_name(curve, names), legend_top + 28 * index)
        for index, curve in enumerate(curves)
    ]
    height = legend_top + 28 * len(curves)
    return _svg(
        "curve",
        height,
        "Score by thinking setting",
        " ".join(_curve_in_words(curve, names) for curve in curves),
        parts,
    )


def differences(found: Sequence[Contest]) -> str:
    """Each comparison's difference and interval against zero and the margin, by contest."""
    drawn = [one for contest in found for one in contest.comparisons if _is_measured(one)]
    x = _difference_scale(drawn)
    margin = max((one.margin for one in drawn), default=0.0)
    rows, told = [], []
    at = float(_TOP)
    for contest in found:
        measured = [one for one in contest.comparisons if _is_measured(one)]
        if measured:
            heading = fmt.shortened(contest.heading, 54)
            rows.append(_label(16, at + 24, heading, style="axis halo"))
            at += 34
        for one in measured:
            rows.append(_difference_row(one, contest.label(one), x, at))
            told.append(f"{contest.heading}: {contest.label(one)} {_difference_words(one)},")
            told.append(f"{one.verdict}.")
            at += 56
    axes = _margin_band(x, margin, _TOP, at) + _difference_axis(x, at)
    return _svg("forest", at + 58, "Differences with the baseline", " ".join(told), [axes, *rows])


def _is_measured(one: Comparison) -> bool:
    return one.difference.value is not None


def score_bar(estimate: Estimate) -> str:
    """A mean and its interval on a track from 0 to 100 %; decoration beside the number."""
    if estimate.value is None:
        return ""
    x = _Scale(0, 1, 4, 96)
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return (
        '<svg class="bar" viewBox="0 0 100 12" width="100" height="12" aria-hidden="true">'
        '<line class="track" x1="4" y1="6" x2="96" y2="6" stroke="currentColor"/>'
        f'<line class="range" x1="{x(low)}" y1="6" x2="{x(high)}" y2="6" stroke="currentColor"/>'
        f'<circle class="dot" cx="{x(estimate.value)}" cy="6" r="3.5" fill="currentColor"/></svg>'
    )


def outcome_bar(outcomes: Mapping[OutcomeClass, int]) -> str:
    """Outcome counts as one stacked bar; decoration beside the counts."""
    total = sum(outcomes.values())
    if not total:
        return ""
    x = _Scale(0, total, 0, 200)
    parts, start = [], 0
    for outcome, count in outcomes.items():
        if count:
            width = round(x(start + count) - x(start), 1)
            parts.append(
                f'<rect class="o-{outcome}" x="{x(start)}" y="0" width="{width}" height="12" '
                'fill="currentColor"/>'
            )
        start += count
    return (
        '<svg class="outcome" viewBox="0 0 200 12" width="200" height="12" '
        f'preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
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


def _svg(name: str, height: float, title: str, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart {name}" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{name}-title">{_text(title)}</title>'
        f'<desc id="{name}-desc">{_text(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _text(words: str) -> str:
    return escape(fmt.one_line(words))


def _label(x: float, y: float, words: str, anchor: str = "start", style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return (
        f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">'
        f"{_text(words)}</text>"
    )


def _line(style: str, start: tuple[float, float], end: tuple[float, float], more: str = "") -> str:
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="currentColor"{more}/>'
    )


def _settings(curves: Sequence[ThinkingCurve]) -> dict[str, CurvePoint]:
    """Every setting once, in the order of the curve that has most of them."""
    settings: dict[str, CurvePoint] = {}
    for curve in sorted(curves, key=lambda curve: -len(curve.points)):
        for point in curve.points:
            settings.setdefault(point.thinking.key, point)
    return settings


def _tick_words(point: CurvePoint) -> list[str]:
    return [fmt.shortened(word, 12) for word in thinking_tick(point.thinking).split(" ")]


def _share_scale(estimates: Sequence[Estimate]) -> _Scale:
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
    return _Scale(low / 10, high / 10, _TOP + _PLOT_HEIGHT, _TOP)


def _share_axis(y: _Scale) -> str:
    tenths = range(round(10 * y.low), round(10 * y.high) + 1)
    step = 2 if len(tenths) > 7 else 1
    parts = []
    for tenth in tenths:
        if tenth % step == 0:
            at = y(tenth / 10)
            parts.append(_line("grid", (_LEFT, at), (WIDTH - _RIGHT, at), ' stroke-opacity="0.2"'))
            parts.append(_label(_LEFT - 8, at + 5, f"{10 * tenth}%", "end", "tick"))
    return "".join(parts)


def _setting_axis(ticks: Sequence[list[str]], xs: Sequence[float], bottom: float) -> list[str]:
    parts = [
        _label(x, bottom + 22 * (row + 1), word, "middle", "tick")
        for words, x in zip(ticks, xs, strict=True)
        for row, word in enumerate(words)
    ]
    rows = max((len(words) for words in ticks), default=1)
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(_label(middle, bottom + 22 * (rows + 1) + 4, "thinking setting", "middle", "axis"))
    return parts


def _series(curve: ThinkingCurve, index: int, x_of: Mapping[str, float], y: _Scale) -> str:
    style = f"s{index % SERIES}"
    line, marks = [], []
    for point in curve.points:
        if point.score.value is None:
            continue
        x, at = round(x_of[point.thinking.key], 1), y(point.score.value)
        line.append(f"{x},{at}")
        if point.score.low is not None and point.score.high is not None:
            low, high = y(point.score.low), y(point.score.high)
            marks.append(_line(f"whisker {style}", (x, low), (x, high)))
            marks += [_line(f"whisker {style}", (x - 4, at), (x + 4, at)) for at in (low, high)]
        if point.thinking.key == curve.recommended:
            marks.append(
                f'<circle class="ring {style}" cx="{x}" cy="{at}" r="11" fill="none" '
                'stroke="currentColor"/>'
            )
        marks.append(marker(index, x, at))
    dash = _DASHES[index % len(_DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    path = f'<polyline class="line {style}" points="{" ".join(line)}" fill="none" '
    return f'<g>{path}stroke="currentColor"{dashes}/>{"".join(marks)}</g>'


def _legend_row(index: int, name: str, y: float) -> str:
    dash = _DASHES[index % len(_DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        _line(f"line s{index % SERIES}", (_LEFT, y), (_LEFT + 40, y), dashes)
        + marker(index, _LEFT + 20, y)
        + _label(_LEFT + 52, y + 5, fmt.shortened(name, 48), style="legend")
    )


def _curve_name(curve: ThinkingCurve, names: Names) -> str:
    return names.group(curve.prompt, curve.model) or f"{curve.prompt} on {curve.model}"


def _curve_in_words(curve: ThinkingCurve, names: Names) -> str:
    told = [
        f"{thinking_tick(point.thinking)} {fmt.score(point.score)} "
        f"({fmt.interval(point.score) or 'no interval'})"
        for point in curve.points
    ]
    return f"{_curve_name(curve, names)}: {', '.join(told)}."


def _difference_scale(comparisons: Sequence[Comparison]) -> _Scale:
    """Room for zero, the margin and every interval."""
    values = [0.05, -0.05]
    for one in comparisons:
        ends = (one.difference.value, one.difference.low, one.difference.high)
        values += [value for value in (*ends, one.margin, -one.margin) if value is not None]
    pad = 0.06 * (max(values) - min(values))
    return _Scale(min(values) - pad, max(values) + pad, 16, WIDTH - 16)


def _margin_band(x: _Scale, margin: float, top: float, bottom: float) -> str:
    left, right = x(-margin), x(margin)
    band = (
        f'<rect class="band" x="{left}" y="{top}" width="{right - left:.1f}" '
        f'height="{bottom - top}" fill="currentColor" fill-opacity="0.08"/>'
    )
    return band + _line("zero", (x(0), top), (x(0), bottom))


def _difference_axis(x: _Scale, bottom: float) -> str:
    span = 100 * (x.high - x.low)
    step = next((size for size in (1, 2, 5, 10, 20) if span / size <= 8), 50)
    first = math.ceil(100 * x.low / step) * step
    parts = [
        _label(
            x(tick / 100),
            bottom + 20,
            "0" if tick == 0 else fmt.points(tick / 100),
            "middle",
            "tick",
        )
        for tick in range(first, math.floor(100 * x.high) + 1, step)
    ]
    parts.append(
        _label(WIDTH / 2, bottom + 46, "points; shaded: within the margin", "middle", "axis")
    )
    return "".join(parts)


def _difference_row(one: Comparison, label: str, x: _Scale, top: float) -> str:
    difference, at = one.difference, top + 40
    kind = f"v-{one.verdict.replace(' ', '-')}"
    parts = [
        _label(16, top + 22, fmt.shortened(label, 32), style="halo"),
        _label(WIDTH - 16, top + 22, _difference_words(one), "end", "halo value"),
    ]
    if difference.low is not None and difference.high is not None:
        low, high = x(difference.low), x(difference.high)
        parts.append(_line(f"interval {kind}", (low, at), (high, at)))
        parts += [_line(f"interval {kind}", (end, at - 4), (end, at + 4)) for end in (low, high)]
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
