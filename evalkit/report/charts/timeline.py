"""Score, cost or time over the runs of a suite, with intervals, verdicts and points of change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.analysis.timeline import Timeline, TimelinePoint
from evalkit.report import format as fmt
from evalkit.report.charts.amounts import DOLLARS, SECONDS, AmountScale, Unit, amount_scale
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
from evalkit.stats.estimates import Estimate

_DATES = 6
_DODGE = 4.0
_FLAT = 150
_BAD = ("regression", "fail", "failed")
_LETTER = 7.0
_TICK = 10.6
_MARKS = {
    "pass": ("✓", "v-superior"),
    "regression": ("✗", "v-inferior"),
    "inconclusive": ("?", "quiet"),
    "unmeasured": ("!", "quiet"),
}
"""The signs of a gate's verdicts, as the caption tells them."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a chart shows of every point: a score, or an amount of a ``unit``."""

    title: str
    caption: str
    read: Callable[[TimelinePoint], Estimate | None]
    unit: Unit | None = None

    def known(self, lines: Sequence[Timeline]) -> list[Estimate]:
        """What is known of all points."""
        found = [self.read(point) for line in lines for point in line.points]
        return [one for one in found if one is not None and one.value is not None]

    def say(self, estimate: Estimate | None) -> str:
        """In words, without the interval."""
        if estimate is None:
            return fmt.UNKNOWN
        return self.unit.write(estimate.value) if self.unit else fmt.score(estimate)


SCORE = Quantity(
    "Score over the runs",
    "Scores with their 95% intervals, run after run. Ringed: a gate failed. Signs below: its "
    "verdict, ✓ pass, ✗ regression, ? inconclusive, ! not measured. Dotted lines: something else "
    "changed.",
    lambda point: point.score,
)
COST = Quantity(
    "Cost over the runs",
    "Mean cost of an answer with its 95% interval.",
    lambda point: point.cost_usd,
    DOLLARS,
)
LATENCY = Quantity(
    "Latency over the runs",
    "Median time in service of an answer with its 95% interval.",
    lambda point: point.elapsed_p50_s,
    SECONDS,
)
QUANTITIES = {"score": SCORE, "cost": COST, "latency": LATENCY}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things stand: runs by their id, values by ``y``, the plot's ``bottom``."""

    quantity: Quantity
    place: dict[str, float]
    y: Scale | AmountScale
    bottom: float
    left: float


def timeline_chart(
    shown: Sequence[Timeline], names: Names, name: str = "timeline", quantity: Quantity = SCORE
) -> str:
    """One line a variant over all runs; runs stand in their order, evenly apart.

    ``name`` tells several on a page apart. Empty where the quantity is not known of any point.
    """
    known, unit = quantity.known(shown), quantity.unit
    if unit and not known:
        return ""
    points = [point for line in shown for point in line.points]
    runs = {point.run: point for point in sorted(points, key=lambda point: point.at)}
    bottom = TOP + (_FLAT if unit else PLOT_HEIGHT)
    y = _amounts(known, unit, bottom) if unit else share_scale(known)
    left = LEFT if isinstance(y, Scale) else max(LEFT, 14 + _TICK * max(map(len, y.words())))
    x = Scale(0, max(len(runs) - 1, 1), left + 24, WIDTH - RIGHT - 24)
    frame = Frame(quantity, {run: x(at) for at, run in enumerate(runs)}, y, bottom, left)
    parts = [_axis(frame), _changes(points, frame), _dates(list(runs.values()), frame)]
    verdicts = "" if unit else _verdicts(points, frame)
    legend = bottom + (84 if verdicts else 62)
    for index, line in enumerate(shown):
        shift = _DODGE * (index - (len(shown) - 1) / 2)
        parts.append(_line(line, index, frame, shift))
        parts.append(legend_row(index, names[line.variant].short, legend + 28 * index))
    told = " ".join(_in_words(line, names, quantity) for line in shown)
    height = legend + 28 * len(shown)
    return framed(name, height, quantity.title, told, [*parts, verdicts])


