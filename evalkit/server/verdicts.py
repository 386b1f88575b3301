"""The simulated model as a judge: seeded verdicts that mostly know right answers from wrong ones.

A question is a judge's when it asks for an object with ``explanation`` and a ``score``, ``scores``
or which is ``better``: by an output schema, a forced tool, or a form spelt out in its text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

import orjson

from evalkit.server.answers import AnswerBook, Entry

_BLOCK = re.compile(r'<(data-[0-9a-f]+) name="(\w+)">\n(.*?)\n</\1>', re.DOTALL)
_FORM = re.compile(r'\{"explanation": "…", .*\}')
_RANGE = re.compile(r"a whole number from (\d+) to (\d+)|(1 or 0)")
_NAMED = re.compile(r'"([^"]+)": (?:a whole number|1 or 0)')
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
# How often the judge mistakes a right answer for a wrong one or the other way round.
_MISTAKES = 0.08
_FIRST_PREFERRED = 0.6
_TIES = 0.5
_FENCED, _UNREADABLE = 0.3, 0.04


def verdict_schema(body: Mapping[str, Any], texts: str) -> Mapping[str, Any] | None:
    """The schema of the verdict that a request asks for, read from its form if need be; or None."""
    form = (body.get("output_config") or {}).get("format") or {}
    tools = body.get("tools") or []
    schema = form.get("schema") or (tools[0].get("input_schema") if tools else None)
    if schema is None:
        found = _FORM.search(texts)
        schema = _schema_of(found[0]) if found else {}
    names = set(schema.get("properties", {}))
    is_verdict = "explanation" in names and names & {"score", "scores", "better"}
    return schema if is_verdict else None


def verdict(
    schema: Mapping[str, Any], prompt: str, book: AnswerBook, luck: random.Random
) -> dict[str, Any]:
    """A verdict that fits the schema, on what the prompt quotes."""
    blocks = {match[2]: match[3] for match in _BLOCK.finditer(prompt)}
    entry = book.find(blocks.get("task", prompt))
    wanted = schema["properties"]
    if "better" in wanted:
        first, second = (_seems_good(blocks.get(one, ""), entry, luck) for one in _PAIR)
        return _preference(first, second, wanted["better"].get("enum", ()), luck)
    is_good = _seems_good(blocks.get("answer", ""), entry, luck)
    told = "The answer holds up." if is_good else "The answer does not hold up."
    if "score" in wanted:
        return {"explanation": told, "score": _grade(wanted["score"], luck, is_good=is_good)}
    criteria = wanted["scores"]["properties"]
    scores = {name: _grade(one, luck, is_good=is_good) for name, one in criteria.items()}
    return {"explanation": told, "scores": scores}


def verdict_text(said: Mapping[str, Any], luck: random.Random, *, is_bound: bool) -> str:
    """The verdict as text: JSON where a schema binds, else as models write it, at times badly."""
    text = orjson.dumps(said).decode()
    if is_bound:
        return text
    chance = luck.random()
    if chance < _UNREADABLE:
        return "It is hard to say; much depends on what one expects."
    return f"Here is my verdict.\n```json\n{text}\n```" if chance < _FENCED else text


_PAIR = ("first", "second")


def _seems_good(answer: str, entry: Entry | None, luck: random.Random) -> bool:
    """Whether the judge takes an answer for right; without a known answer, by its text alone."""
    if entry is None:
        return random.Random(answer).random() < 0.5
    return _is_right(answer, entry.answer) != (luck.random() < _MISTAKES)


def _is_right(answer: str, known: str) -> bool:
    numbers = [found.replace(",", "") for found in _NUMBER.findall(answer)]
    if _NUMBER.fullmatch(known):
        return bool(numbers) and numbers[-1].rstrip(".") == known.replace(",", "")
    return known.lower() in answer.lower()


def _preference(first: bool, second: bool, words: Any, luck: random.Random) -> dict[str, Any]:
    """The better answer; between equals a tie, or by position, as real judges do."""
    if first != second:
        better = "first" if first else "second"
    elif "tie" in words and luck.random() < _TIES:
        better = "tie"
    else:
        better = "first" if luck.random() < _FIRST_PREFERRED else "second"
    told = "Neither is better." if better == "tie" else f"The {better} answer is better."
    return {"explanation": told, "better": better}


def _grade(schema: Mapping[str, Any], luck: random.Random, *, is_good: bool) -> int:
    """A grade near the right end of the scale."""
    grades = sorted(schema.get("enum") or (1, 5))
    step = luck.randint(0, 1) if len(grades) > 2 else 0
    return int(grades[-1 - step] if is_good else grades[step])


def _schema_of(form: str) -> dict[str, Any]:
    """The schema that a form in words stands for."""
    if '"better"' in form:
        words = [word for word in ("first", "second", "tie") if f'"{word}"' in form]
        return {"properties": {"explanation": {}, "better": {"enum": words}}}
    match = _RANGE.search(form)
    if match is None:
        return {}
    low, high = (0, 1) if match[3] else (int(match[1]), int(match[2]))
    grade = {"enum": list(range(low, high + 1))}
    names = _NAMED.findall(form)
    if '"scores"' in form:
        inner = {"properties": dict.fromkeys(names, grade)}
        return {"properties": {"explanation": {}, "scores": inner}}
    return {"properties": {"explanation": {}, "score": grade}}
