"""The cells of the tables that several pages share, so that one figure reads alike everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.analysis.flips import Flip
from evalkit.analysis.results import (
    Analysis,
    Comparison,
    CurvePoint,
    ScoreSummary,
    ThinkingCurve,
    VariantSummary,
)
from evalkit.errors import FAILURES
from evalkit.report import format as fmt
from evalkit.report.figures import cost_words, needs_words
from evalkit.report.names import Names
from evalkit.report.report import Provenance
from evalkit.stats.estimates import Estimate

VariantFigure = Callable[[VariantSummary, ScoreSummary | None], str]

SCORE_FIGURES: Mapping[str, VariantFigure] = {
    "Score": lambda _, score: fmt.score(score.mean) if score else fmt.UNKNOWN,
    "Interval": lambda _, score: (fmt.interval(score.mean) if score else "") or fmt.UNKNOWN,
    "n": lambda one, _: f"{one.n_answered:,}",
    "Failed": lambda one, _: f"{one.n_failed:,}",
    "Cut off": lambda one, _: f"{one.n_truncated:,}",
    "Refused": lambda one, _: f"{one.n_refused:,}",
}
"""What a variant scored, and what was lost of it."""

COST_FIGURES: Mapping[str, VariantFigure] = {
    "Cost": lambda one, _: cost_words(one),
    "Per right": lambda _, score: _known(score.cost_per_right_usd if score else None, fmt.money),
    "p50": lambda one, _: fmt.seconds(one.elapsed_p50_s),
    "p95": lambda one, _: fmt.seconds(one.elapsed_p95_s),
    "First": lambda one, _: fmt.seconds(one.first_token_p50_s),
    "In": lambda one, _: fmt.tokens(one.input_tokens_mean),
    "Out": lambda one, _: fmt.tokens(one.output_tokens_mean),
    "Think": lambda one, _: fmt.tokens(one.thinking_tokens_mean),
}
"""What a variant took: dollars, seconds (medians but for p95), mean tokens an answer."""

COMPARISON_FIGURES: Mapping[str, Callable[[Comparison], str]] = {
    "Points": lambda one: fmt.difference(one.difference),
    "Interval": lambda one: fmt.difference_interval(one.difference) or fmt.UNKNOWN,
    "Verdict": lambda one: one.verdict,
    "W/L/T": lambda one: f"{one.wins:,}/{one.losses:,}/{one.ties:,}",
    "Needs": needs_words,
}

POINT_FIGURES: Mapping[str, Callable[[CurvePoint], str]] = {
    "Score": lambda one: fmt.score(one.score),
    "Interval": lambda one: fmt.interval(one.score) or fmt.UNKNOWN,
    "Cost": lambda one: cost_words(one),
    "p50": lambda one: fmt.seconds(one.elapsed_p50_s),
    "Out": lambda one: fmt.tokens(one.output_tokens_mean),
    "Think": lambda one: fmt.tokens(one.thinking_tokens_mean),
    "Of budget": lambda one: _known(one.budget_used, fmt.percent),
    "Cut off": lambda one: f"{one.n_truncated:,}",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: rows of cells under the headings of their sections, names in the first column."""

    columns: tuple[str, ...]
    sections: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]

    @property
    def n_rows(self) -> int:
        """How many rows there are, headings left out."""
        return sum(len(rows) for _, rows in self.sections)


def variants_grid(
    analysis: Analysis, names: Names, figures: Mapping[str, VariantFigure], *, slim: bool = False
) -> Grid:
    """All variants; ``slim`` leaves out columns that nothing is known for."""
    sections = []
    for group, found in names.grouped():
        rows = []
        for label, one in found:
            score = one.scores.get(analysis.leading_scorer or "")
            rows.append((label, *(figure(one, score) for figure in figures.values())))
        sections.append((group, tuple(rows)))
    grid = Grid(("Variant", *figures), tuple(sections))
    return _slimmed(grid) if slim else grid


def points_grid(curve: ThinkingCurve) -> Grid:
    """The settings of a thinking curve; the recommended one is marked."""
    rows = tuple(
        (
            f"{fmt.name(one.thinking.key)}{' ◂' if one.thinking.key == curve.recommended else ''}",
            *(figure(one) for figure in POINT_FIGURES.values()),
        )
        for one in curve.points
    )
    return _slimmed(Grid(("Thinking", *POINT_FIGURES), (("", rows),)))


