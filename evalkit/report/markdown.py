"""The report as Markdown for a pull request: it fits a comment, and its tables render on GitHub.

Foreign text can do nothing in it: names stand in code spans, sentences have every sign escaped that
could begin a link, an image, markup, a mention of a person or an issue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from evalkit.report import format as fmt
from evalkit.report import rows
from evalkit.report.contests import contests
from evalkit.report.figures import gain_words, policy_words, unanimity_words
from evalkit.report.names import Names
from evalkit.report.report import Report, Table
from evalkit.report.textgrid import sparkline

MAX_CHARS = 59_000
"""GitHub takes comments of 65,536 characters; bytes and characters are kept well apart."""
MAX_TAGS = 15
_ROW_STEPS = (60, 30, 15, 6)
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_STARTS = re.compile(r"^(?:([-+](?=\s|$)|[#=])|(\d+)(?=[.)](?:\s|$)))")
_BREAK = "&#8203;"  # a space of no width: what it parts is no mention, reference or address


def render(report: Report) -> str:
    """The document; at most :data:`MAX_CHARS` characters, whatever is in the report."""
    names = Names(report.analysis.variants)
    head = _head(report)
    tail = _provenance(report)
    kept, left = [], MAX_CHARS - len(head) - len(tail) - 200
    left_out = 0
    for section in _sections(report, names):
        text = next((t for most in _ROW_STEPS if len(t := section(most)) <= left), None)
        if text is None:
            left_out += 1
        else:
            kept.append(text)
            left -= len(text)
    if left_out:
        kept.append(f"*{fmt.count(left_out, 'section')} left out for want of room.*\n")
    return "\n".join([head, *(text for text in kept if text), tail])


def text(words: str) -> str:
    """Foreign words as text on one line that Markdown and GitHub take for nothing else."""
    plain = fmt.one_line(words).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _SPECIAL.sub(r"\\\1", plain)
    plain = _STARTS.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\", plain)
    plain = re.sub(r"([@#]|\bGH-)(?=\w)", rf"\1{_BREAK}", plain)
    plain = re.sub(r"(?i)\b(www)\.", rf"\1{_BREAK}.", plain)
    return re.sub(r"(?i)(\w):(?=//)", rf"\1{_BREAK}:", plain)


def code(words: str, width: int = 60) -> str:
    """A foreign name as a code span."""
    plain = fmt.shortened(fmt.one_line(words), width)
    if not plain:
        return fmt.UNKNOWN
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or plain.endswith("\\") else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def table(
    columns: Sequence[str], found: Sequence[Sequence[str]], most: int, *, is_prose: bool = False
) -> str:
    """A table whose first column is names and whose others are ours; at most so many rows.

    Numbers are set to the right, prose to the left.
    """
    side = ":--" if is_prose else "--:"
    lines = [
        "| " + " | ".join(text(title) for title in columns) + " |",
        "|" + "|".join([":--", *[side] * (len(columns) - 1)]) + "|",
    ]
    for name, *cells in found[:most]:
        lines.append(
            "| "
            + " | ".join([code(name).replace("|", "\\|"), *(text(cell) for cell in cells)])
            + " |"
        )
    if len(found) > most:
        lines.append(f"\n*{most} of {len(found):,} rows.*")
    return "\n".join(lines) + "\n"


def _head(report: Report) -> str:
    analysis = report.analysis
    facts = [fmt.count(analysis.n_cases, "case"), fmt.count(len(analysis.variants), "variant")]
    if analysis.leading_scorer:
        facts.append(f"scored by {code(analysis.leading_scorer)}")
    lines = [f"## {text(fmt.name(report.provenance.suite))}", "", ", ".join(facts), ""]
    for answer in report.headline:
        lines += [f"**{answer.question}**"]
        lines += [f"- {_bounded(sentence)}" for sentence in answer.sentences[:12]]
        lines.append("")
    if report.warnings:
        lines += ["> [!WARNING]", "> **Before you rely on this**", ">"]
        lines += [f"> - {_bounded(warning)}" for warning in report.warnings[:12]]
        if len(report.warnings) > 12:
            lines.append(f"> - and {len(report.warnings) - 12:,} more")
        lines.append("")
    return "\n".join(lines)


def _bounded(sentence: str) -> str:
    return text(fmt.shortened(fmt.one_line(sentence), 700))


def _sections(report: Report, names: Names) -> Iterator[Callable[[int], str]]:
    """Each section as a function of how many rows its tables may have."""
    for section in report.sections:
        yield (
            lambda most, one=section: _folded(  # type: ignore[misc]
                one.title,
                "".join(f"- {_bounded(sentence)}\n" for sentence in one.sentences[:20]),
                *(_given_table(found, most) for found in one.tables),
                is_open=True,
            )
        )
    yield lambda most: _variants(report, names, most)
    yield lambda most: _comparisons(report, names, most)
    yield lambda most: _curves(report, names)
    yield lambda most: _timelines(report, names, most)
    yield lambda most: _flips(report, names, most)
    yield lambda most: _tags(report, names, most)
    yield lambda most: _agreement(report, names, most)
    yield lambda most: _failures(report, names, most)


def _folded(title: str, *parts: str, is_open: bool = False) -> str:
    """A section that can be folded away; nothing where there is nothing to show."""
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    start = "<details open>" if is_open else "<details>"
    return f"{start}<summary><b>{text(title)}</b></summary>\n\n{body}\n</details>\n"


def _given_table(given: Table, most: int) -> str:
    title = f"**{text(given.title)}**\n\n" if given.title else ""
    return f"{title}{table(given.columns, given.rows, most)}"


def _grid(grid: rows.Grid, most: int) -> str:
    """A grid as one table; a row under a heading has it before its name."""
    found = [
        (f"{heading}: {row[0]}" if heading else row[0], *row[1:])
        for heading, held in grid.sections
        for row in held
    ]
    return table(grid.columns, found, most)


def _variants(report: Report, names: Names, most: int) -> str:
    figures = {**rows.SCORE_FIGURES, **rows.COST_FIGURES}
    grid = rows.variants_grid(report.analysis, names, figures, slim=True)
    note = "Cost in all and per right answer; p50, p95 and first token in service; mean tokens.\n"
    return _folded("Variants", _grid(grid, most), note, is_open=True)


def _comparisons(report: Report, names: Names, most: int) -> str:
    parts = []
    for scorer in dict.fromkeys(one.scorer for one in report.analysis.comparisons):
        grid = rows.Grid(
            ("Candidate", *rows.COMPARISON_FIGURES),
            tuple(
                (
                    contest.heading,
                    tuple(
                        (contest.label(one), *(f(one) for f in rows.COMPARISON_FIGURES.values()))
                        for one in contest.comparisons
                    ),
                )
                for contest in contests(report.analysis, scorer, names)
            ),
        )
        if scorer != report.analysis.leading_scorer:
            parts.append(f"By {code(scorer)}:\n")
        parts.append(_grid(grid, most))
    return _folded("Paired comparison, in points", *parts, is_open=True)


def _curves(report: Report, names: Names) -> str:
    parts = []
    for curve in report.analysis.curves[:8]:
        where = names.group(curve.prompt, curve.model)
        parts.append(f"{code(where)}\n" if where else "")
        parts.append(f"{_bounded(curve.sentence)}\n")
        parts.append(_grid(rows.points_grid(curve), 40))
        told = [f"{gain.cheaper} to {gain.dearer}: {gain_words(gain)}" for gain in curve.gains[:8]]
        told += [f"{policy.name}: {policy_words(policy)}" for policy in curve.policies[:6]]
        parts.append("".join(f"- {_bounded(sentence)}\n" for sentence in (*told, *curve.notes[:6])))
    return _folded("Thinking", *parts)


def _timelines(report: Report, names: Names, most: int) -> str:
    """Each variant's score over the runs as blocks, with the latest figure and what changed."""
    parts = []
    for line in report.timelines[:most]:
        known = [one.score for one in line.points if one.score.value is not None]
        blocks = sparkline([one.score.value for one in line.points][-60:])
        last = fmt.score(known[-1]) if known else fmt.UNKNOWN
        changes = [
            f"{one.at:%Y-%m-%d} {', '.join(one.changes)}" for one in line.points if one.changes
        ]
        told = f"; changed: {'; '.join(changes[-5:])}" if changes else ""
        name = f"{code(names[line.variant].short)} by {code(line.scorer)}"
        parts.append(f"- {name}: {blocks} {last}{_bounded(told)}")
    return _folded("Over the runs", "\n".join(parts) + "\n" if parts else "")


