"""A suite over its runs: sparklines for the terminal, a page with charts of score, cost, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from evalkit.analysis.history import Change, Level, Point
from evalkit.analysis.timeline import Timeline, timelines_of
from evalkit.report import format as fmt
from evalkit.report.charts.timeline import COST, LATENCY, SCORE, Quantity, timeline_chart
from evalkit.report.html import environment, policy, style_and_script
from evalkit.report.names import Names
from evalkit.report.textgrid import sparkline

_SHOWN = 40
_LINES = 8
_NAME = 20


def series(points: Sequence[Point]) -> list[tuple[str, str]]:
    """The scorers and variants there are, in the order of their first run."""
    found: dict[tuple[str, str], None] = {}
    for point in points:
        for key, one in point.variants.items():
            found.update({(name, key): None for name in one.scores})
    return list(found)


def level(point: Point, scorer: str, variant: str) -> Level | None:
    """A scorer's mean on a variant in a run, if it has one."""
    one = point.variants.get(variant)
    return one.scores.get(scorer) if one else None


def lines(points: Sequence[Point], found: Sequence[Change]) -> Iterator[str]:
    """The history as text, the latest runs at the right."""
    shown = points[-_SHOWN:]
    first, last = shown[0], shown[-1]
    yield f"{len(points):,} runs, {first.at[:16]} to {last.at[:16]}"
    found_series = series(points)
    width = min(_NAME, max(len("latency"), *(len(fmt.name(scorer)) for scorer, _ in found_series)))
    for variant in dict.fromkeys(variant for _, variant in found_series):
        yield fmt.one_line(variant)
        for scorer in (scorer for scorer, key in found_series if key == variant):
            levels = [level(point, scorer, variant) for point in shown]
            spark = sparkline([one.value if one else None for one in levels])
            name = fmt.shortened(fmt.name(scorer), width)
            yield f"  {name:<{width}}  {spark}  {_now([one for one in levels if one])}"
        yield from _amounts(shown, variant, width)
    marks = "".join(_mark(point.verdict) for point in shown)
    if marks.strip("·"):
        yield f"{'verdicts':<{width + 2}}  {marks}"
        yield "  P pass, R regression, ? inconclusive, ! not measured"
    if found:
        yield "Changed:"
        yield from (f"  {one.at[:16]} {one.run_id}  {fmt.one_line(one.what)}" for one in found)


def _now(levels: Sequence[Level]) -> str:
    if not levels:
        return "no scores"
    last = levels[-1]
    text = fmt.percent(last.value, 1)
    if last.low is not None and last.high is not None:
        text += f" ({fmt.percent(last.low, 1)} to {fmt.percent(last.high, 1)})"
    low, high = min(one.value for one in levels), max(one.value for one in levels)
    return f"{text}, {last.n_cases:,} cases; {fmt.percent(low, 1)} to {fmt.percent(high, 1)} so far"


def _amounts(shown: Sequence[Point], variant: str, width: int) -> Iterator[str]:
    ones = [point.variants.get(variant) for point in shown]
    costs = [one.cost_usd if one else None for one in ones]
    times = [one.latency_p50_s if one else None for one in ones]
    for name, values, write in (("cost", costs, fmt.money), ("latency", times, fmt.seconds)):
        known = [value for value in values if value is not None]
        if known:
            now = known[-1]
            text = write(now.value)
            if now.low is not None and now.high is not None:
                text += f" ({write(max(now.low, 0.0))} to {write(now.high)})"
            spark = sparkline([one.value if one else None for one in values])
            yield f"  {name:<{width}}  {spark}  {text}"


def _mark(verdict: str | None) -> str:
    marks = {"pass": "P", "regression": "R", "inconclusive": "?", "unmeasured": "!"}
    return marks.get(verdict or "", "·")


def page(suite: str, points: Sequence[Point], found: Sequence[Change]) -> str:
    """The history as one HTML page: no script, nothing fetched, all foreign text escaped."""
    style = style_and_script()[0]
    template = environment().get_template("history.html.j2")
    return template.render(
        suite=suite,
        points=points,
        changes=found,
        charts=list(_charts(points)),
        most=_LINES,
        style=Markup(style),
        policy=policy(style, None),
    )


def _charts(points: Sequence[Point]) -> Iterator[tuple[str, Quantity, Markup, int]]:
    """A chart a scorer, then cost and latency: title, what it is of, drawing, number of lines."""
    lines: Sequence[Timeline] = ()
    for number, scorer in enumerate(dict.fromkeys(scorer for scorer, _ in series(points))):
        lines = timelines_of(points, scorer)
        yield scorer, SCORE, _chart(lines, f"timeline-{number}", SCORE), len(lines)
    for title, name, quantity in (("Cost", "cost", COST), ("Latency", "latency", LATENCY)):
        if drawn := _chart(lines, f"timeline-{name}", quantity):
            yield title, quantity, drawn, len(lines)


def _chart(lines: Sequence[Timeline], name: str, quantity: Quantity) -> Markup:
    return Markup(timeline_chart(lines[:_LINES], Names([]), name, quantity))
