"""The report for a terminal: it fits 80 columns and is legible without colour."""

from __future__ import annotations

import io
import os
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from evalkit.analysis.results import Analysis, Comparison, CurvePoint, VariantSummary
from evalkit.errors import FAILURES
from evalkit.report import format as fmt
from evalkit.report.contests import contests
from evalkit.report.figures import gain_words, metric_name, needs_words, policy_words
from evalkit.report.names import Names
from evalkit.report.report import Report
from evalkit.stats.estimates import Estimate

if TYPE_CHECKING:
    from rich.console import Console, Group
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
    sections = [
        _variants(analysis, names, console.width),
        *_samples(analysis, names, console.width),
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


def _variants(analysis: Analysis, names: Names, width: int) -> Group:
    """All variants with score, cost, time and losses."""
    columns = ["Variant", "Score", "Interval", "n", "Cost", "p50", "Out", "Cut", "Fail"]
    sections = [
        (group, [[label, *_variant_cells(one, analysis.leading_scorer)] for label, one in found])
        for group, found in names.grouped()
    ]
    return _table(columns, sections, width)


def _variant_cells(variant: VariantSummary, scorer: str | None) -> list[str]:
    summary = variant.scores.get(scorer) if scorer else None
    return [
        fmt.score(summary.mean) if summary else fmt.UNKNOWN,
        (fmt.interval(summary.mean) if summary else "") or fmt.UNKNOWN,
        f"{variant.n_answered:,}",
        fmt.money(variant.cost_usd),
        fmt.seconds(variant.elapsed_p50_s),
        fmt.tokens(variant.output_tokens_mean),
        f"{variant.n_truncated:,}",
        f"{variant.n_failed:,}",
    ]


def _comparisons(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    """One table a scorer; candidates stand under their contest."""
    for scorer in dict.fromkeys(one.scorer for one in analysis.comparisons):
        title = "Difference" if scorer == analysis.leading_scorer else fmt.name(scorer)
        columns = [title, "Points", "Interval", "Verdict", "W/L/T", "Needs"]
        sections = [
            (
                contest.heading,
                [[contest.label(one), *_difference_cells(one)] for one in contest.comparisons],
            )
            for contest in contests(analysis, scorer, names)
        ]
        yield _table(columns, sections, width, verdicts=3)


def _difference_cells(one: Comparison) -> list[str]:
    return [
        fmt.difference(one.difference),
        fmt.difference_interval(one.difference) or fmt.UNKNOWN,
        one.verdict,
        f"{one.wins}/{one.losses}/{one.ties}",
        needs_words(one),
    ]


def _table(
    columns: Sequence[str],
    sections: Sequence[tuple[str, Sequence[Sequence[str]]]],
    width: int,
    verdicts: int = 0,
) -> Group:
    """Rows under the headings of their sections; an empty heading is left out.

    Names come first, cut in the middle to what the other columns leave; numbers stand to the
    right; ``verdicts`` is the column that holds verdicts. Where it is narrow the last columns give
    way.
    """
    from rich.cells import cell_len
    from rich.console import Group
    from rich.text import Text

    rows = [
        [f"  {name}" if heading else name, *others]
        for heading, found in sections
        for name, *others in found
    ]
    widths = [max(cell_len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    while len(widths) > 3 and _MIN_NAME + sum(widths[1:]) + 2 * (len(widths) - 1) > width:
        widths.pop()
    widths[0] = min(widths[0], max(_MIN_NAME, width - sum(widths[1:]) - 2 * (len(widths) - 1)))
    total = sum(widths) + 2 * (len(widths) - 1)
    lines = [_row(columns, widths, verdicts, "bold"), Text("─" * total, style="dim")]
    rest = iter(rows)
    for heading, found in sections:
        if heading:
            lines.append(Text(fmt.shortened(heading, width), style="dim"))
        lines += [_row(next(rest), widths, verdicts) for _ in found]
    return Group(*lines)


def _row(cells: Sequence[str], widths: Sequence[int], verdicts: int, style: str = "") -> Text:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    line = Text(style=style, no_wrap=True)
    for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        if at:
            line.append("  ")
        if at == 0:
            line.append(set_cell_size(fmt.shortened(cell, width), width))
        elif at == verdicts:
            line.append(cell, style=_VERDICT_STYLES.get(cell, ""))
            line.append(" " * (width - cell_len(cell)))
        else:
            line.append(" " * (width - cell_len(cell)) + cell)
    return line


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
        told = [f"{gain.cheaper} to {gain.dearer}: {gain_words(gain)}" for gain in curve.gains]
        if curve.policies:
            told.append("Where the score can be checked without the target, or by tag:")
        told += [f"{policy.name}: {policy_words(policy)}" for policy in curve.policies]
        lines += [Text(line) for words in told for line in _hanging(fmt.one_line(words), width)]
        yield Group(*lines)


def _hanging(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def _samples(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    """pass@k, pass^k and majority@k of the leading scorer, where cases have several samples."""
    sections = []
    columns: list[str] = []
    for group, found in names.grouped():
        rows = []
        for label, variant in found:
            summary = variant.scores.get(analysis.leading_scorer or "")
            if summary and summary.samples:
                columns = [metric_name(one) for one in summary.samples]
                rows.append([label, *(fmt.score(one.value) for one in summary.samples)])
        sections.append((group, rows))
    if columns:
        whole = [
            (group, [row for row in rows if len(row) == len(columns) + 1])
            for group, rows in sections
        ]
        yield _table(["Samples", *columns], whole, width)


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
