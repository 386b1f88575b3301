"""A run to its Report: analysis of what is stored, provenance, telling cases."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import grade
from evalkit.analysis.results import OUTCOME_CLASSES, Analysis, OutcomeClass
from evalkit.analysis.trials import COLUMNS, Trials, read_trials
from evalkit.errors import UsageError
from evalkit.pipeline.score import score_run
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.wiring import resolve_endpoints
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.report.report import (
    Answer,
    CaseExample,
    ModelUsed,
    PromptSent,
    Provenance,
    Report,
    Turn,
    build_report,
)
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.types import Case

_ANSWER_COLUMNS = [
    "trial_key",
    "case_id",
    "variant_key",
    "sample",
    "status",
    "text",
    "thinking_text",
    "stop_reason",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "elapsed_s",
    "cost_usd",
    "error_kind",
    "error_message",
]


def compare_run(
    folder: RunFolder, *, scorer: str | None = None, baseline: str | None = None
) -> Report:
    """Analyse a run, scoring it first where scores are missing.

    ``scorer`` leads the comparison (default: the suite's first), ``baseline`` is a variant's key.
    Raises UsageError for names the run does not have, StoreError for a damaged run.
    """
    suite, manifest = stored_suite(folder), folder.manifest()
    variants = plan_variants(suite, resolve_endpoints(suite, {}), manifest.only)
    responses = folder.responses(list(dict.fromkeys([*COLUMNS, *_ANSWER_COLUMNS])))
    scores = _scores(folder, suite, responses.num_rows)
    trials = read_trials(
        responses,
        scores,
        folder.case_columns(),
        {planned.variant: manifest.n_cases * suite.samples for planned in variants},
    )
    options = Options(
        # The same run draws the same random numbers, on any machine.
        seed=zlib.crc32(manifest.run_id.encode()),
        margin=suite.report.margin,
        leading_scorer=scorer,
        baseline=baseline or suite.report.baseline,
    )
    try:
        analysis = analyse(trials, options)
    except ValueError as error:
        raise UsageError(str(error), _choices(suite, variants)) from error
    examples = _examples(folder, variants, responses, scores, trials, analysis)
    return build_report(analysis, _provenance(folder, suite, manifest, analysis), examples)


def _scores(folder: RunFolder, suite: Suite, answered: int) -> dict[str, pa.Table]:
    """Every scorer's grades; scored now if a scorer has not seen all that is stored."""
    found = {spec.name: folder.scores(spec.name) for spec in suite.scorers}
    if any(table is None or table.num_rows != answered for table in found.values()):
        score_run(folder)
        found = {spec.name: folder.scores(spec.name) for spec in suite.scorers}
    return {name: table for name, table in found.items() if table is not None}


def _choices(suite: Suite, variants: list[PlannedVariant]) -> str:
    scorers = ", ".join(spec.name for spec in suite.scorers) or "none"
    keys = ", ".join(planned.variant.key for planned in variants[:12])
    return f"Scorers: {scorers}. Variants: {keys}."


def _examples(
    folder: RunFolder,
    variants: list[PlannedVariant],
    responses: pa.Table,
    scores: Mapping[str, pa.Table],
    trials: Trials,
    analysis: Analysis,
) -> Iterator[CaseExample]:
    """Every case with its prompts as sent and its answers, one at a time."""
    lead = analysis.leading_scorer
    outcomes: list[OutcomeClass | None] = [None] * responses.num_rows
    grades: dict[str, dict[str, Any]] = {}
    if lead is not None:
        outcomes = [OUTCOME_CLASSES[code] for code in grade(trials, lead).outcome]
        grades = {row["trial_key"]: row for row in scores[lead].to_pylist()}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, case_id in enumerate(responses["case_id"].to_pylist()):
        places[case_id].append(place)
    order = {planned.variant.key: number for number, planned in enumerate(variants)}
    texts = responses.select(_ANSWER_COLUMNS)
    for case in folder.cases():
        rows = texts.take(pa.array(places[case.id], pa.int64())).to_pylist()
        answers = [
            _answer(row, outcomes[place], grades.get(row["trial_key"], {}))
            for row, place in zip(rows, places[case.id], strict=True)
        ]
        answers.sort(key=lambda answer: (order[answer.variant], answer.sample))
        yield CaseExample(
            id=case.id,
            prompts=_prompts_sent(case, variants),
            answers=tuple(answers),
            target=case.target,
            tags=case.tags,
        )


def _answer(
    row: Mapping[str, Any], outcome: OutcomeClass | None, grade: Mapping[str, Any]
) -> Answer:
    failure = f"{row['error_kind']}: {row['error_message']}" if row["status"] != "ok" else None
    return Answer(
        variant=row["variant_key"],
        sample=row["sample"],
        outcome=outcome,
        text=row["text"],
        thinking=row["thinking_text"],
        score=grade.get("value"),
        extracted=grade.get("answer"),
        reason=grade.get("reason"),
        stop_reason=row["stop_reason"],
        failure=failure,
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        thinking_tokens=row["thinking_tokens"],
        elapsed_s=row["elapsed_s"],
        cost_usd=row["cost_usd"],
    )


def _prompts_sent(case: Case, variants: list[PlannedVariant]) -> tuple[PromptSent, ...]:
    prompts = {planned.variant.prompt: planned.prompt for planned in variants}
    sent = []
    for name, prompt in prompts.items():
        turns = (Turn(role, text) for role, text in prompt.render(case).turns())
        sent.append(PromptSent(name, tuple(turns)))
    return tuple(sent)


def _provenance(
    folder: RunFolder, suite: Suite, manifest: Manifest, analysis: Analysis
) -> Provenance:
    answered: defaultdict[str, set[str]] = defaultdict(set)
    for summary in analysis.variants:
        answered[summary.model].update(summary.models_answered)
    digests = manifest.digests
    pricings = sorted(set(_pricing_sources(folder)))
    return Provenance(
        suite=manifest.name,
        run_id=manifest.run_id,
        run_path=str(folder.path),
        evalkit_version=manifest.versions.get("evalkit", "?"),
        description=suite.description or None,
        status=manifest.status,
        suite_digest=digests.get("suite"),
        dataset=Path(suite.dataset.path).name,
        dataset_digest=digests.get("dataset"),
        dataset_rows=manifest.n_cases,
        prompt_digests={
            name.removeprefix("prompt:"): digest
            for name, digest in digests.items()
            if name.startswith("prompt:")
        },
        endpoint_hosts=tuple(dict.fromkeys(manifest.endpoints.values())),
        models=tuple(
            ModelUsed(model.name, model.model, tuple(sorted(answered[model.name])))
            for model in suite.models
        ),
        started_at=datetime.fromisoformat(manifest.started_at),
        ended_at=datetime.fromisoformat(manifest.ended_at) if manifest.ended_at else None,
        pricing=", ".join(pricings) or None,
        python_version=manifest.versions.get("python"),
        git_commit=manifest.git_commit,
    )


def _pricing_sources(folder: RunFolder) -> list[str]:
    sources = pc.unique(folder.responses(["pricing_source"])["pricing_source"])
    return [source for source in sources.to_pylist() if source]
