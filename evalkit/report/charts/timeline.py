"""A score over the runs of a suite, with intervals, verdicts and the points of change."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.analysis.timeline import Timeline, TimelinePoint
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
from evalkit.report.names import Names

_DATES = 6
_DODGE = 4.0
_BAD = ("regression", "fail", "failed")


def timeline_chart(shown: Sequence[Timeline], names: Names, name: str = "timeline") -> str:
    """One line a variant over all runs; runs stand in their order, evenly apart.

    ``name`` tells several on a page apart.
    """
    points = [point for line in shown for point in line.points]
    runs = {point.run: point for point in sorted(points, key=lambda point: point.at)}
    y = share_scale([point.score for point in points])
    x = Scale(0, max(len(runs) - 1, 1), LEFT + 24, WIDTH - RIGHT - 24)
    place = {run: x(at) for at, run in enumerate(runs)}
    bottom = TOP + PLOT_HEIGHT
    parts = [share_axis(y), _changes(points, place, bottom), _dates(list(runs.values()), place)]
    for index, line in enumerate(shown):
        shift = _DODGE * (index - (len(shown) - 1) / 2)
        parts.append(_line(line, index, {run: round(x + shift, 1) for run, x in place.items()}, y))
        parts.append(legend_row(index, names[line.variant].short, bottom + 62 + 28 * index))
    told = " ".join(_in_words(line, names) for line in shown)
    return framed(name, bottom + 62 + 28 * len(shown), "Score over the runs", told, parts)


def _dates(runs: Sequence[TimelinePoint], place: dict[str, float]) -> str:
    step = max(1, -(-len(runs) // _DATES))
    return "".join(
        draw_text(
            place[run.run], TOP + PLOT_HEIGHT + 24, f"{run.at:%b} {run.at.day}", "middle", "tick"
        )
        for run in runs[::step]
    )


def _changes(points: Sequence[TimelinePoint], place: dict[str, float], bottom: float) -> str:
    """A line where something besides the answers has changed, with what it was."""
    changed = {point.run: ", ".join(point.changes) for point in reversed(points) if point.changes}
    parts = []
    for at, (run, words) in enumerate(sorted(changed.items(), key=lambda item: place[item[0]])):
        x, height = place[run], TOP + 12 + 18 * (at % 3)
        is_late = x > WIDTH * 0.6
        parts.append(draw_line("change", (x, TOP), (x, bottom), ' stroke-dasharray="2 4"'))
        where = x - 6 if is_late else x + 6
        side = "end" if is_late else "start"
        parts.append(draw_text(where, height, fmt.shortened(words, 36), side, "halo quiet"))
    return "".join(parts)


def _line(line: Timeline, index: int, place: dict[str, float], y: Scale) -> str:
    style = f"s{index % SERIES}"
    corners, marks = [], []
    for point in line.points:
        if point.score.value is None:
            continue
        x, height = place[point.run], y(point.score.value)
        corners.append(f"{x},{height}")
        if point.score.low is not None and point.score.high is not None:
            ends = (x, y(point.score.low)), (x, y(point.score.high))
            marks.append(draw_line(f"whisker {style}", *ends))
        if (point.verdict or "").lower() in _BAD:
            marks.append(
                f'<circle class="ring v-inferior" cx="{x}" cy="{height}" r="11" fill="none" '
                'stroke="currentColor"/>'
            )
        marks.append(marker(index, x, height))
    dash = DASHES[index % len(DASHES)]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<g><polyline class="line {style}" points="{" ".join(corners)}" fill="none" '
        f'stroke="currentColor"{dashes}/>{"".join(marks)}</g>'
    )


def _in_words(line: Timeline, names: Names) -> str:
    told = [
        f"{point.at:%Y-%m-%d} {fmt.score(point.score)}"
        + (f" {point.verdict}" if point.verdict else "")
        + "".join(f", {what} changed" for what in point.changes)
        for point in line.points
    ]
    return f"{names[line.variant].short}: {'; '.join(told)}."
