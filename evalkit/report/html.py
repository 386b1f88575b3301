"""The report as one self-contained HTML page that needs no network and runs nothing foreign.

Style and script stand inline and are allowed by their digests alone (Content-Security-Policy), so
that an answer that smuggled in markup would still execute nothing. Every value is neutralised and
escaped on its way into the template; the template computes nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup

from evalkit.analysis.results import (
    OUTCOME_CLASSES,
    Analysis,
    Comparison,
    OutcomeClass,
    VariantSummary,
)
from evalkit.errors import FAILURES
from evalkit.report import figures
from evalkit.report import format as fmt
from evalkit.report.casedata import OUTCOMES, page_data, script_json
from evalkit.report.charts.bars import outcome_bar, score_bar
from evalkit.report.charts.forest import differences
from evalkit.report.charts.speeds import speeds_chart
from evalkit.report.charts.thinking import thinking_curves
from evalkit.report.charts.timeline import QUANTITIES, timeline_chart
from evalkit.report.charts.tradeoff import tradeoff_chart
from evalkit.report.contests import contests
from evalkit.report.names import Names, thinking_phrase
from evalkit.report.report import Report
from evalkit.stats.estimates import Estimate

if TYPE_CHECKING:
    from jinja2 import Environment

SCRIPTS = ("parts.js", "sources.js", "words.js", "case.js", "browser.js")
MAX_TAGS = 40
_TABLED = ("by more than the margin", "cannot be settled with this dataset")
"""How notes begin that the interval and the column of needs show as well."""
_CHARTS: Mapping[str, Callable[..., str]] = {
    "thinking_curves": thinking_curves,
    "differences": differences,
    "tradeoff_chart": tradeoff_chart,
    "speeds_chart": speeds_chart,
    "timeline_chart": timeline_chart,
    "score_bar": score_bar,
    "outcome_bar": outcome_bar,
}


def render(report: Report) -> str:
    """The page as text; write it as UTF-8."""
    style, script = style_and_script()
    analysis, names = report.analysis, Names(report.analysis.variants)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            analysis=analysis,
            provenance=report.provenance,
            names=names,
            style=Markup(style),
            script=Markup(script),
            data=Markup(script_json(page_data(report, names))) if report.examples else "",
            policy=policy(style, script if report.examples else None),
            outcome_columns=_outcome_columns(analysis),
            contests={
                scorer: contests(analysis, scorer, names)
                for scorer in dict.fromkeys(one.scorer for one in analysis.comparisons)
            },
            confidence=_confidence(analysis),
            shared_notes=_shared_notes(analysis),
            shown=_shown(analysis),
            tags=_tags(analysis),
            n_tags=len({score.tag for score in analysis.tags}),
            flips=[one for one in report.details.flips if one.won or one.lost],
            agreeing=list(
                dict.fromkeys(k for p in report.details.agreements for k in (p.one, p.other))
            ),
            agreement={(pair.one, pair.other): pair for pair in report.details.agreements},
            failures=list(_failures(analysis.variants)),
        )
    )


def style_and_script() -> tuple[str, str]:
    """The style sheet and the script that every page carries."""
    known = environment()
    return _source(known, "report.css"), "\n".join(_source(known, name) for name in SCRIPTS)


def policy(style: str, script: str | None, connect: str = "'none'") -> str:
    """The Content-Security-Policy that admits this style sheet and this script and nothing else."""
    scripts = f"'{_digest(script)}'" if script is not None else "'none'"
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src {scripts}; "
        f"connect-src {connect}; img-src data:; base-uri 'none'; form-action 'none'"
    )


def link(**given: str) -> str:
    """What a page's address ends with to show a case, or the cases that a filter leaves."""
    return urlencode({name: fmt.one_line(value) for name, value in given.items()})


