"""The report: everything a page says, decided once. Pages only write it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evalkit.analysis.details import Details
from evalkit.analysis.results import Analysis
from evalkit.analysis.timeline import Timeline
from evalkit.report.examples import (
    Answer,
    CaseExample,
    Example,
    Grade,
    PromptSent,
    Try,
    Turn,
    choose,
)
from evalkit.report.format import count
from evalkit.report.headline import Headline, headline

__all__ = [
    "Answer",
    "CaseExample",
    "Example",
    "Grade",
    "Headline",
    "ModelUsed",
    "PromptSent",
    "Provenance",
    "Report",
    "Section",
    "Table",
    "Try",
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
class Table:
    """Cells in words, names in the first column; every row is as long as ``columns``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A further section, shown by every page: a gate's rules, what judging cost.

    ``key`` names it in links and JSON, ``sentences`` come before the tables.
    """

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What every page shows. ``selection`` says in a sentence which cases ``examples`` are.

    ``sections`` stand after the five answers; ``timelines`` are earlier runs of the suite.
    """

    headline: tuple[Headline, ...]
    analysis: Analysis
    provenance: Provenance
    warnings: tuple[str, ...]
    examples: tuple[Example, ...]
    n_cases: int
    selection: str
    details: Details = field(default_factory=Details)
    timelines: tuple[Timeline, ...] = ()
    sections: tuple[Section, ...] = ()


def build_report(
    analysis: Analysis,
    provenance: Provenance,
    cases: Iterable[CaseExample],
    n_cases: int | None = None,
    details: Details | None = None,
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
            f"{n_shown:,} of {count(n_cases, 'case')}: those where settings disagree come "
            "first, then failures, then wrong answers."
        )
    return Report(
        headline=headline(analysis),
        analysis=analysis,
        provenance=provenance,
        warnings=analysis.warnings,
        examples=examples.shown,
        n_cases=n_cases,
        selection=selection,
        details=details or Details(),
    )
