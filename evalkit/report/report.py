"""The report: everything a page says, decided once. Pages only write it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evalkit.analysis.results import Analysis
from evalkit.report.examples import (
    Answer,
    CaseExample,
    Example,
    PromptSent,
    Turn,
    choose,
)
from evalkit.report.format import count
from evalkit.report.headline import Headline, headline

__all__ = [
    "Answer",
    "CaseExample",
    "Example",
    "Headline",
    "ModelUsed",
    "PromptSent",
    "Provenance",
    "Report",
    "Turn",
    "build_report",
]


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A model by its ``name`` in the suite, the name ``asked`` for and the names that answered."""

    name: str
    asked: str
    answered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a report's numbers come from. Times are aware; ``pricing`` says whose prices, when.

    ``dataset_rows`` counts the rows used; ``endpoint_hosts`` are hosts (with port), never keys.
    """

    suite: str
    run_id: str
    run_path: str
    evalkit_version: str
    description: str | None = None
    status: str | None = None
    suite_digest: str | None = None
    dataset: str | None = None
    dataset_digest: str | None = None
    dataset_rows: int | None = None
    prompt_digests: Mapping[str, str] = field(default_factory=dict)
    endpoint_hosts: tuple[str, ...] = ()
    models: tuple[ModelUsed, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    pricing: str | None = None
    python_version: str | None = None
    git_commit: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What every page shows. ``selection`` says in a sentence which cases ``examples`` are."""

    headline: tuple[Headline, ...]
    analysis: Analysis
    provenance: Provenance
    warnings: tuple[str, ...]
    examples: tuple[Example, ...]
    n_cases: int
    selection: str


def build_report(
    analysis: Analysis,
    provenance: Provenance,
    cases: Iterable[CaseExample],
    n_cases: int | None = None,
) -> Report:
    """Decide what is said about a run. ``cases`` are read once and may be any number.

    ``n_cases`` is how many the run has, where ``cases`` are only those worth showing.
    """
    examples = choose(cases, analysis.comparisons)
    n_cases = examples.n_cases if n_cases is None else n_cases
    n_shown = len(examples.shown)
    if n_shown == n_cases:
        selection = f"All {count(n_shown, 'case')}, the most telling first."
    else:
        selection = (
            f"{n_shown} of {count(n_cases, 'case')}: those where settings disagree come "
            "first, then failures, then wrong answers. The run holds them all."
        )
    return Report(
        headline=headline(analysis),
        analysis=analysis,
        provenance=provenance,
        warnings=analysis.warnings,
        examples=examples.shown,
        n_cases=n_cases,
        selection=selection,
    )