@dataclass(frozen=True, slots=True)
class TagColumn:
    """One tag, how many cases carry it, and the variants' means on them."""

    tag: str
    n: int
    means: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which columns have something to show."""

    per_right: bool
    first_token: bool
    thinking: bool
    samples: bool
    adjusted: bool
    elapsed: bool
    cost: bool


@dataclass(frozen=True, slots=True)
class FailureRow:
    """So many trials of a variant failed in one way."""

    variant: str
    kind: str
    meaning: str
    count: int


@cache
def environment() -> Environment:
    """Where pages come from; values are neutralised and escaped on their way into them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from evalkit.report.compiled import CompiledPages

    environment = Environment(
        loader=PackageLoader("evalkit.report"),
        bytecode_cache=CompiledPages(),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        fmt=fmt,
        figures=figures,
        link=link,
        own_notes=_own_notes,
        heat=lambda share: round(4 * share),
        outcomes=OUTCOMES,
        thinking_phrase=thinking_phrase,
        quantities=QUANTITIES,
        **{name: _drawn(draw) for name, draw in _CHARTS.items()},
    )
    return environment


def _drawn(draw: Callable[..., str]) -> Callable[..., Markup]:
    return lambda *given: Markup(draw(*given))


def _finalized(value: Any) -> Any:
    """What the template writes for a value: never ``None``, never a sign that acts."""
    if value is None:
        return fmt.UNKNOWN
    if isinstance(value, str) and not isinstance(value, Markup):
        return fmt.neutral(value)
    return value


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0].strip()


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _shared_notes(analysis: Analysis) -> dict[str, list[str]]:
    """What is noted of every comparison by a scorer, where there are several."""
    by_scorer: dict[str, list[tuple[str, ...]]] = {}
    for one in analysis.comparisons:
        by_scorer.setdefault(one.scorer, []).append(one.notes)
    return {
        scorer: [note for note in told[0] if all(note in notes for notes in told[1:])]
        if len(told) > 1
        else []
        for scorer, told in by_scorer.items()
    }


def _own_notes(one: Comparison, shared: Sequence[str]) -> str:
    """What is noted of one comparison, and neither of all nor in a column of its own."""
    told = [note for note in one.notes if note not in shared]
    return "; ".join(note for note in told if not note.startswith(_TABLED))


def _confidence(analysis: Analysis) -> str:
    means = [score.mean for one in analysis.variants for score in one.scores.values()]
    return fmt.confidence(means[0]) if means else "95%"


def _outcome_columns(analysis: Analysis) -> list[OutcomeClass]:
    """The outcomes that occurred on the leading scorer."""
    found = [
        variant.scores[scorer].outcomes
        for variant in analysis.variants
        for scorer in variant.scores
        if scorer == analysis.leading_scorer
    ]
    return [name for name in OUTCOME_CLASSES if any(counts.get(name) for counts in found)]


def _tags(analysis: Analysis) -> list[TagColumn]:
    """The tags with the most cases, the largest first."""
    by_tag: dict[str, dict[str, Estimate]] = {}
    for score in analysis.tags:
        by_tag.setdefault(score.tag, {})[score.variant] = score.mean
    columns = [
        TagColumn(tag, max(mean.n for mean in means.values()), means)
        for tag, means in by_tag.items()
    ]
    return sorted(columns, key=lambda column: -column.n)[:MAX_TAGS]


def _shown(analysis: Analysis) -> Shown:
    leading = [
        summary
        for variant in analysis.variants
        for summary in variant.scores.values()
        if summary.scorer == analysis.leading_scorer
    ]
    return Shown(
        per_right=any(summary.cost_per_right_usd is not None for summary in leading),
        first_token=any(one.first_token_p50_s is not None for one in analysis.variants),
        thinking=any(one.thinking_tokens_mean is not None for one in analysis.variants),
        samples=any(summary.samples for summary in leading),
        adjusted=any(one.p_value != one.p_adjusted for one in analysis.comparisons),
        elapsed=any(one.elapsed_s is not None for one in analysis.comparisons),
        cost=any(one.cost_usd is not None for one in analysis.comparisons),
    )


def _failures(variants: Sequence[VariantSummary]) -> Iterator[FailureRow]:
    for variant in variants:
        for kind, count in variant.failures.items():
            meaning = FAILURES[kind].meaning if kind in FAILURES else fmt.UNKNOWN
            yield FailureRow(variant.variant, kind, meaning, count)