def _flips(report: Report, names: Names, most: int) -> str:
    parts = []
    for one in report.details.flips:
        for verb, number, found in (("won", one.n_won, one.won), ("lost", one.n_lost, one.lost)):
            if found:
                few = found[: max(3, most // 4)]
                named = ", ".join(code(flip.case) for flip in few)
                more = f" and {number - len(few):,} more" if number > len(few) else ""
                parts.append(
                    f"- {code(names[one.candidate].short)} {verb} {fmt.count(number, 'case')} "
                    f"against {code(names[one.baseline].short)}: {named}{more}"
                )
    return _folded("Flips, case by case", "\n".join(parts[: 2 * most]) + "\n" if parts else "")


def _tags(report: Report, names: Names, most: int) -> str:
    if not report.analysis.tags or len(report.analysis.variants) > MAX_TAGS:
        return ""
    grid = rows.tags_grid(report.analysis, names, MAX_TAGS)
    columns = tuple(
        title if at < 2 else fmt.shortened(title, 30) for at, title in enumerate(grid.columns)
    )
    return _folded("Score by tag", _grid(rows.Grid(columns, grid.sections), most))


def _agreement(report: Report, names: Names, most: int) -> str:
    pairs = [
        (
            f"{names[one.one].short} and {names[one.other].short}",
            fmt.score(one.share),
            fmt.interval(one.share) or fmt.UNKNOWN,
            fmt.UNKNOWN if one.kappa is None else f"{one.kappa:.2f}",
            f"{one.n_cases:,}",
        )
        for one in sorted(report.details.agreements, key=lambda one: one.share.value or 0)
    ]
    if not pairs:
        return ""
    columns = ("Variants", "Agree", "Interval", "Kappa", "Cases")
    told = report.details.unanimity
    sentence = f"{unanimity_words(told)}\n" if told else ""
    return _folded("Agreement between variants", sentence, table(columns, pairs, min(most, 20)))


def _failures(report: Report, names: Names, most: int) -> str:
    found = [
        (names[variant].short, kind, meaning, f"{count:,}")
        for variant, kind, meaning, count in rows.failures(report.analysis.variants)
    ]
    if not found:
        return ""
    return _folded("Failures", table(("Variant", "Kind", "Meaning", "Trials"), found, most))


def _provenance(report: Report) -> str:
    facts = islice(rows.provenance_facts(report.provenance), 40)
    told = [f"- {name}: {code(value, 160)}" for name, value in facts]
    return _folded("Provenance", "\n".join(told) + "\n")
