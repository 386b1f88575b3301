"""A suite over its runs: sparklines for the terminal, a page with a chart a scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from evalkit.analysis.history import Change, Level, Point
from evalkit.analysis.timeline import Timeline, timelines_of
from evalkit.report import format as fmt
from evalkit.report.charts.timeline import timeline_chart
from evalkit.report.html import environment, policy, style_and_script
from evalkit.report.names import Names

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 40
_LINES = 8


def sparkline(values: Sequence[float | None]) -> str:
    """Values as bars between their own least and most; a gap where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = high - low
    return "".join(
        " "
        if value is None
        else _BARS[4 if span == 0 else round((value - low) / span * (len(_BARS) - 1))]
        for value in values
    )


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
    for scorer, variant in series(points):
        yield f"{fmt.one_line(scorer)} · {fmt.one_line(variant)}"
        levels = [level(point, scorer, variant) for point in shown]
        yield f"  score    {sparkline([one.value if one else None for one in levels])}  " + _now(
            [one for one in levels if one]
        )
        yield from _amounts(shown, variant)
    marks = "".join(_mark(point.verdict) for point in shown)
    if marks.strip("·"):
        yield f"  verdicts {marks}  (P pass, R regression, ? inconclusive, ! not measured)"
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


def _amounts(shown: Sequence[Point], variant: str) -> Iterator[str]:
    ones = [point.variants.get(variant) for point in shown]
    costs = [one.cost_usd if one else None for one in ones]
    times = [one.latency_p50_s if one else None for one in ones]
    for name, values, write in (("cost", costs, fmt.money), ("latency", times, fmt.seconds)):
        known = [value for value in values if value is not None]
        if known:
            yield f"  {name:<8} {sparkline(values)}  {write(known[-1])}"


def _mark(verdict: str | None) -> str:
    marks = {"pass": "P", "regression": "R", "inconclusive": "?", "unmeasured": "!"}
    return marks.get(verdict or "", "·")


def page(suite: str, points: Sequence[Point], found: Sequence[Change]) -> str:
    """The history as one HTML page: no script, nothing fetched, all foreign text escaped."""
    style = style_and_script()[0]
    lines = {
        scorer: timelines_of(points, scorer)
        for scorer in dict.fromkeys(scorer for scorer, _ in series(points))
    }
    template = environment().get_template("history.html.j2")
    return template.render(
        suite=suite,
        points=points,
        changes=found,
        charts=[
            (scorer, number, _chart(shown, number), len(shown))
            for number, (scorer, shown) in enumerate(lines.items())
        ],
        most=_LINES,
        style=Markup(style),
        policy=policy(style, None),
    )


def _chart(shown: Sequence[Timeline], number: int) -> Markup:
    return Markup(timeline_chart(shown[:_LINES], Names([]), f"timeline-{number}"))
