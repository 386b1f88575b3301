"""The cases a page shows: a bounded choice, the most telling first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit.analysis.flips import FLIP
from evalkit.analysis.results import Comparison, OutcomeClass

MAX_CASES = 2_000
MAX_CHARS = 4_000
MAX_TOTAL_CHARS = 12_000_000
_FACTS_CHARS = 300
"""What an answer takes besides its text: tokens, times, grades."""
_FAULTS = ("truncated", "refused", "no_text", "model_error", "infra_error", "unscored")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a prompt as sent; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class PromptSent:
    """A rendered prompt; ``prompt`` is its name in the suite."""

    prompt: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """One scorer's grade: ``value`` in [0, 1] or None, what it read out, and why."""

    scorer: str
    value: float | None
    extracted: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: its HTTP status and kind of error (None: it went well), and seconds."""

    status: int | None
    error_kind: str | None
    waited_s: float | None
    elapsed_s: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one trial. ``outcome`` and ``score`` are the leading scorer's.

    ``grades`` are those of all scorers, the leading one's first.
    """

    variant: str
    sample: int = 0
    outcome: OutcomeClass | None = None
    text: str | None = None
    thinking: str | None = None
    score: float | None = None
    grades: tuple[Grade, ...] = ()
    stop_reason: str | None = None
    failure: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    first_token_s: float | None = None
    elapsed_s: float | None = None
    cost_usd: float | None = None
    attempts: tuple[Try, ...] = ()
    trial_key: str | None = None


@dataclass(frozen=True, slots=True)
class CaseExample:
    """One case with its prompts as sent and the answers of every variant and sample."""

    id: str
    prompts: tuple[PromptSent, ...]
    answers: tuple[Answer, ...]
    target: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A case chosen to be shown, and why one would look at it.

    ``is_flip``: variants that were compared disagree. ``has_fault``: some trial failed or yielded
    no gradable answer. ``has_wrong``: some answer was graded less than right.
    """

    case: CaseExample
    is_flip: bool
    has_fault: bool
    has_wrong: bool


@dataclass(frozen=True, slots=True)
class Examples:
    """The chosen cases; ``n_cases`` is how many there were to choose from."""

    shown: tuple[Example, ...]
    n_cases: int


def choose(cases: Iterable[CaseExample], comparisons: Sequence[Comparison]) -> Examples:
    """The most telling cases in one pass: flips, then faults, then wrong answers, then others.

    Within each kind the order of ``cases`` is kept. Memory is bounded by what is shown.
    """
    pairs = {(comparison.baseline, comparison.candidate) for comparison in comparisons}
    seen = 0

    def examples() -> Iterator[Example]:
        nonlocal seen
        for case in cases:
            seen += 1
            yield _example(_cut_case(case), pairs)

    chosen = heapq.nsmallest(MAX_CASES, examples(), key=_rank)
    return Examples(tuple(_within_size(chosen)), seen)


def cut(text: str, limit: int = MAX_CHARS) -> str:
    """``text`` without what exceeds ``limit`` characters, saying how much was left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[… {len(text) - limit:,} more characters are in the run]"


def _rank(example: Example) -> tuple[bool, bool, bool]:
    return (not example.is_flip, not example.has_fault, not example.has_wrong)


def _example(case: CaseExample, pairs: set[tuple[str, str]]) -> Example:
    means = _mean_scores(case)
    return Example(
        case,
        is_flip=any(
            a in means and b in means and abs(means[a] - means[b]) >= FLIP for a, b in pairs
        ),
        has_fault=any(answer.outcome in _FAULTS or answer.failure for answer in case.answers),
        has_wrong=any(answer.outcome in ("wrong", "partial") for answer in case.answers),
    )


def _mean_scores(case: CaseExample) -> dict[str, float]:
    """The mean score of each variant with at least one graded answer."""
    scores: dict[str, list[float]] = {}
    for answer in case.answers:
        if answer.score is not None:
            scores.setdefault(answer.variant, []).append(answer.score)
    return {variant: sum(values) / len(values) for variant, values in scores.items()}


def _within_size(examples: Sequence[Example]) -> Iterator[Example]:
    """The first examples whose texts together stay within the size of a page, at least one."""
    total = 0
    for example in examples:
        total += _size(example.case)
        if total > MAX_TOTAL_CHARS and total > _size(example.case):
            return
        yield example


def _size(case: CaseExample) -> int:
    sent = sum(len(turn.text) for prompt in case.prompts for turn in prompt.turns)
    return sent + sum(
        _FACTS_CHARS + len(answer.text or "") + len(answer.thinking or "")
        for answer in case.answers
    )


def _cut_case(case: CaseExample) -> CaseExample:
    return replace(
        case,
        prompts=tuple(
            replace(sent, turns=tuple(replace(turn, text=cut(turn.text)) for turn in sent.turns))
            for sent in case.prompts
        ),
        answers=tuple(cut_answer(answer) for answer in case.answers),
        target=None if case.target is None else cut(case.target),
    )


def cut_answer(answer: Answer, most: int = MAX_CHARS) -> Answer:
    """An answer whose texts have at most so many characters, grades and failures fewer."""

    def short(text: str | None, limit: int = most) -> str | None:
        return None if text is None else cut(text, limit)

    return replace(
        answer,
        text=short(answer.text),
        thinking=short(answer.thinking),
        grades=tuple(
            replace(grade, extracted=short(grade.extracted, 400), reason=short(grade.reason, 1_000))
            for grade in answer.grades
        ),
        failure=short(answer.failure, 1_000),
    )
