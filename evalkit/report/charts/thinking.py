"""Score against thinking setting, with intervals, one line a prompt and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.analysis.results import CurvePoint, ThinkingCurve
from evalkit.report import format as fmt
from evalkit.report.charts.svg import (
    DASHES,
    LEFT,
    PLOT_HEIGHT,
    RIGHT,
    SERIES,
    TOP,
    WIDTH,
    Scale,
    draw_line,
    draw_text,
    framed,
    legend_row,
    marker,
    share_axis,
    share_scale,
)
from evalkit.report.names import Names, thinking_tick


def thinking_curves(curves: Sequence[ThinkingCurve], names: Names) -> str:
    """Score against thinking setting with intervals, one line a prompt and model."""
    settings = _settings(curves)
    y = share_scale([point.score for curve in curves for point in curve.points])
    ticks = [_tick_words(point) for point in settings.values()]
    axis_height = 22 * max((len(words) for words in ticks), default=1)
    bottom = TOP + PLOT_HEIGHT
    legend_top = bottom + axis_height + 46
    step = (WIDTH - LEFT - RIGHT) / max(len(settings), 1)
    x_of = {key: LEFT + step * (index + 0.5) for index, key in enumerate(settings)}
    dodge = min(14.0, 0.6 * step / max(len(curves), 1))

    parts = [share_axis(y), *_setting_axis(ticks, list(x_of.values()), bottom)]
    for index, curve in enumerate(curves):
        shift = (index - (len(curves) - 1) / 2) * dodge
        parts.append(_series(curve, index, {key: x + shift for key, x in x_of.items()}, y))
    parts += [
        legend_row(index, _curve_name(curve, names), legend_top + 28 * index)
        for index, curve in enumerate(curves)
    ]
    height = legend_top + 28 * len(curves)
    return framed(
        "curve",
        height,
        "Score by thinking setting",
        " ".join(_curve_in_words(curve, names) for curve in curves),
        parts,
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


def _setting_axis(ticks: Sequence[list[str]], xs: Sequence[float], bottom: float) -> list[str]:
    parts = [
        draw_text(x, bottom + 22 * (row + 1), word, "middle", "tick")
        for words, x in zip(ticks, xs, strict=True)
        for row, word in enumerate(words)
    ]
    rows = max((len(words) for words in ticks), default=1)
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        draw_text(middle, bottom + 22 * (rows + 1) + 4, "thinking setting", "middle", "axis")
    )
    return parts


def _series(curve: ThinkingCurve, index: int, x_of: Mapping[str, float], y: Scale) -> str:
    style = f"s{index % SERIES}"
    line, marks = [], []
    for point in curve.points:
        if point.score.value is None:
            continue
        x, at = round(x_of[point.thinking.key], 1), y(point.score.value)
        line.append(f"{x},{at}")
        if point.score.low is not None and point.score.high is not None:
            low, high = y(point.score.low), y(point.score.high)
            marks.append(draw_line(f"whisker {style}", (x, low), (x, high)))
            marks += [draw_line(f"whisker {style}", (x - 4, at), (x + 4, at)) for at in (low, high)]
        if point.thinking.key == curve.recommended:
            marks.append(
                f'<circle class="ring {style}" cx="{x}" cy="{at}" r="11" fill="none" '
                'stroke="currentColor"/>'
            )
        marks.append(marker(index, x, at))
    dash = DASHES[index % len(DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    path = f'<polyline class="line {style}" points="{" ".join(line)}" fill="none" '
    return f'<g>{path}stroke="currentColor"{dashes}/>{"".join(marks)}</g>'


def _curve_name(curve: ThinkingCurve, names: Names) -> str:
    return names.group(curve.prompt, curve.model) or f"{curve.prompt} on {curve.model}"


def _curve_in_words(curve: ThinkingCurve, names: Names) -> str:
    told = [
        f"{thinking_tick(point.thinking)} {fmt.score(point.score)} "
        f"({fmt.interval(point.score) or 'no interval'})"
        for point in curve.points
    ]
    return f"{_curve_name(curve, names)}: {', '.join(told)}."
