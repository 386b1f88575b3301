"""What a verdict consists of: asked for in words, as JSON or as a schema, and read from a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evalkit.scorers.judge_reply import field_named, objects, said_numbers, said_words
from evalkit.scorers.judge_scale import Criterion, Reading, Scale
from evalkit.types import Response

Order = Literal["alone", "first", "second"]
TOOL = "verdict"
_MOST_LISTED = 21
# What models call the fields and places that they were asked to name otherwise.
_SCORE = ("score", "grade", "rating", "verdict", "result", "pass", "value")
_BETTER = ("better", "winner", "verdict", "preferred", "choice", "result")
_PLACES = {
    **dict.fromkeys(("a", "1", "one"), "first"),
    **dict.fromkeys(("b", "2", "two"), "second"),
}
_TIES = ("tie", "both", "neither", "equal", "draw", "same")


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

    def _reading_rubric(self, said: Mapping[str, Any]) -> Reading:
        explanation = _explanation(said)
        if not self.criteria:
            found = _first_named(said, _SCORE)
            grade = self.scale.grade(found)
            if grade is None:
                return Reading(None, problem=self._no_grade("score", found))
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
        found = _first_named(said, _BETTER)
        if found is None:
            return Reading(None, problem="it does not say which answer is better")
        return self._preferred(str(found), _explanation(said))

    def _preferred(self, word: str, explanation: str | None) -> Reading:
        plain = word.strip().lower().strip("\"'*. ").removeprefix("answer ")
        plain = _PLACES.get(plain, plain)
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


def _said(verdict: Response) -> list[dict[str, Any]]:
    """The objects a verdict holds: its tool's input, else those in its text."""
    calls = [call.get("input") for call in verdict.tool_calls if call.get("name") == TOOL]
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
