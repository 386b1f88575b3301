"""The cases worth showing, with their prompts as sent and every answer to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.analysis.flips import FLIP
from evalkit.analysis.outcomes import Graded, case_scores, grade
from evalkit.analysis.results import OUTCOME_CLASSES, Analysis, OutcomeClass
from evalkit.analysis.trials import Trials
from evalkit.plan.matrix import PlannedVariant
from evalkit.report.examples import MAX_CASES
from evalkit.report.report import Answer, CaseExample, Grade, PromptSent, Try, Turn
from evalkit.store.runs import RunFolder
from evalkit.tables import RESPONSES
from evalkit.types import Case

if TYPE_CHECKING:
    from evalkit.pipeline.stored import StoredRun

COLUMNS = (
    *("trial_key", "case_id", "variant_key", "sample", "status", "text", "thinking_text"),
    *("stop_reason", "input_tokens", "output_tokens", "thinking_tokens", "first_token_s"),
    *("elapsed_s", "cost_usd", "error_kind", "error_message", "attempts"),
)
"""The columns of ``responses`` that an answer is shown with."""
_FAULTS = ("truncated", "refused", "no_text", "model_error", "infra_error", "unscored")


def examples(
    runs: Sequence[StoredRun], trials: Trials, analysis: Analysis
) -> Iterator[CaseExample]:
    """The cases that tell most, as many as a page shows at most, one at a time.

    Texts are read for these cases alone.
    """
    graded = grade(trials, analysis.leading_scorer) if analysis.leading_scorer else None
    chosen = _telling(trials, analysis, graded)
    wanted = pa.array([trials.cases.ids[place] for place in chosen], pa.string())
    answers: defaultdict[str, list[Answer]] = defaultdict(list)
    outcomes = _outcomes(trials, graded, chosen)
    grades = _grades(runs, analysis, wanted)
    for run in runs:
        for row in run.keyed(_rows_of(run.folder, wanted)).to_pylist():
            outcome = outcomes.get((row["case_id"], row["variant_key"], row["sample"]))
            answer = answer_of(row, outcome, grades.get(row["trial_key"], ()))
            answers[row["case_id"]].append(answer)
    order = {variant.key: place for place, variant in enumerate(trials.variants)}
    for case, owners in _cases(runs, wanted):
        found = answers[case.id]
        found.sort(key=lambda answer: (order[answer.variant], answer.sample))
        yield CaseExample(
            id=case.id,
            prompts=prompts_sent(owners),
            answers=tuple(found),
            target=case.target,
            tags=case.tags,
        )


def _rows_of(folder: RunFolder, wanted: pa.Array) -> pa.Table:
    """What is stored of these cases."""
    nothing = RESPONSES.empty_table().select(COLUMNS)
    parts = (
        part.filter(pc.is_in(part["case_id"], value_set=wanted))
        for part in folder.outcomes(COLUMNS)
    )
    return pa.concat_tables([nothing, *parts])


def _telling(trials: Trials, analysis: Analysis, graded: Graded | None) -> list[int]:
    """Positions of cases: disagreement first, then faults, then wrong answers; in their order."""
    n_cases = len(trials.cases.ids)
    rank = np.full(n_cases, 3)
    if graded is not None:
        scores = case_scores(trials, graded).mean
        rank[(scores < 1).any(axis=0)] = 2
        faults = [OUTCOME_CLASSES.index(name) for name in _FAULTS]
        rank[trials.case[np.isin(graded.outcome, faults)]] = 1
        place = {variant.key: row for row, variant in enumerate(trials.variants)}
        for one in analysis.comparisons:
            gap = np.abs(scores[place[one.candidate]] - scores[place[one.baseline]])
            rank[gap >= FLIP] = 0
    return sorted(np.argsort(rank, kind="stable")[:MAX_CASES].tolist())


def _outcomes(
    trials: Trials, graded: Graded | None, chosen: Sequence[int]
) -> dict[tuple[str, str, int], OutcomeClass]:
    """What became of each trial of the chosen cases, by case, variant and sample."""
    if graded is None:
        return {}
    rows = np.flatnonzero(np.isin(trials.case, chosen))
    return {
        (
            trials.cases.ids[trials.case[row]],
            trials.variants[trials.variant[row]].key,
            int(trials.sample[row]),
        ): OUTCOME_CLASSES[graded.outcome[row]]
        for row in rows
    }


def _grades(
    runs: Sequence[StoredRun], analysis: Analysis, wanted: pa.Array
) -> dict[str, list[Grade]]:
    """All grades of these cases with their reasons by trial, the leading scorer's first."""
    found: defaultdict[str, list[Grade]] = defaultdict(list)
    for scorer in sorted(analysis.scorers, key=lambda name: name != analysis.leading_scorer):
        for run in runs:
            if run.folder.count_scores(scorer) is None:
                continue
            for batch in run.folder.score_batches(scorer):
                rows = batch.filter(pc.is_in(batch["case_id"], value_set=wanted))
                for row in run.keyed(pa.Table.from_batches([rows])).to_pylist():
                    found[row["trial_key"]].append(grade_of(scorer, row))
    return found


