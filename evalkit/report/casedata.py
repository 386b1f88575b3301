"""Cases as compact data for the case browser of a page: an index to filter by, and each in full.

The same for a page that holds its cases and for one that fetches them: ``templates/browser.js``
reads both. Foreign text is neutralised here and only ever becomes text there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.analysis.results import OUTCOME_CLASSES, OutcomeClass
from evalkit.report import format as fmt
from evalkit.report.examples import Answer, CaseExample, Grade, Try
from evalkit.report.names import Names
from evalkit.report.report import Report

OUTCOMES: Mapping[OutcomeClass, tuple[str, str]] = {
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
NO_OUTCOME = 255
QUESTION_CHARS = 160
EXTRACTED_CHARS = 120

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What cases are filtered by: cases x slots, a slot being a sample of a variant.

    ``outcome`` indexes ``OUTCOME_CLASSES`` (:data:`NO_OUTCOME`: none), ``score`` is in [0, 1] or
    nan, ``tags`` gives each case's tags as positions.
    """

    outcome: npt.NDArray[np.uint8]
    score: npt.NDArray[np.float32]
    tags: Sequence[Sequence[int]]

    def plain(self) -> dict[str, str]:
        """As JSON knows it: little-endian numbers in base 64."""
        starts = np.cumsum([0, *(len(tags) for tags in self.tags)])
        return {
            "outcome": _packed(self.outcome),
            "score": _packed(self.score.astype("<f4")),
            "tagStart": _packed(starts.astype("<u4")),
            "tag": _packed(np.array([tag for tags in self.tags for tag in tags], "<u4")),
        }


@dataclass(frozen=True, slots=True)
class Meta:
    """What a browser must know beforehand: ``total`` cases in the run, of which it has ``n``."""

    variants: Sequence[tuple[str, str]]
    samples: int
    scorers: Sequence[str]
    tags: Sequence[str]
    baseline: int
    n: int
    total: int

    def plain(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "variants": [{"key": fmt.one_line(key), "name": name} for key, name in self.variants],
            "samples": self.samples,
            "scorers": [fmt.name(scorer) for scorer in self.scorers],
            "tags": [fmt.name(tag) for tag in self.tags],
            "outcomes": [[name, *OUTCOMES[name]] for name in OUTCOME_CLASSES],
            "baseline": self.baseline,
            "n": self.n,
            "total": self.total,
        }


def page_data(report: Report, names: Names) -> dict[str, Any]:
    """Everything a page needs that holds its cases itself."""
    analysis = report.analysis
    keys = [one.variant for one in analysis.variants]
    cases = [example.case for example in report.examples]
    tags = sorted({tag for case in cases for tag in case.tags})
    samples = 1 + max((a.sample for case in cases for a in case.answers), default=0)
    scorers = [*analysis.scorers, *_unknown(analysis.scorers, cases)]
    meta = Meta(
        variants=[(key, names[key].short) for key in keys],
        samples=samples,
        scorers=scorers,
        tags=tags,
        baseline=keys.index(analysis.baseline) if analysis.baseline in keys else 0,
        n=len(cases),
        total=report.n_cases,
    )
    slot_of = {(key, k): at * samples + k for at, key in enumerate(keys) for k in range(samples)}
    texts: dict[str, int] = {}
    return {
        "meta": meta.plain(),
        "index": _index_of(cases, slot_of, {tag: at for at, tag in enumerate(tags)}).plain(),
        "rows": [
            case_row(case.id, case.prompts[0].turns if case.prompts else ()) for case in cases
        ],
        "cases": [case_data(case, slot_of, scorers, texts) for case in cases],
        "texts": list(texts),
    }


def case_row(case_id: str, turns: Sequence[Any]) -> list[str]:
    """What a list shows of a case: its id and the beginning of the question."""
    question = fmt.one_line(turns[-1].text[: 4 * QUESTION_CHARS]) if turns else ""
    return [fmt.one_line(case_id), question[:QUESTION_CHARS]]


