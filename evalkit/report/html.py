"""The report as one self-contained HTML page that needs no network and runs nothing foreign.

Style and script stand inline and are allowed by their digests alone (Content-Security-Policy), so
that an answer that smuggled in markup would still execute nothing. Every value is neutralised and
escaped on its way into the template; the template computes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalkit.analysis.results import (
    OUTCOME_CLASSES,
    Analysis,
    OutcomeClass,
    VariantSummary,
)
from evalkit.errors import FAILURES
from evalkit.report import charts, figures
from evalkit.report import format as fmt
from evalkit.report.contests import contests
from evalkit.report.names import Names, thinking_phrase
from evalkit.report.report import Report
from evalkit.stats.estimates import Estimate

if TYPE_CHECKING:
    from jinja2 import Environment

OUTCOMES: dict[OutcomeClass, tuple[str, str]] = {
    "right": ("✓", "right"),
    "partial": ("◐", "partly right"),
    "wrong": ("✗", "wrong"),
    "truncated": ("…", "cut off"),
    "refused": ("⊘", "refused"),
    "no_text": ("∅", "no text"),
    "model_error": ("!", "request refused"),
    "infra_error": ("!", "failed"),
    "unscored": ("?", "not scored"),
    "not_run": ("·", "not run"),
}
"""The sign and the words of each outcome."""
MAX_TAGS = 40


def render(report: Report) -> str:
    """The page as text; write it as UTF-8."""
    environment = _environment()
    style, script = _source(environment, "report.css"), _source(environment, "report.js")
    analysis, names = report.analysis, Names(report.analysis.variants)
    return environment.get_template("report.html.j2").render(
        report=report,
        analysis=analysis,
        provenance=report.provenance,
        names=names,
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        outcome_columns=_outcome_columns(analysis),
        contests={
            scorer: contests(analysis, scorer, names)
            for scorer in dict.fromkeys(one.scorer for one in analysis.comparisons)
        },
        shown=_shown(analysis),
        tags=_tags(analysis),
        n_tags=len({score.tag for score in analysis.tags}),
        case_tags=_case_tags(report),
        failures=list(_failures(analysis.variants)),
    )


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy that admits this style sheet and this script and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def anchor(case_id: str) -> str:
    """The element id of a case: readable, unique, safe in a URL without further escaping."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", lambda sign: f"~{ord(sign[0]):x}~", case_id)
    if len(safe) > 80:
        digest = hashlib.blake2b(safe.encode(), digest_size=8).hexdigest()
        safe = f"{safe[:60]}~{digest}"
    return f"case-{safe}"


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
    refused: bool
    notes: bool
    samples: bool
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
def _environment() -> Environment:
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
        anchor=anchor,
        outcomes=OUTCOMES,
        thinking_phrase=thinking_phrase,
        thinking_curves=lambda *given: Markup(charts.thinking_curves(*given)),
        differences=lambda *given: Markup(charts.differences(*given)),
        score_bar=lambda estimate: Markup(charts.score_bar(estimate)),
        outcome_bar=lambda counts: Markup(charts.outcome_bar(counts)),
    )
    return environment


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


def _case_tags(report: Report) -> dict[str, int]:
    """Every tag of the cases shown, and a number to filter by instead of the foreign word."""
    tags = sorted({tag for example in report.examples for tag in example.case.tags})
    return {tag: index for index, tag in enumerate(tags)}


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
        refused=any(one.n_refused for one in analysis.variants),
        notes=any(
            one.notes or one.needs_cases or one.needs_samples for one in analysis.comparisons
        ),
        samples=any(summary.samples for summary in leading),
        elapsed=any(one.elapsed_s is not None for one in analysis.comparisons),
        cost=any(one.cost_usd is not None for one in analysis.comparisons),
    )


def _failures(variants: Sequence[VariantSummary]) -> Iterator[FailureRow]:
    for variant in variants:
        for kind, count in variant.failures.items():
            meaning = FAILURES[kind].meaning if kind in FAILURES else fmt.UNKNOWN
            yield FailureRow(variant.variant, kind, meaning, count)