def _amounts(known: Sequence[Estimate], unit: Unit, bottom: float) -> AmountScale:
    """A scale with room for all intervals; their ends below 0 are cut off there."""
    ends = [end for one in known for end in (one.value, one.low, one.high) if end is not None]
    return amount_scale([max(end, 0.0) for end in ends], unit, bottom, TOP)


def _axis(frame: Frame) -> str:
    if isinstance(frame.y, Scale):
        return share_axis(frame.y)
    parts = []
    for tick, words in zip(frame.y.ticks, frame.y.words(), strict=True):
        ends = (frame.left, frame.y(tick)), (WIDTH - RIGHT, frame.y(tick))
        parts.append(draw_line("grid", *ends, ' stroke-opacity="0.2"'))
        parts.append(draw_text(frame.left - 8, frame.y(tick) + 5, words, "end", "tick"))
    return "".join(parts)


def _dates(runs: Sequence[TimelinePoint], frame: Frame) -> str:
    """When the runs began: days, or times where all are of one day."""
    step = max(1, -(-len(runs) // _DATES))
    is_one_day = len({run.at.date() for run in runs}) == 1
    return "".join(
        draw_text(
            frame.place[run.run],
            frame.bottom + 24,
            f"{run.at:%H:%M}" if is_one_day else f"{run.at:%b} {run.at.day}",
            "middle",
            "tick",
        )
        for run in runs[::step]
    )


def _verdicts(points: Sequence[TimelinePoint], frame: Frame) -> str:
    """A sign below each run that a gate has judged."""
    told = {point.run: _MARKS[point.verdict] for point in points if point.verdict in _MARKS}
    return "".join(
        draw_text(frame.place[run], frame.bottom + 46, sign, "middle", f"verdict {style}")
        for run, (sign, style) in told.items()
    )


def _changes(points: Sequence[TimelinePoint], frame: Frame) -> str:
    """A line where something besides the answers has changed, with what it was where it fits."""
    changed: dict[str, dict[str, None]] = {}
    for point in points:
        if point.changes:
            changed.setdefault(point.run, {}).update(dict.fromkeys(point.changes))
    parts = []
    ends = [-1.0, -1.0, -1.0]  # how far the words of each row reach
    for run, told in sorted(changed.items(), key=lambda item: frame.place[item[0]]):
        x, words = frame.place[run], fmt.shortened(", ".join(told), 36)
        parts.append(draw_line("change", (x, TOP), (x, frame.bottom), ' stroke-dasharray="2 4"'))
        if frame.quantity.unit:
            continue  # the chart of scores has the words
        width = _LETTER * len(words)
        start = x + 6 if x + 6 + width <= WIDTH else x - 6 - width
        row = next((row for row, end in enumerate(ends) if start > end), None)
        if row is not None and start > 0:
            ends[row] = start + width
            side = ("start", x + 6) if start > x else ("end", x - 6)
            parts.append(draw_text(side[1], TOP + 12 + 18 * row, words, side[0], "halo quiet"))
    return "".join(parts)


def _line(line: Timeline, index: int, frame: Frame, shift: float) -> str:
    style = f"s{index % SERIES}"
    corners, marks = [], []
    for point, estimate in _measured(line, frame.quantity):
        x, height = round(frame.place[point.run] + shift, 1), frame.y(estimate.value or 0.0)
        corners.append(f"{x},{height}")
        if estimate.low is not None and estimate.high is not None:
            ends = (x, frame.y(max(estimate.low, 0.0))), (x, frame.y(estimate.high))
            marks.append(draw_line(f"whisker {style}", *ends))
        if not frame.quantity.unit and (point.verdict or "").lower() in _BAD:
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


def _measured(line: Timeline, quantity: Quantity) -> Iterator[tuple[TimelinePoint, Estimate]]:
    for point in line.points:
        estimate = quantity.read(point)
        if estimate is not None and estimate.value is not None:
            yield point, estimate


def _in_words(line: Timeline, names: Names, quantity: Quantity) -> str:
    told = [
        f"{point.at:%Y-%m-%d} {quantity.say(quantity.read(point))}"
        + (f" {point.verdict}" if point.verdict else "")
        + "".join(f", {what} changed" for what in point.changes)
        for point in line.points
    ]
    return f"{names[line.variant].short}: {'; '.join(told)}."
