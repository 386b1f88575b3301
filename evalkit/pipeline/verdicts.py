"""Stored verdicts become scores; nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from evalkit.pipeline.docket import Answer, Docket, Question
from evalkit.pipeline.judges import build_benches, judge_names
from evalkit.pipeline.wiring import resolve_endpoints
from evalkit.plan.matrix import plan_variants
from evalkit.scorers.judge_scale import Reading
from evalkit.scorers.judge_verdicts import Verdict, combined
from evalkit.store.judges import Verdicts, judge_store
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.tables import score_row
from evalkit.types import Failure, Response, Score, Trial

NOT_JUDGED = "not judged yet"


@dataclass(frozen=True, slots=True)
class Read:
    """A question's reading; ``repair`` is the trial that would follow, if one must."""

    reading: Reading
    repair: Trial | None = None
    is_repaired: bool = False


def read_question(question: Question, docket: Docket, verdicts: Verdicts) -> Read:
    """What the stored verdict on a question says, or the one that was asked for in its place."""
    judge = docket.bench.judge
    outcome = verdicts.find(question.trial.key)
    if not isinstance(outcome, Response):
        return Read(_unasked(outcome))
    reading = judge.reading(outcome, question.order)
    if reading.is_final:
        return Read(reading)
    repair = docket.repair(question, outcome, reading.problem or "")
    second = verdicts.find(repair.key)
    told = f"the judge's verdict could not be read: {reading.problem}"
    if second is None:
        return Read(replace(reading, problem=told), repair)
    if not isinstance(second, Response):
        return Read(replace(reading, problem=f"{told}; then {_unasked(second).problem}"), repair)
    again = judge.reading(second, question.order)
    if again.value is None:
        told = f"the judge's verdict could not be read, nor a second one: {again.problem}"
        again = replace(again, problem=told)
    return Read(again, is_repaired=True)


def _unasked(outcome: Failure | None) -> Reading:
    if outcome is None:
        return Reading(None, problem=NOT_JUDGED)
    return Reading(None, problem=f"the judge gave no answer: {outcome.kind}: {outcome.message}")


def write_judge_scores(folder: RunFolder, suite: Suite) -> None:
    """Write ``scores/<name>.parquet`` of every judge, from what is stored."""
    if not judge_names(suite):
        return
    variants = plan_variants(suite, resolve_endpoints(suite, {}), folder.manifest().only)
    for bench in build_benches(suite, {}):
        docket = Docket(folder, bench, variants)
        verdicts = Verdicts(judge_store(folder, bench.name))
        folder.write_scores(bench.name, judge_scores(docket, verdicts))


def judge_scores(docket: Docket, verdicts: Verdicts) -> Iterator[dict[str, Any]]:
    """The rows of ``scores/<name>.parquet``, one for each outcome of the run."""
    for answer in docket.answers():
        score = score_answer(answer, docket, verdicts)
        yield score_row(answer.trial_key, answer.case.id, answer.variant, answer.sample, score)


def score_answer(answer: Answer, docket: Docket, verdicts: Verdicts) -> Score:
    """The score of one answer."""
    settled = docket.settled(answer)
    if settled is not None:
        return settled
    found = [
        Verdict(
            question.seat.way.model_name,
            question.order,
            question.trial.sample,
            read_question(question, docket, verdicts).reading,
        )
        for question in docket.questions(answer)
    ]
    return combined(docket.bench.name, found, docket.bench.spec.combine)