def tags_grid(analysis: Analysis, names: Names, most: int) -> Grid:
    """The tags with the most cases, a row each, and every variant's mean on them."""
    means: dict[str, dict[str, Estimate]] = {}
    for score in analysis.tags:
        means.setdefault(score.tag, {})[score.variant] = score.mean
    keys = [one.variant for one in analysis.variants]
    sizes = {tag: max(mean.n for mean in found.values()) for tag, found in means.items()}
    rows = tuple(
        (
            fmt.name(tag),
            f"{sizes[tag]:,}",
            *(fmt.score(means[tag][key]) if key in means[tag] else fmt.UNKNOWN for key in keys),
        )
        for tag in sorted(means, key=lambda tag: -sizes[tag])[:most]
    )
    return Grid(("Tag", "n", *(names[key].short for key in keys)), (("", rows),))


def failures(variants: Sequence[VariantSummary]) -> Iterator[tuple[str, str, str, int]]:
    """Variant, kind of failure, its meaning, and how many trials it hit."""
    for variant in variants:
        for kind, count in variant.failures.items():
            meaning = FAILURES[kind].meaning if kind in FAILURES else fmt.UNKNOWN
            yield variant.variant, fmt.name(kind), meaning, count


def flip_words(flip: Flip) -> str:
    """A flip's case and how its mean score went: ``case-7 0 → 1``, in percent when partial."""

    def written(value: float) -> str:
        return str(round(value)) if value in (0.0, 1.0) else fmt.percent(value)

    return f"{fmt.name(flip.case)} {written(flip.baseline)} → {written(flip.candidate)}"


def provenance_facts(provenance: Provenance) -> Iterator[tuple[str, str]]:
    """Where the numbers come from, fact by fact, each on one line."""
    yield "run", fmt.one_line(f"{provenance.run_id} ({provenance.run_path})")
    yield "suite", _with_digest(provenance.suite, provenance.suite_digest)
    rows = provenance.dataset_rows
    told = fmt.count(rows, "row") if rows is not None else "rows unknown"
    dataset = f"{provenance.dataset}, {told}" if provenance.dataset else told
    yield "dataset", _with_digest(dataset, provenance.dataset_digest)
    for prompt, digest in provenance.prompt_digests.items():
        yield "prompt", _with_digest(fmt.name(prompt), digest)
    for model in provenance.models:
        answered = ", ".join(model.answered) or "none"
        told = f"{model.name}: asked {model.asked}, answered by {answered}"
        yield "model", fmt.one_line(told)
    yield "endpoint", fmt.one_line(", ".join(provenance.endpoint_hosts)) or fmt.UNKNOWN
    times = f"{fmt.moment(provenance.started_at)} to {fmt.moment(provenance.ended_at)}"
    yield "time", f"{times}, {fmt.name(provenance.status)}" if provenance.status else times
    yield "prices", fmt.one_line(provenance.pricing or fmt.UNPRICED)
    software = f"evalkit {provenance.evalkit_version}"
    if provenance.python_version:
        software += f", Python {provenance.python_version}"
    if provenance.git_commit:
        software += f", commit {provenance.git_commit}"
    yield "software", fmt.one_line(software)


def _with_digest(text: str, digest: str | None) -> str:
    return fmt.one_line(f"{text} {digest}" if digest else text)


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return fmt.UNKNOWN if value is None else write(value)


def _slimmed(grid: Grid) -> Grid:
    """Without the columns that hold nothing known in any row."""
    rows = [row for _, found in grid.sections for row in found]
    kept = [
        at
        for at in range(len(grid.columns))
        if at == 0 or any(row[at] not in (fmt.UNKNOWN, "") for row in rows)
    ]

    def thin(row: Sequence[str]) -> tuple[str, ...]:
        return tuple(row[at] for at in kept)

    return Grid(
        thin(grid.columns),
        tuple((heading, tuple(thin(row) for row in found)) for heading, found in grid.sections),
    )