def case_data(
    case: CaseExample,
    slot_of: Mapping[tuple[str, int], int],
    scorers: Sequence[str],
    texts: dict[str, int] | None = None,
) -> dict[str, Any]:
    """A case in full. With ``texts``, prompts are numbers in it, which hold each text once."""

    def kept(text: str) -> str | int:
        plain = fmt.neutral(text)
        return plain if texts is None else texts.setdefault(plain, len(texts))

    return {
        "target": None if case.target is None else fmt.neutral(case.target),
        "prompts": [
            [fmt.name(sent.prompt), [[fmt.name(turn.role), kept(turn.text)] for turn in sent.turns]]
            for sent in case.prompts
        ],
        "answers": [
            _answer_data(answer, slot_of[answer.variant, answer.sample], scorers)
            for answer in case.answers
            if (answer.variant, answer.sample) in slot_of
        ],
    }


def script_json(data: Any) -> str:
    """JSON that can stand inside a script element of any page."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def _answer_data(answer: Answer, slot: int, scorers: Sequence[str]) -> list[Any]:
    return [
        slot,
        _neutral(answer.text),
        _neutral(answer.thinking) or None,
        _neutral(answer.failure),
        list(_facts(answer)),
        [_grade_data(grade, scorers) for grade in answer.grades],
        [_attempt_words(one) for one in answer.attempts] if _is_telling(answer) else [],
        answer.trial_key,
    ]


def _facts(answer: Answer) -> Iterator[str]:
    """What is known about an answer besides its text, in words."""
    if answer.stop_reason:
        yield fmt.name(answer.stop_reason)
    if answer.input_tokens is not None:
        yield f"{fmt.tokens(answer.input_tokens)} token{'s' * (answer.input_tokens != 1)} in"
    if answer.output_tokens is not None:
        yield f"{fmt.tokens(answer.output_tokens)} out"
    if answer.thinking_tokens is not None:
        yield f"{fmt.tokens(answer.thinking_tokens)} thinking"
    if answer.first_token_s is not None:
        yield f"first after {fmt.seconds(answer.first_token_s)}"
    if answer.elapsed_s is not None:
        yield fmt.seconds(answer.elapsed_s)
    if answer.cost_usd is not None:
        yield fmt.money(answer.cost_usd)


def _is_telling(answer: Answer) -> bool:
    return len(answer.attempts) > 1 or answer.failure is not None


def _attempt_words(one: Try) -> str:
    """An attempt in a line: ``HTTP 529 overloaded, after 43 ms, waited 1.2 s before``."""
    status = f"HTTP {one.status}" if one.status is not None else "no status"
    told = f"{status}{f' {fmt.name(one.error_kind)}' if one.error_kind else ''}"
    if one.elapsed_s is not None:
        told += f", after {fmt.seconds(one.elapsed_s)}"
    return f"{told}, waited {fmt.seconds(one.waited_s)} before" if one.waited_s else told


def _grade_data(grade: Grade, scorers: Sequence[str]) -> list[Any]:
    value = None if grade.value is None else fmt.percent(grade.value)
    return [
        scorers.index(grade.scorer),
        value,
        None if grade.extracted is None else fmt.one_line(grade.extracted[:EXTRACTED_CHARS]),
        _neutral(grade.reason),
    ]


def _unknown(scorers: Sequence[str], cases: Iterable[CaseExample]) -> list[str]:
    """Scorers of answers that the analysis does not name."""
    found = {grade.scorer for case in cases for one in case.answers for grade in one.grades}
    return sorted(found - set(scorers))


def _index_of(
    cases: Sequence[CaseExample], slot_of: Mapping[tuple[str, int], int], tags: Mapping[str, int]
) -> Index:
    shape = len(cases), len(slot_of)
    outcome = np.full(shape, NO_OUTCOME, np.uint8)
    score = np.full(shape, np.nan, np.float32)
    for row, case in enumerate(cases):
        for answer in case.answers:
            slot = slot_of.get((answer.variant, answer.sample))
            if slot is not None:
                if answer.outcome is not None:
                    outcome[row, slot] = OUTCOME_CLASSES.index(answer.outcome)
                if answer.score is not None:
                    score[row, slot] = answer.score
    return Index(outcome, score, [[tags[tag] for tag in case.tags] for case in cases])


def _neutral(text: str | None) -> str | None:
    return None if text is None else fmt.neutral(text)


def _packed(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
