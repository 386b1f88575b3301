"""What a judge is to be asked about the answers of a run, answer by answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.errors import TemplateError
from evalkit.messages.request import encode_request, request_digest
from evalkit.pipeline.judges.bench import REPAIR, Bench, Seat
from evalkit.pipeline.judges.rivals import COLUMNS, Rivals
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.trials import trial_key
from evalkit.scorers.judge import Matter
from evalkit.scorers.judge_form import Order
from evalkit.store.runs import RunFolder
from evalkit.tables import response_of
from evalkit.templates import ROW, attributes_of
from evalkit.types import Case, Request, Response, Score, Trial, Usage

_BATCH_ROWS = 2_000
_TASKS_KEPT = 256
_ORDERS: Mapping[str, Order] = {"": "alone", "-first": "first", "-second": "second"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome of the run; ``response`` is None where no answer came.

    ``is_altered``: the rival of another run answered another row of this name.
    """

    trial_key: str
    variant: str
    sample: int
    case: Case
    response: Response | None
    is_altered: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One question about an answer, as a trial of its own; equal questions are one trial."""

    trial: Trial
    seat: Seat
    suffix: str

    @property
    def order(self) -> Order:
        """Where the answer stands beside its rival."""
        return _ORDERS[self.suffix]


class Docket:
    """The questions of one judge about one run.

    Raises UsageError for rivals that are not there.
    """

    def __init__(self, folder: RunFolder, bench: Bench, variants: Sequence[PlannedVariant]) -> None:
        self.bench = bench
        self._folder = folder
        self._variants = {planned.variant.key: planned for planned in variants}
        pairwise = bench.spec.pairwise
        self._rivals = Rivals(pairwise, folder) if pairwise else None
        self._tasks: dict[tuple[str, str], str] = {}

    def answers(self) -> Iterator[Answer]:
        """Every outcome of the run in the order it is stored in; no more cases are held than a
        part of the run has.
        """
        columns = _asked_columns(self.bench, self._variants.values())
        for table in self._folder.outcomes(["trial_key", *COLUMNS]):
            cases = self._folder.cases_named(table["case_id"])
            altered = self._rivals.altered(cases, columns) if self._rivals else set()
            for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
                for row in batch.to_pylist():
                    yield Answer(
                        row["trial_key"],
                        row["variant_key"],
                        row["sample"],
                        cases[row["case_id"]],
                        response_of(row) if row["status"] == "ok" else None,
                        row["case_id"] in altered,
                    )

    def settled(self, answer: Answer) -> Score | None:
        """The score of an answer that needs no judge; None where one must be asked."""
        name = self.bench.name
        if answer.response is None:
            return Score(name, None, reason="no answer came")
        if self._rivals is None:
            return None
        rival = self._rival(answer, self._rivals)
        if rival is None:
            told = f"{self._rivals.name} has no answer to this case to compare with"
            return Score(name, None, reason=told)
        if answer.is_altered:
            told = f"{self._rivals.name} answered another row of this case: nothing to compare"
            return Score(name, None, reason=told)
        mine = answer.response
        if (rival.text, rival.tool_calls) == (mine.text, mine.tool_calls):
            return Score(name, 0.5, "as good", f"the same answer as that of {self._rivals.name}")
        return None

    def questions(self, answer: Answer) -> Iterator[Question]:
        """Every question about an answer that is not settled. Raises TemplateError."""
        if answer.response is None:
            return
        rival = self._rival(answer, self._rivals) if self._rivals else None
        task = self._task(answer.variant, answer.case)
        for suffix in self.bench.suffixes:
            matter = Matter(answer.case, task, answer.response, rival, _ORDERS[suffix])
            for seat in self.bench.seats:
                key = seat.variant(self.bench.name, suffix).key
                request = self.bench.judge.question(matter, seat.way, key)
                digest = request_digest(encode_request(request, seat.endpoint))
                for vote in range(self.bench.spec.votes):
                    trial = self._trial(request, digest, seat, suffix, vote, answer.case)
                    yield Question(trial, seat, suffix)

    def repair(self, question: Question, verdict: Response, problem: str) -> Trial:
        """The trial that asks once more for a verdict which could not be read."""
        asked, way = question.trial.request, question.seat.way
        request = self.bench.judge.repair(asked, verdict, problem, way)
        digest = request_digest(encode_request(request, question.seat.endpoint))
        suffix = f"{question.suffix}{REPAIR}"
        case = question.trial.case
        assert case is not None
        return self._trial(request, digest, question.seat, suffix, question.trial.sample, case)

    def _trial(
        self, request: Request, digest: str, seat: Seat, suffix: str, vote: int, case: Case
    ) -> Trial:
        variant = seat.variant(self.bench.name, suffix)
        key = trial_key(case.id, variant.key, digest, vote)
        return Trial(key, case.id, variant, vote, request, digest, case)

    def _rival(self, answer: Answer, rivals: Rivals) -> Response | None:
        return rivals.find(answer.variant, answer.case.id, answer.sample)

    def _task(self, variant: str, case: Case) -> str:
        """What was asked; all samples of a case were asked the same."""
        key = (variant, case.id)
        if key not in self._tasks:
            if len(self._tasks) >= _TASKS_KEPT:
                self._tasks.clear()
            self._tasks[key] = task_of(self.bench, self._variants[variant], case)
        return self._tasks[key]


def _asked_columns(bench: Bench, variants: Iterable[PlannedVariant]) -> frozenset[str]:
    """The columns that an answer depends on, or what the judge is told was asked."""
    templates = [template for planned in variants for template in planned.prompt.templates]
    templates += [bench.task] if bench.task else []
    named = (template.variables | attributes_of(template, ROW) for template in templates)
    images = (planned.prompt.columns for planned in variants)
    return frozenset().union(*named, *images)


def check_question(bench: Bench, planned: PlannedVariant, case: Case) -> None:
    """Raise TemplateError, naming the case, if the question about an answer to it does not render.

    Only templates of the suite's own can fail; the others are not rendered.
    """
    if bench.task is None and bench.spec.prompt is None:
        own = [one for one in bench.judge.row_templates if one.variables - {"target"}]
        if not own:
            return
    answer = Response(text="…", thinking="", stop_reason="end_turn", usage=Usage())
    rival = answer if bench.judge.is_pairwise else None
    order = _ORDERS[bench.suffixes[0]]
    try:
        matter = Matter(case, task_of(bench, planned, case), answer, rival, order)
        bench.judge.question(matter, bench.seats[0].way)
    except TemplateError as error:
        told = f"case '{case.id}', judge {bench.name}: {error.message}"
        raise TemplateError(told, error.hint) from error


def task_of(bench: Bench, planned: PlannedVariant, case: Case) -> str:
    """What the judge is told was asked: as the suite wants it told, or as it was sent.

    Of two answers to be compared the system prompts may differ: they are left out. Images are but
    named: their files need not be there any more when a stored run is scored again.
    """
    if bench.task is not None:
        return bench.task.render({**case.inputs, "target": case.target}).strip()
    turns = planned.prompt.told(case)
    if bench.judge.is_pairwise:
        turns = [turn for turn in turns if turn[0] != "system"]
    if len(turns) == 1:
        return turns[0][1]
    return "\n\n".join(f"[{role}]\n{text}" for role, text in turns)
