"""The report for a terminal: it fits 80 columns and is legible without colour."""

from __future__ import annotations

import io
import os
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from evalkit.analysis.results import Analysis, CurvePoint, VariantSummary
from evalkit.errors import FAILURES
from evalkit.report import format as fmt
from evalkit.report import rows
from evalkit.report.caveats import caveats, spread_words
from evalkit.report.contests import contests
from evalkit.report.figures import (
    area_words,
    band_words,
    gain_words,
    metric_name,
    policy_words,
    unanimity_words,
)
from evalkit.report.names import Names
from evalkit.report.report import Report, Section
from evalkit.report.textgrid import interval_bar, sparkline, text_table

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.text import Text

_MAX_WIDTH = 120
_BAR = 21
_WITH_BARS = 100
_MAX_ROWS = 12
_FEW_ROWS = 6
_FEW_PAIRS = 3
_FEW_CURVES = 4
"""Of more curves the page has the tables."""
_FEW_FLIPS = 3
_NAMED = 4
_FACTS = ("run", "model", "endpoint", "time", "prices", "software")


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


def _grid(grid: rows.Grid, width: int, verdicts: int = 0) -> Group:
    return text_table(grid.columns, grid.sections, width, verdicts)


def _print(report: Report, console: Console) -> None:
    analysis, names = report.analysis, Names(report.analysis.variants)
    title = fmt.name(report.provenance.suite)
    _lines(console, f"{title}: {fmt.count(analysis.n_cases, 'case')}", "bold")
    for answer in report.headline:
        _paragraph(console, answer.question, "bold", answer.sentences)
    if report.warnings:
        _paragraph(console, "Before you rely on this", "bold yellow", report.warnings)
    for section in report.sections:
        _section(section, console)
    parts = [
        _variants(analysis, names, console.width),
        *_samples(analysis, names, console.width),
        *_curves(analysis, names, console.width),
        *_comparisons(analysis, names, console.width),
        *_caveats(analysis, names),
        *_timelines(report, names, console.width),
        *_tags(analysis, names, console.width),
        *_agreement(report, names, console.width),
    ]
    for part in parts:
        console.print()
        console.print(part)
    _flips(report, names, console)
    failures = list(_failures(analysis.variants))
    if failures:
        _paragraph(console, "Failures", "bold red", failures)
    console.print()
    for name, value in rows.provenance_facts(report.provenance):
        if name in _FACTS:
            _lines(console, f"{name} {value}", "dim")


def _section(section: Section, console: Console) -> None:
    """A further section: its sentences and tables."""
    _paragraph(console, fmt.name(section.title), "bold", section.sentences)
    for table in section.tables:
        found = [tuple(fmt.one_line(cell) for cell in row) for row in table.rows]
        console.print()
        console.print(
            text_table([fmt.name(one) for one in table.columns], [("", found)], console.width)
        )


def _paragraph(console: Console, title: str, style: str, sentences: Sequence[str]) -> None:
    """Sentences under a title, after an empty line."""
    console.print()
    _lines(console, title, style)
    for sentence in sentences:
        _lines(console, fmt.one_line(sentence), indent=2)


