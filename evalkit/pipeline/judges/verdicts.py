"""Stored verdicts become scores; nothing is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import orjson

from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.judges.bench import build_benches, judge_names
from evalkit.pipeline.judges.docket import Answer, Docket, Question
from evalkit.plan.matrix import plan_variants
from evalkit.scorers.judge_scale import Reading
from evalkit.scorers.judge_verdicts import Verdict, combined
from evalkit.store.judges import Row, Verdicts, judge_store, write_verdicts
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import ScorerSpec, Suite
from evalkit.tables import score_row
from evalkit.types import Failure, Response, Score, Trial

NOT_JUDGED = "not judged yet"


@dataclass(frozen=True, slots=True)
class Read:
    """A question's reading; ``repair`` is the trial that follows or followed, if one must.

    ``repair_status`` is ``ok`` or ``failed`` for one that was asked.
    """

    reading: Reading
    repair: Trial | None = None
    repair_status: str | None = None


def read_question(question: Question, docket: Docket, verdicts: Verdicts) -> Read:
    """What the stored verdict on a question says, or the one that was asked for in its place."""
    judge = docket.bench.judge
    outcome = verdicts.find(question.trial.key)
    if not isinstance(outcome, Response):
        return Read(_unasked(outcome))
    reading = judge.reading(outcome, question.order, question.trial.request)
    if reading.is_final:
        return Read(reading)
    repair = docket.repair(question, outcome, reading.problem or "")
    second = verdicts.find(repair.key)
    told = f"the judge's verdict could not be read: {reading.problem}"
    if second is None:
        return Read(replace(reading, problem=told), repair)
    if not isinstance(second, Response):
        told = f"{told}; then {_unasked(second).problem}"
        return Read(replace(reading, problem=told), repair, "failed")
    again = judge.reading(second, question.order, question.trial.request)
    if again.value is None:
        told = f"the judge's verdict could not be read, nor a second one: {again.problem}"
        again = replace(again, problem=told)
    return Read(again, repair, "ok")


def _unasked(outcome: Failure | None) -> Reading:
    if outcome is None:
        return Reading(None, problem=NOT_JUDGED)
    return Reading(None, problem=f"the judge gave no answer: {outcome.kind}: {outcome.message}")


def write_judge_scores(
    folder: RunFolder, suite: Suite, digest_of: Callable[[ScorerSpec], str]
) -> None:
    """Write every judge's scores and what each verdict was read as, from what is stored.

    ``digest_of`` a scorer says whose grades they are.
    """
    if not judge_names(suite):
        return
    variants = plan_variants(suite, resolve_endpoints(suite, {}), folder.manifest().only)
    digests = {spec.name: digest_of(spec) for spec in suite.scorers}
    for bench in build_benches(suite, {}):
        store = judge_store(folder, bench.name)
        docket = Docket(folder, bench, variants)
        scoring = _Scoring(docket, Verdicts(store), digests[bench.name])
        if store.path.is_dir():
            write_verdicts(store, scoring.into(folder))
        else:
            scoring.into(folder)(lambda row: None)


@dataclass(frozen=True, slots=True)
class _Scoring:
    """One judge's verdicts on the answers of a run, read in one pass."""

    docket: Docket
    verdicts: Verdicts
    digest: str

    def into(self, folder: RunFolder) -> Callable[[Callable[[Row], None]], None]:
        """What writes the scores while it hands every verdict's row on."""
        name = self.docket.bench.name
        return lambda keep: folder.write_scores(name, self.rows(keep), digest=self.digest)

    def rows(self, keep: Callable[[Row], None]) -> Iterator[Row]:
        """A row of SCORES for each outcome of the run; ``keep`` gets the rows of VERDICTS."""
        for answer in self.docket.answers():
            score = self._score(answer, keep)
            yield score_row(answer.trial_key, answer.case.id, answer.variant, answer.sample, score)

    def _score(self, answer: Answer, keep: Callable[[Row], None]) -> Score:
        settled = self.docket.settled(answer)
        if settled is not None:
            return settled
        found = []
        for question in self.docket.questions(answer):
            read = read_question(question, self.docket, self.verdicts)
            keep(_verdict_row(answer, question, read))
            model, vote = question.seat.way.model_name, question.trial.sample
            found.append(Verdict(model, question.order, vote, read.reading))
        bench = self.docket.bench
        return combined(bench.name, found, bench.spec.combine)


def _verdict_row(answer: Answer, question: Question, read: Read) -> Row:
    reading = read.reading
    return {
        "trial_key": answer.trial_key,
        "case_id": answer.case.id,
        "variant_key": answer.variant,
        "sample": answer.sample,
        "question_key": question.trial.key,
        "model": question.seat.way.model_name,
        "shown": question.order,
        "vote": question.trial.sample,
        "value": reading.value,
        "answer": reading.answer,
        "explanation": reading.explanation,
        "criteria": orjson.dumps(dict(reading.grades)).decode() if reading.grades else None,
        "problem": reading.problem,
        "is_repaired": read.repair_status == "ok",
    }
