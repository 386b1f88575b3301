"""Judge: what to ask a model about an answer, and what its verdict says; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from evalkit.scorers.judge_prompts import (
    PAIRWISE_SYSTEM,
    PAIRWISE_USER,
    REPAIR,
    RUBRIC_SYSTEM,
    RUBRIC_USER,
)
from evalkit.scorers.judge_quoting import mark_for, quoted
from evalkit.scorers.judge_reply import field_named, objects, said_numbers, said_words
from evalkit.scorers.judge_scale import Criterion, Reading, Scale
from evalkit.templates import Template
from evalkit.types import Case, Request, Response, Sampling, Thinking

Order = Literal["alone", "first", "second"]
Structure = Literal["schema", "tool", "text"]
_TOOL = "verdict"
_MOST_LISTED = 21
_MOST_QUOTED = 4_000
_TIES = ("tie", "both", "neither", "equal", "draw", "same")


@dataclass(frozen=True, slots=True)
class Way:
    """How one model is asked to judge. ``max_tokens`` holds the room for thinking, too."""

    model_name: str
    model: str
    max_tokens: int
    structure: Structure = "text"
    thinking: Thinking = field(default_factory=Thinking)
    sampling: Sampling = field(default_factory=Sampling)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matter:
    """What is put before a judge: an answer, what was asked, and the rival in a pairwise one.

    ``order`` is where the answer stands beside its rival.
    """

    case: Case
    task: str
    response: Response
    rival: Response | None = None
    order: Order = "alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A rubric and how it is asked; several models (ways) may be asked the same."""

    name: str
    rubric: str = ""
    scale: Scale = field(default_factory=Scale)
    criteria: tuple[Criterion, ...] = ()
    is_pairwise: bool = False
    ties: bool = True
    see_thinking: bool = False
    reference: Template | None = None
    system: Template
    user: Template

    def question(self, matter: Matter, way: Way, variant_key: str = "") -> Request:
        """The request that puts the matter before a model. Raises TemplateError."""
        values = self._values(matter, way)
        user = self.user.render(values)
        if way.structure == "text" and not self._spells_out_form:
            user = f"{user}\n\nReply with one JSON object of this form:\n{self.form}"
        return Request(
            model=way.model,
            messages=(_user(user),),
            max_tokens=way.max_tokens,
            system=self.system.render(values).strip(),
            thinking=way.thinking,
            sampling=way.sampling,
            options={**way.options, **self._structure(way.structure)},
            variant_key=variant_key,
            size_bytes=len(user),
        )

    def repair(self, asked: Request, verdict: Response, problem: str) -> Request:
        """The one request that follows a verdict that could not be read."""
        told = REPAIR.format(problem=problem, form=self.form)
        if verdict.stop_reason == "max_tokens":
            told += "\nKeep the explanation to one sentence."
        said, (turn, *_) = verdict.text.strip(), asked.messages
        if said and "tools" not in asked.options:
            reply = {"role": "assistant", "content": said[:_MOST_QUOTED]}
            messages: tuple[Mapping[str, Any], ...] = (turn, reply, _user(told))
        else:
            messages = (_user(f"{turn['content']}\n\n{told}"),)
        return replace(asked, messages=messages, variant_key=f"{asked.variant_key}-repair")

    def reading(self, verdict: Response, order: Order = "alone") -> Reading:
        """What a verdict says of the answer that stood in ``order``."""
        if verdict.stop_reason == "refusal":
            return Reading(None, problem="the judge refused to judge")
        read = self._reading_pairwise if self.is_pairwise else self._reading_rubric
        found = list({_canonical(one): one for one in map(read, _said(verdict))}.values())
        readable = [one for one in found if one.value is not None]
        if not readable and not found:
            readable = [one for one in [self._in_words(verdict.text)] if one.value is not None]
        if len(readable) == 1:
            return _turned(readable[0], order)
        if readable:
            told = "it gives several verdicts that differ"
        elif verdict.stop_reason == "max_tokens":
            told = "it was cut off before the verdict"
        else:
            told = (found[0].problem if found else None) or "it holds no verdict"
        return Reading(None, problem=told, is_final=False)

    @property
    def form(self) -> str:
        """The JSON that is asked for, as words show it."""
        if self.is_pairwise:
            words = '"first", "second" or "tie"' if self.ties else '"first" or "second"'
            return f'{{"explanation": "…", "better": {words}}}'
        grades = (
            "1 or 0"
            if self.scale.is_binary
            else f"a whole number from {self.scale.low} to {self.scale.high}"
        )
        if self.criteria:
            inner = ", ".join(f'"{one.name}": {grades}' for one in self.criteria)
            return f'{{"explanation": "…", "scores": {{{inner}}}}}'
        return f'{{"explanation": "…", "score": {grades}}}'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON that is asked for, as a schema within what structured outputs allow."""
        if self.is_pairwise:
            words = ["first", "second", *(["tie"] if self.ties else [])]
            return _object(explanation={"type": "string"}, better={"type": "string", "enum": words})
        grades = self.scale.grades
        score: dict[str, Any] = {"type": "integer"}
        if len(grades) <= _MOST_LISTED:
            score["enum"] = grades
        if self.criteria:
            scores = _object(**{one.name: score for one in self.criteria})
            return _object(explanation={"type": "string"}, scores=scores)
        return _object(explanation={"type": "string"}, score=score)

    @property
    def _spells_out_form(self) -> bool:
        return bool({"form"} & (self.system.variables | self.user.variables))

    def _structure(self, structure: Structure) -> dict[str, Any]:
        if structure == "schema":
            return {"output_config": {"format": {"type": "json_schema", "schema": self.schema}}}
        if structure == "tool":
            tool = {"name": _TOOL, "description": "Give the verdict.", "input_schema": self.schema}
            return {"tools": [tool], "tool_choice": {"type": "tool", "name": _TOOL}}
        return {}

    def _values(self, matter: Matter, way: Way) -> dict[str, Any]:
        """What templates may use; see ``judge_prompts``."""
        case = matter.case
        texts = {"task": matter.task}
        if self.is_pairwise and matter.rival is not None:
            pair = (matter.response, matter.rival)
            first, second = pair if matter.order == "first" else pair[::-1]
            texts |= {"first": _shown(first), "second": _shown(second)}
        else:
            texts["answer"] = _shown(matter.response)
        if self.see_thinking:
            texts["thinking"] = matter.response.thinking
        if self.reference is not None:
            texts["reference"] = self.reference.render({**case.inputs, "target": case.target})
        mark = mark_for(texts)
        blocks = {name: quoted(text, mark, name) for name, text in texts.items() if text}
        for name in ("answer", "first", "second"):
            if name in texts and not texts[name]:
                blocks[name] = quoted("", mark, name)
        empty = dict.fromkeys(("task", "answer", "reference", "thinking", "first", "second"), "")
        return {
            **empty,
            **blocks,
            "mark": mark,
            "rubric": self.rubric,
            "criteria": self.criteria,
            "low": self.scale.low,
            "high": self.scale.high,
            "levels": self.scale.levels,
            "is_binary": self.scale.is_binary,
            "ties": self.ties,
            "form": self.form,
            "is_bare": way.structure == "text",
            "target": case.target,
            "row": case.inputs,
        }

    def _reading_rubric(self, said: Mapping[str, Any]) -> Reading:
        explanation = _explanation(said)
        if not self.criteria:
            grade = self.scale.grade(field_named(said, "score"))
            if grade is None:
                return Reading(None, problem=self._no_grade("score", field_named(said, "score")))
            return Reading(self.scale.share(grade), f"{grade:g}", explanation)
        scores = field_named(said, "scores")
        scores = scores if isinstance(scores, Mapping) else said
        grades: dict[str, float] = {}
        for one in self.criteria:
            found = field_named(scores, one.name)
            found = field_named(found, "score") if isinstance(found, Mapping) else found
            grade = self.scale.grade(found)
            if grade is None:
                return Reading(None, problem=self._no_grade(one.name, found))
            grades[one.name] = grade
        total = sum(one.weight for one in self.criteria)
        mean = sum(grades[one.name] * one.weight for one in self.criteria) / total
        return Reading(self.scale.share(mean), f"{mean:.4g}", explanation, grades=grades)

    def _no_grade(self, name: str, found: object) -> str:
        grades = f"{self.scale.low} to {self.scale.high}"
        if found is None:
            return f"it has no {name}"
        return f"its {name} is {str(found)[:40]!r}, which is not on the scale from {grades}"

    def _reading_pairwise(self, said: Mapping[str, Any]) -> Reading:
        found = field_named(said, "better")
        if found is None:
            return Reading(None, problem="it does not say which answer is better")
        return self._preferred(str(found), _explanation(said))

    def _preferred(self, word: str, explanation: str | None) -> Reading:
        plain = word.strip().lower().strip("\"'*. ")
        if plain in ("first", "second"):
            return Reading(1.0 if plain == "first" else 0.0, plain, explanation)
        if self.ties and plain in _TIES:
            return Reading(0.5, "tie", explanation)
        return Reading(None, problem=f"better is {word[:40]!r}, which is none of the choices")

    def _in_words(self, text: str) -> Reading:
        """A verdict that came as prose; none if it says different things."""
        words = said_words(text)
        if self.is_pairwise:
            chosen = {word for word in words if word in ("first", "second", *_TIES)}
            if len(chosen) == 1:
                return self._preferred(chosen.pop(), text.strip() or None)
            return Reading(None)
        if self.criteria:
            return Reading(None)
        found: set[object] = set(said_numbers(text, self.scale.high))
        if not found and self.scale.is_binary:
            found = {word for word in words if self.scale.grade(word) is not None}
        grades = {grade for one in found if (grade := self.scale.grade(one)) is not None}
        if len(grades) != 1:
            return Reading(None)
        grade = grades.pop()
        return Reading(self.scale.share(grade), f"{grade:g}", text.strip() or None)


def default_templates(name: str, *, is_pairwise: bool) -> tuple[Template, Template]:
    """The system and user templates of a judge whose suite gives none."""
    texts = (PAIRWISE_SYSTEM, PAIRWISE_USER) if is_pairwise else (RUBRIC_SYSTEM, RUBRIC_USER)
    system, user = (
        Template(text, f"the judge {name}'s {part} prompt")
        for text, part in zip(texts, ("system", "user"), strict=True)
    )
    return system, user


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _shown(response: Response) -> str:
    """An answer as a judge sees it: its text and tool calls, and how it ended if that matters."""
    parts = [response.text.strip("\n")] if response.text.strip() else []
    if response.tool_calls:
        parts.append(f"[tool calls] {orjson.dumps(list(response.tool_calls)).decode()}")
    if not parts:
        parts.append(f"[no text; ended with: {response.stop_reason}]")
    elif response.stop_reason in ("max_tokens", "model_context_window_exceeded", "refusal"):
        parts.append(f"[ended with: {response.stop_reason}]")
    return "\n".join(parts)


def _said(verdict: Response) -> list[dict[str, Any]]:
    """The objects a verdict holds: its tool's input, else those in its text."""
    calls = [call.get("input") for call in verdict.tool_calls if call.get("name") == _TOOL]
    inputs = [dict(one) for one in calls if isinstance(one, Mapping)]
    return inputs or objects(verdict.text)


def _canonical(reading: Reading) -> object:
    return (reading.value, reading.answer) if reading.value is not None else reading.problem


def _turned(reading: Reading, order: Order) -> Reading:
    """A preference from the point of view of the answer under judgement."""
    if order == "second" and reading.value is not None:
        return replace(reading, value=1.0 - reading.value)
    return reading


def _explanation(said: Mapping[str, Any]) -> str | None:
    names = ("explanation", "reasoning", "reason", "rationale", "justification")
    found = next((value for name in names if (value := field_named(said, name))), None)
    return None if found is None else str(found).strip()


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