def _lines(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """One paragraph, wrapped and indented."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style), (0, 0, 0, indent)))


def _variants(analysis: Analysis, names: Names, width: int) -> Group:
    """All variants: score and losses, then cost, time and tokens."""
    from rich.console import Group

    figures = dict(rows.SCORE_FIGURES)
    if width >= _WITH_BARS and analysis.leading_scorer:
        figures["0 to 100%"] = lambda one, score: interval_bar(score.mean, _BAR) if score else ""
    scores = rows.variants_grid(analysis, names, figures)
    costs = rows.variants_grid(analysis, names, rows.COST_FIGURES, slim=True)
    if len(costs.columns) == 1:  # nothing came back
        return Group(_grid(scores, width))
    return Group(_grid(scores, width), "", _grid(costs, width))


def _comparisons(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    """One table a scorer; candidates stand under their contest."""
    for scorer in dict.fromkeys(one.scorer for one in analysis.comparisons):
        title = "Difference" if scorer == analysis.leading_scorer else fmt.name(scorer)
        sections = tuple(
            (
                contest.heading,
                tuple(
                    (contest.label(one), *(f(one) for f in rows.COMPARISON_FIGURES.values()))
                    for one in contest.comparisons
                ),
            )
            for contest in contests(analysis, scorer, names)
        )
        grid = rows.Grid((title, *rows.COMPARISON_FIGURES), sections)
        yield _grid(grid, width, verdicts=grid.columns.index("Verdict"))


def _caveats(analysis: Analysis, names: Names) -> Iterator[Group]:
    """What the verdicts rest on."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    told = [Padding(Text(fmt.one_line(one)), (0, 0, 0, 2)) for one in caveats(analysis, names)]
    if told:
        yield Group(Text("What this rests on", style="bold"), *told)


def _tags(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    """Every variant's mean on the largest tags, as many variants as there is room for."""
    if analysis.tags:
        grid = rows.tags_grid(analysis, names, _MAX_ROWS)
        titles = [fmt.shortened(title, 14) for title in grid.columns]
        yield text_table(titles, grid.sections, width)


def _agreement(report: Report, names: Names, width: int) -> Iterator[Group]:
    """The pairs of variants that agree least."""
    found = sorted(report.details.agreements, key=lambda one: one.share.value or 0.0)
    if not found:
        return
    from rich.console import Group
    from rich.text import Text

    pairs = [
        (
            f"{names[one.one].short} and {names[one.other].short}",
            fmt.score(one.share),
            fmt.interval(one.share) or fmt.UNKNOWN,
            fmt.UNKNOWN if one.kappa is None else f"{one.kappa:.2f}",
        )
        for one in found[:_FEW_PAIRS]
    ]
    table = text_table(["Least agreement", "Agree", "Interval", "Kappa"], [("", pairs)], width)
    told = report.details.unanimity
    yield Group(table, Text(unanimity_words(told))) if told else table


def _flips(report: Report, names: Names, console: Console) -> None:
    """The first cases that were lost against a baseline: the ones to look at."""
    found = sorted((one for one in report.details.flips if one.lost), key=lambda one: -one.n_lost)
    if found:
        console.print()
        _lines(console, "Lost cases", "bold")
    for one in found[:_FEW_FLIPS]:
        who = f"{names[one.candidate].short} against {names[one.baseline].short}"
        few = ", ".join(fmt.name(flip.case) for flip in one.lost[:_NAMED])
        more = f" and {one.n_lost - _NAMED:,} more" if one.n_lost > _NAMED else ""
        _lines(console, f"{who} lost {one.n_lost:,}: {few}{more}", indent=2)
    if found:
        _lines(
            console, "Every case won or lost stands on the page and in `evalkit view`.", indent=2
        )


def _timelines(report: Report, names: Names, width: int) -> Iterator[Group]:
    """Each variant's score over the runs as a line of blocks, the latest figure beside it."""
    from rich.console import Group
    from rich.text import Text

    for line in report.timelines[:_FEW_ROWS]:
        known = [one.score for one in line.points if one.score.value is not None]
        last = fmt.score(known[-1]) if known else fmt.UNKNOWN
        title = f"{names[line.variant].short} by {fmt.name(line.scorer)} over the runs"
        spark = sparkline([one.score.value for one in line.points][-(width - 12) :])
        yield Group(Text(fmt.shortened(title, width), style="bold"), Text(f"  {spark} {last}"))


def _curves(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    from rich.console import Group
    from rich.text import Text

    is_short = len(analysis.curves) > _FEW_CURVES
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
        if is_short:
            yield Group(
                *lines, *(Text(one) for one in _hanging(fmt.one_line(curve.sentence), width))
            )
            continue
        told = [curve.sentence] if len(analysis.curves) > 1 else []
        told += [f"{gain.cheaper} to {gain.dearer}: {gain_words(gain)}" for gain in curve.gains]
        told += [*band_words(curve), *area_words(curve)]
        told += curve.notes
        if curve.policies:
            told.append("Where the score can be checked without the target, or by tag:")
        told += [f"{policy.name}: {policy_words(policy)}" for policy in curve.policies]
        words = [Text(line) for one in told for line in _hanging(fmt.one_line(one), width)]
        yield Group(*lines, "", _grid(rows.points_grid(curve), width), *words)
    if is_short:
        yield Group(Text("The page has each setting's figures, gains and policies."))


def _hanging(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def _samples(analysis: Analysis, names: Names, width: int) -> Iterator[Group]:
    """pass@k, pass^k and majority@k of the leading scorer, where cases have several samples."""
    from rich.console import Group
    from rich.text import Text

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
        told = [Text(f"  {fmt.shortened(one, width - 2)}") for one in spread_words(analysis, names)]
        yield Group(text_table(["Samples", *columns], whole, width), *told)


def _curve_line(point: CurvePoint, label: int, track: int) -> Text:
    from rich.text import Text

    name = fmt.shortened(fmt.one_line(point.thinking.key), label)
    line = Text(f"  {name:<{label}} {fmt.score(point.score):>5} ", no_wrap=True)
    line.append(interval_bar(point.score, track), style="cyan")
    return line


def _failures(variants: Sequence[VariantSummary]) -> Iterator[str]:
    """How many trials failed in which way."""
    kinds: Counter[str] = Counter()
    for variant in variants:
        kinds.update(variant.failures)
    for kind, count in kinds.most_common():
        meaning = f": {FAILURES[kind].meaning}" if kind in FAILURES else ""
        yield f"{count:,} {fmt.name(kind)}{meaning}"
