"""What the judges of a suite will cost, before there are answers for them to judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.messages.request import canonical, encode_request
from evalkit.pipeline.judges.bench import Bench, Seat, build_benches
from evalkit.pipeline.judges.docket import task_of
from evalkit.pipeline.judges.rivals import rival_of
from evalkit.plan.estimate import Load, PlanEstimate, estimate_load
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.probe import Probe
from evalkit.scorers.judge import Matter
from evalkit.suite.schema import Suite
from evalkit.types import Case, Request, Response, Usage

_BYTES_PER_TOKEN = 4
_EXPECTED_ANSWER_TOKENS = 300
_EXPECTED_VERDICT_TOKENS = 150
_PROBE = 20
_STAND_IN = "(the answer stands here)"


def with_judges(
    estimate: PlanEstimate,
    suite: Suite,
    variants: Sequence[PlannedVariant],
    probe: Probe,
    n_cases: int,
    env: Mapping[str, str],
) -> PlanEstimate:
    """The estimate with what judges will be asked at most: one question an answer, order and vote.

    Answers are taken to be of the usual length, and at most as long as they may be.
    """
    n_answers = n_cases * suite.samples
    judges = tuple(
        estimate_load(load)
        for bench in build_benches(suite, env)
        for load in _loads(bench, variants, probe, n_answers)
    )
    minutes = estimate.expected_minutes
    limits = suite.limits
    if judges and minutes is not None:
        each = (
            (limits.requests_per_minute, sum(one.requests for one in judges)),
            (limits.input_tokens_per_minute, sum(one.input_tokens for one in judges)),
            (limits.output_tokens_per_minute, sum(one.expected_output_tokens for one in judges)),
        )
        minutes += max((count / limit for limit, count in each if limit), default=0.0)
    return replace(estimate, judges=judges, expected_minutes=minutes)


def _loads(
    bench: Bench, variants: Sequence[PlannedVariant], probe: Probe, n_answers: int
) -> Iterator[Load]:
    pairwise = bench.spec.pairwise
    judged = [
        planned
        for planned in variants
        if pairwise is None or rival_of(pairwise, planned.variant.key) != planned.variant.key
    ]
    cases = probe.spread(_PROBE)
    for seat in bench.seats:
        usual = [
            _size(bench, seat, planned, case, _EXPECTED_ANSWER_TOKENS)
            for planned in judged
            for case in cases
        ]
        most = [
            _size(bench, seat, planned, case, planned.answer_tokens)
            for planned in judged
            for case in ([probe.largest] if probe.largest else cases)
        ]
        requests = n_answers * len(judged) * bench.spec.votes * len(bench.suffixes)
        yield question_load(bench, seat, usual, max(most, default=0), requests)


def question_load(
    bench: Bench,
    seat: Seat,
    sizes: Sequence[int],
    largest: int | None = None,
    requests: int | None = None,
) -> Load:
    """Questions to a seat for pricing; ``sizes`` are bytes of all of them or of some."""
    return Load(
        seat.variant(bench.name).key,
        seat.way.model,
        seat.way.thinking,
        seat.price,
        seat.answer_tokens,
        seat.way.max_tokens - seat.answer_tokens,
        tuple(sizes),
        max(sizes, default=0) if largest is None else largest,
        len(sizes) if requests is None else requests,
        _EXPECTED_VERDICT_TOKENS,
    )


def question_bytes(request: Request) -> int:
    """What a question weighs when tokens are guessed."""
    parts = {"system": request.system, "messages": request.messages, **request.options}
    return len(canonical(parts))


@dataclass(frozen=True, slots=True)
class FirstQuestion:
    """What a judge's model would be asked about the first case, an answer standing in."""

    judge: str
    model: str
    body: Mapping[str, Any]


def first_questions(
    suite: Suite, planned: PlannedVariant, case: Case, env: Mapping[str, str]
) -> list[FirstQuestion]:
    """The first question of every judge to each of its models."""
    found = []
    for bench in build_benches(suite, env):
        for seat in bench.seats:
            request = _question(bench, seat, planned, case, _STAND_IN)
            body = encode_request(request, seat.endpoint)
            found.append(FirstQuestion(bench.name, seat.spec.name, body))
    return found


def _size(bench: Bench, seat: Seat, planned: PlannedVariant, case: Case, answer_tokens: int) -> int:
    """Bytes of a question about an answer of so many tokens, or of as many as it may have."""
    text = "x" * (_BYTES_PER_TOKEN * min(answer_tokens, planned.answer_tokens))
    return question_bytes(_question(bench, seat, planned, case, text))


def _question(bench: Bench, seat: Seat, planned: PlannedVariant, case: Case, text: str) -> Request:
    """The question about an answer with this text (and, of two, a rival with the same)."""
    answer = Response(text=text, thinking="", stop_reason="end_turn", usage=Usage())
    is_pair = bench.judge.is_pairwise
    matter = Matter(
        case,
        task_of(bench, planned, case),
        answer,
        answer if is_pair else None,
        "first" if is_pair else "alone",
    )
    return bench.judge.question(matter, seat.way)
