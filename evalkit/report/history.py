"""A suite over its runs: sparklines for the terminal, a page with a chart a scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from evalkit.analysis.history import Change, Level, Point
from evalkit.report import format as fmt

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 40
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 260, 56, 16, 16, 40
_COLOURS = ("#1b6ac9", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#475569")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:960px;padding:0 1rem;
color:#1f2328;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;
border-bottom:1px solid #d0d7de}td.n{text-align:right;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.axis{stroke:#8c959f}.mark{stroke:#8c959f;stroke-dasharray:3 3}.bad{fill:#b91c1c}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}
th,td{border-color:#30363d}}
"""


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
    name = _safe(suite)
    scorers = list(dict.fromkeys(scorer for scorer, _ in series(points)))
    charts = "".join(
        f"<h2>{_safe(scorer)}</h2>{chart(points, found, scorer)}" for scorer in scorers
    )
    marks = "".join(
        f"<tr><td>{_safe(one.at[:16])}</td><td>{_safe(one.run_id)}</td><td>{_safe(one.what)}</td></tr>"
        for one in found
    )
    changed = (
        "<h2>What changed</h2><table><tr><th>when</th><th>run</th><th>what</th></tr>"
        f"{marks}</table>"
        if found
        else ""
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{name} · evalkit history</title><style>{_STYLE}</style></head><body>"
        f"<h1>{name}</h1><p>{len(points):,} runs, {_safe(points[0].at[:16])} to "
        f"{_safe(points[-1].at[:16])}.</p>{charts}{changed}<h2>Runs</h2>{_table(points)}"
        "</body></html>\n"
    )


def chart(points: Sequence[Point], found: Sequence[Change], scorer: str) -> str:
    """One scorer over all runs: a line a variant, with intervals, changes and regressions."""
    variants = [variant for name, variant in series(points) if name == scorer]
    ends = [
        end
        for point in points
        for variant in variants
        if (one := level(point, scorer, variant)) is not None
        for end in (one.value, one.low, one.high)
        if end is not None
    ]
    low, high = max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(points), 1)
    xs = [_LEFT + step * (place + 0.5) for place in range(len(points))]

    def y_of(value: float) -> float:
        return round(
            _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP), 1
        )

    parts = [*_axis(low, high, y_of(low), y_of(high)), *_change_marks(points, found, xs)]
    for index, variant in enumerate(variants):
        at = [
            (x, point, one)
            for x, point in zip(xs, points, strict=True)
            if (one := level(point, scorer, variant)) is not None
        ]
        colour = _COLOURS[index % len(_COLOURS)]
        path = " ".join(f"{x:.1f},{y_of(one.value)}" for x, _, one in at)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        for x, point, one in at:
            if one.low is not None and one.high is not None:
                parts.append(
                    f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y_of(one.low)}" y2="{y_of(one.high)}" '
                    f'stroke="{colour}" opacity=".5"/>'
                )
            bad = ' class="bad"' if point.verdict == "regression" else f' fill="{colour}"'
            told = f"{point.at[:16]} {point.run_id}: {fmt.percent(one.value, 1)}"
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y_of(one.value)}" r="4"{bad}>'
                f"<title>{_safe(told)}</title></circle>"
            )
    legend = "".join(
        f'<li><svg viewBox="0 0 12 12" style="width:.8em" aria-hidden="true"><circle cx="6" cy="6" '
        f'r="5" fill="{_COLOURS[index % len(_COLOURS)]}"/></svg> {_safe(variant)}</li>'
        for index, variant in enumerate(variants)
    )
    title = _safe(f"{scorer} over {len(points)} runs")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg><ul>{legend}</ul>"
    )


def _axis(low: float, high: float, bottom: float, top: float) -> Iterator[str]:
    yield f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{top}" y2="{bottom}"/>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = bottom + share * (top - bottom)
        yield (
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{fmt.percent(value)}</text>'
        )


def _change_marks(
    points: Sequence[Point], found: Sequence[Change], xs: Sequence[float]
) -> Iterator[str]:
    place = {point.run_id: x for point, x in zip(points, xs, strict=True)}
    told: dict[str, list[str]] = {}
    for one in found:
        told.setdefault(one.run_id, []).append(one.what)
    for run_id, whats in told.items():
        x = place[run_id]
        yield (
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}">'
            f"<title>{_safe('; '.join(whats))}</title></line>"
        )
    if points:
        y = _HEIGHT - _BOTTOM + 18
        yield f'<text x="{_LEFT}" y="{y}">{_safe(points[0].at[:10])}</text>'
        yield (
            f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end">'
            f"{_safe(points[-1].at[:10])}</text>"
        )


def _table(points: Sequence[Point]) -> str:
    head = "".join(
        f"<th>{title}</th>"
        for title in ("when", "run", "made", "verdict", "answered", "failed", "cost")
    )
    rows = "".join(
        f"<tr><td>{_safe(point.at[:16])}</td><td>{_safe(point.run_id)}</td>"
        f"<td>{_safe(point.kind)}</td><td>{_safe(point.verdict or '')}</td>"
        f'<td class="n">{point.n_answered:,}</td><td class="n">{point.n_failed:,}</td>'
        f'<td class="n">{_safe(fmt.money(point.cost_usd))}</td></tr>'
        for point in reversed(points)
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _safe(text: str) -> str:
    return escape(fmt.one_line(text))
