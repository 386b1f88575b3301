"""The report for a terminal: it fits 80 columns and is legible without colour."""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from evalkit.analysis.results import Analysis, Comparison, CurvePoint, VariantSummary
from evalkit.errors import FAILURES
from evalkit.report import format as fmt
from evalkit.report.names import Names
from evalkit.report.report import Report
from evalkit.stats.estimates import Estimate

if TYPE_CHECKING:
    from rich.console import Console, Group, JustifyMethod, RenderableType
    from rich.table import Table
    from rich.text import Text

_MAX_WIDTH = 120
_MIN_NAME = 14
_VERDICT_STYLES = {"superior": "green", "inferior": "red", "too few": "dim"}


def write(report: Report, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
    """Write the report as ``stream`` can show it.

    Colour only on a terminal and without ``NO_COLOR``; signs that the stream's encoding lacks
    become question marks.
    """
    is_terminal = stream.isatty()
    columns = shutil.get_terminal_size().columns if is_terminal else 80
    has_color = is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    text = render(report, width=min(columns, _MAX_WIDTH), color=has_color)
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))


def render(report: Report, *, width: int = 80, color: bool = False) -> str:
    """The report as text of at most ``width`` columns, with ANSI colours if ``color``."""
    from rich.console import Console

    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        force_interactive=False,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    _print(report, console)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _print(report: Report, console: Console) -> None:
    analysis, names = report.analysis, Names(report.analysis.variants)
    title = fmt.name(report.provenance.suite)
    _lines(console, f"{title}: {fmt.count(analysis.n_cases, 'case')}", "bold")
    for answer in report.headline:
        console.print()
        _lines(console, answer.question, "bold")
        for sentence in answer.sentences:
            _lines(console, fmt.one_line(sentence), indent=2)
    if report.warnings:
        console.print()
        _lines(console, "Before you rely on this", "bold yellow")
        for warning in report.warnings:
            _lines(console, fmt.one_line(warning), indent=2)
    sections: list[RenderableType] = [
        _variants(analysis, names, console.width),
        *_curves(analysis, names, console.width),
        *_comparisons(analysis, names, console.width),
    ]
    for section in sections:
        console.print()
        console.print(section)
    failures = list(_failures(analysis.variants))
    if failures:
        console.print()
        _lines(console, "Failures", "bold red")
    for failure in failures:
        _lines(console, failure, indent=2)


def _lines(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """One paragraph, wrapped and indented."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style), (0, 0, 0, indent)))


def _variants(analysis: Analysis, names: Names, width: int) -> Table:
    scorer = analysis.leading_scorer
    columns = ["Variant", "Score", "Interval", "n", "Cost", "p50", "Out", "Cut", "Fail"]
    rows = []
    for variant in analysis.variants:
        summary = variant.scores.get(scorer) if scorer else None
        rows.append(
            [
                names[variant.variant].short,
                fmt.score(summary.mean) if summary else fmt.UNKNOWN,
                (fmt.interval(summary.mean) if summary else "") or fmt.UNKNOWN,
                f"{variant.n_answered:,}",
                fmt.money(variant.cost_usd),
                fmt.seconds(variant.elapsed_p50_s),
                fmt.tokens(variant.output_tokens_mean),
                f"{variant.n_truncated:,}",
                f"{variant.n_failed:,}",
            ]
        )
    return _table(columns, rows, width)


def _comparisons(analysis: Analysis, names: Names, width: int) -> Iterator[Table]:
    """One table a scorer; candidates stand indented under their baseline."""
    for scorer in dict.fromkeys(one.scorer for one in analysis.comparisons):
        found = [one for one in analysis.comparisons if one.scorer == scorer]
        title = "Difference" if scorer == analysis.leading_scorer else fmt.name(scorer)
        columns = [title, "Points", "Interval", "Verdict", "W/L/T", "Needs"]
        rows = []
        for before, one in zip([None, *found], found, strict=False):
            if before is None or one.baseline != before.baseline:
                rows.append([f"from {names[one.baseline].short} to", "", "", "", "", ""])
            rows.append([f"  {names.apart(one.candidate, one.baseline)}", *_difference_cells(one)])
        if not any(row[-1] for row in rows):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        yield _table(columns, rows, width, verdicts=3)


def _difference_cells(one: Comparison) -> list[str]:
    return [
        fmt.difference(one.difference),
        fmt.difference_interval(one.difference) or fmt.UNKNOWN,
        one.verdict,
        f"{one.wins}/{one.losses}/{one.ties}",
        f"{fmt.roughly(one.needs_cases)} more" if one.needs_cases else "",
    ]


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, verdicts: int = 0
) -> Table:
    """Names first, cut in the middle to what the other columns leave; numbers to the right.

    ``verdicts`` is the column that holds verdicts. The last columns give way where it is narrow.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    while len(widths) > 3 and sum(widths[1:]) + 2 * len(widths) + _MIN_NAME > width:
        widths.pop()
    left = max(_MIN_NAME, width - sum(widths[1:]) - 2 * (len(widths) - 1))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, column in enumerate(columns[: len(widths)]):
        side: JustifyMethod = "left" if at in (0, verdicts) else "right"
        table.add_column(Text(column), justify=side, no_wrap=at > 0, overflow="fold")
    for name, *others in rows:
        shown = others[: len(widths) - 1]
        cells = [Text(fmt.shortened(name, left)), *(Text(other) for other in shown)]
        if 0 < verdicts < len(cells):
            cells[verdicts].stylize(_VERDICT_STYLES.get(cells[verdicts].plain, ""))
        table.add_row(*cells)
    return table


def _curves(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    from rich.console import Group
    from rich.text import Text

    for curve in analysis.curves:
        where = names.group(curve.prompt, curve.model)
        lines = [Text(f"Score by thinking{f', {where}' if where else ''}", style="bold")]
        label = min(24, max((len(point.thinking.key) for point in curve.points), default=0))
        track = max(10, min(40, width - label - 26))
        for point in curve.points:
            line = _curve_line(point, label, track)
            if point.thinking.key == curve.recommended:
                line.append(" recommended", style="green")
            lines.append(line)
        yield Group(*lines)


def _curve_line(point: CurvePoint, label: int, track: int) -> Text:
    from rich.text import Text

    name = fmt.shortened(fmt.one_line(point.thinking.key), label)
    line = Text(f"  {name:<{label}} {fmt.score(point.score):>5} ", no_wrap=True)
    line.append(_interval_bar(point.score, track), style="cyan")
    return line


def _interval_bar(estimate: Estimate, track: int) -> str:
    """A mean between the ends of its interval on a track from 0 to 100 %: ``··├──●───┤····``."""
    if estimate.value is None:
        return "·" * track

    def at(value: float) -> int:
        return round(min(max(value, 0.0), 1.0) * (track - 1))

    signs = ["·"] * track
    if estimate.low is not None and estimate.high is not None:
        low, high = at(estimate.low), at(estimate.high)
        signs[low : high + 1] = "─" * (high + 1 - low)
        signs[low], signs[high] = "├", "┤"
    signs[at(estimate.value)] = "●"
    return "".join(signs)


def _failures(variants: Sequence[VariantSummary]) -> Iterator[str]:
    """How many trials failed in which way."""
    kinds: Counter[str] = Counter()
    for variant in variants:
        kinds.update(variant.failures)
    for kind, count in kinds.most_common():
        meaning = f": {FAILURES[kind].meaning}" if kind in FAILURES else ""
        yield f"{count:,} {fmt.name(kind)}{meaning}"
