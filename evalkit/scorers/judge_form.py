"""What a verdict consists of: asked for in words, as JSON or as a schema, and read from a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evalkit.scorers.judge_reply import Reply, field_named, read_reply
from evalkit.scorers.judge_scale import Criterion, Reading, Scale
from evalkit.scorers.judge_words import (
    plain,
    preference,
    said_numbers,
    said_preferences,
    said_words,
    stated_numbers,
)
from evalkit.types import Response

Order = Literal["alone", "first", "second"]
TOOL = "verdict"
_MOST_LISTED = 21
# What models call the fields that they were asked to name otherwise.
_SCORE = (
    *("score", "grade", "rating", "verdict", "result", "pass", "value"),
    *("overall score", "final score", "total score", "overall"),
)
_BETTER = ("better", "winner", "verdict", "preferred", "preference", "choice", "result")


@dataclass(frozen=True, slots=True)
class Form:
    """A grade on a scale, one for each criterion, or which of two answers is better."""

    scale: Scale = field(default_factory=Scale)
    criteria: tuple[Criterion, ...] = ()
    is_pairwise: bool = False
    ties: bool = True

    @property
    def json(self) -> str:
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
    def words(self) -> str:
        """A verdict in words alone."""
        if self.is_pairwise:
            return "first, second or tie" if self.ties else "first or second"
        if self.scale.is_binary:
            return "yes or no"
        return f"a whole number from {self.scale.low} to {self.scale.high}"

    def reading(self, verdict: Response, order: Order = "alone", material: str = "") -> Reading:
        """What a verdict says of the answer that stood in ``order``.

        ``material`` is all that was quoted to the judge: what it repeats of that is no verdict.
        """
        if verdict.stop_reason == "refusal":
            return Reading(None, problem="the judge refused to judge")
        reply = _reply(verdict, material)
        found = {_canonical(one): one for one in map(self._in_json, reply.objects)}
        readable = [one for one in found.values() if one.value is not None]
        is_cut = verdict.stop_reason == "max_tokens"
        # Words that were cut off might have gone on otherwise: "a 5 for style, but".
        spoken = [] if is_cut else self._in_words(reply.prose, material, beside=bool(readable))
        values = {one.value for one in (*readable, *spoken)}
        if len(values) == 1 and len(readable) <= 1:
            return _turned((*readable, *spoken)[0], order)
        if values:
            told = "it gives several verdicts that differ"
        elif is_cut:
            told = "it was cut off before the verdict"
        else:
            problems = [one.problem for one in found.values() if one.problem]
            told = problems[0] if problems else "it holds no verdict"
        return Reading(None, problem=told, is_final=False)

    def _in_json(self, said: Mapping[str, Any]) -> Reading:
        """The verdict in an object, or in the one object that it holds."""
        read = self._reading_pairwise if self.is_pairwise else self._reading_rubric
        reading = read(said)
        inner = [value for value in said.values() if isinstance(value, Mapping)]
        if reading.value is None and len(inner) == 1:
            deeper = read(inner[0])
            return reading if deeper.value is None else deeper
        return reading

    def _reading_rubric(self, said: Mapping[str, Any]) -> Reading:
        explanation = _explanation(said)
        if not self.criteria:
            found = _first_named(said, _SCORE)
            found = _first_named(found, _SCORE) if isinstance(found, Mapping) else found
            grade = self.scale.grade(found)
            if grade is None:
                return Reading(None, problem=self._no_grade("score", found))
            return Reading(self.scale.share(grade), f"{grade:g}", explanation)
        scores = field_named(said, "scores")
        scores = scores if isinstance(scores, Mapping) else said
        grades: dict[str, float] = {}
        for one in self.criteria:
            found = field_named(scores, one.name)
            found = _first_named(found, _SCORE) if isinstance(found, Mapping) else found
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
        found = _first_named(said, _BETTER)
        if found is None:
            return Reading(None, problem="it does not say which answer is better")
        return self._preferred(str(found), _explanation(said))

    def _preferred(self, word: str, explanation: str | None) -> Reading:
        place = preference(word)
        if place is None or (place == "tie" and not self.ties):
            return Reading(None, problem=f"better is {word[:40]!r}, which is none of the choices")
        return Reading({"first": 1.0, "second": 0.0, "tie": 0.5}[place], place, explanation)

    def _in_words(self, text: str, material: str, *, beside: bool) -> list[Reading]:
        """The different verdicts in prose; ``beside`` JSON only what is called one counts."""
        if not text or (self.criteria and not self.is_pairwise):
            return []
        text, explanation = plain(text), text.strip() or None
        if self.is_pairwise:
            places = said_preferences(text, material)
            read = [self._preferred(place, explanation) for place in sorted(places)]
            return [one for one in read if one.value is not None]
        numbers = stated_numbers if beside else said_numbers
        found: set[object] = set(numbers(text, self.scale.high, material))
        if not found and self.scale.is_binary:
            found = set(said_words(text, material))
        grades = {grade for one in found if (grade := self.scale.grade(one)) is not None}
        return [
            Reading(self.scale.share(grade), f"{grade:g}", explanation) for grade in sorted(grades)
        ]


def _reply(verdict: Response, material: str) -> Reply:
    """The parts of a verdict: its tool's input, else what its text holds."""
    calls = [call.get("input") for call in verdict.tool_calls if call.get("name") == TOOL]
    inputs = tuple(dict(one) for one in calls if isinstance(one, Mapping))
    return Reply(inputs, "") if inputs else read_reply(verdict.text, material)


def _canonical(reading: Reading) -> object:
    return (reading.value, reading.answer) if reading.value is not None else reading.problem


def _turned(reading: Reading, order: Order) -> Reading:
    """A preference from the point of view of the answer under judgement."""
    if order == "second" and reading.value is not None:
        return replace(reading, value=1.0 - reading.value)
    return reading


def _explanation(said: Mapping[str, Any]) -> str | None:
    found = _first_named(said, ("explanation", "reasoning", "reason", "rationale", "justification"))
    return None if found is None else str(found).strip() or None


def _first_named(said: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of these fields that is there."""
    found = (field_named(said, name) for name in names)
    return next((value for value in found if value is not None), None)


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