def _cases(
    runs: Sequence[StoredRun], wanted: pa.Array
) -> Iterator[tuple[Case, list[tuple[StoredRun, Case]]]]:
    """Each wanted case, as the first run that has it knows it, with what every run sent."""
    owners: dict[str, list[tuple[StoredRun, Case]]] = {}
    for run in runs:
        for case in run.folder.cases_named(pa.chunked_array([wanted])).values():
            owners.setdefault(case.id, []).append((run, case))
    for found in owners.values():
        yield found[0][1], found


def grade_of(scorer: str, row: Mapping[str, Any]) -> Grade:
    """A row of SCORES as pages show it."""
    return Grade(scorer, row["value"], row["answer"], row["reason"])


def answer_of(
    row: Mapping[str, Any], outcome: OutcomeClass | None, grades: Sequence[Grade]
) -> Answer:
    """A row of RESPONSES as pages show it; the first of ``grades`` is the leading scorer's."""
    failure = f"{row['error_kind']}: {row['error_message']}" if row["status"] != "ok" else None
    return Answer(
        variant=row["variant_key"],
        sample=row["sample"],
        outcome=outcome,
        text=row["text"],
        thinking=row["thinking_text"],
        score=grades[0].value if grades else None,
        grades=tuple(grades),
        stop_reason=row["stop_reason"],
        failure=failure,
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        thinking_tokens=row["thinking_tokens"],
        first_token_s=row["first_token_s"],
        elapsed_s=row["elapsed_s"],
        cost_usd=row["cost_usd"],
        attempts=tuple(
            Try(one["status"], one["error_kind"], one["waited_s"], one["elapsed_s"])
            for one in row["attempts"] or ()
        ),
        trial_key=row["trial_key"],
    )


class Sender(Protocol):
    """A run, as far as its prompts tell what was sent."""

    @property
    def variants(self) -> tuple[PlannedVariant, ...]:
        """Its variants, with their prompts."""
        ...

    @property
    def label(self) -> str:
        """What tells it from other runs."""
        ...


def prompts_sent(owners: Sequence[tuple[Sender, Case]]) -> tuple[PromptSent, ...]:
    """Every prompt once; one that two runs send differently carries its run's label."""
    sent: dict[str, PromptSent] = {}
    for run, case in owners:
        for planned in run.variants:
            turns = tuple(Turn(role, text) for role, text in planned.prompt.render(case).turns())
            name = planned.variant.prompt
            if name in sent and sent[name].turns != turns:
                name = f"{name}@{run.label}"
            sent.setdefault(name, PromptSent(name, turns))
    return tuple(sent.values())
