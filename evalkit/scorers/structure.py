"""Scorers of answers with a structure: JSON, YAML, XML tags, tool calls."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.types import Case, Response, Score

_FENCE = re.compile(r"```[ \t]*+(?:[\w.+-]++)?[ \t]*+\n(.*?)```", re.DOTALL)
_MOST_STARTS = 1_000
_MISSING = object()


def find_json(text: str) -> Any:
    """The JSON value of an answer: the whole, else the last fenced block, else the last object.

    Raises ValueError if there is none. ``NaN`` and infinities are no JSON.
    """
    fenced = [block for block in reversed(_FENCE.findall(text)) if block.strip()]
    for candidate in (text, *fenced):
        try:
            return _loads(candidate)
        except ValueError:
            continue
    return _embedded(text)


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _embedded(text: str) -> Any:
    """The last object or list that stands in prose."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found, place = _MISSING, 0
    starts = 0
    while (start := re.compile(r"[{\[]").search(text, place)) is not None:
        starts += 1
        if starts > _MOST_STARTS:
            break
        try:
            found, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.end()
    if found is _MISSING:
        raise ValueError("no JSON in the answer")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """Right when the answer holds valid JSON, in a fenced block or not.

    ``strict`` asks for JSON and nothing else; ``schema`` (a JSON Schema) for what it looks like.
    """

    name: str = "json"
    schema: dict[str, Any] | None = None
    strict: bool = False
    needs_target: bool = False

    def __post_init__(self) -> None:
        if self.schema is not None:
            import jsonschema

            try:
                jsonschema.validators.validator_for(self.schema).check_schema(self.schema)
            except jsonschema.SchemaError as error:
                raise ValueError(f"the schema is wrong: {error.message}") from error

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        try:
            value = _loads(response.text) if self.strict else find_json(response.text)
        except (ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=str(error))
        answer = json.dumps(value, ensure_ascii=False)
        if self.schema is None:
            return Score(self.name, 1.0, answer=answer)
        import jsonschema

        validator = jsonschema.validators.validator_for(self.schema)(self.schema)
        fault = next(iter(validator.iter_errors(value)), None)
        reason = None if fault is None else f"{fault.json_path}: {fault.message}"[:300]
        return Score(self.name, float(fault is None), answer=answer, reason=reason)


def leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Each leaf of a JSON value with its path; an empty list or object is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, f"{path}[{place}]")
    else:
        yield path, value


def _same(one: Any, other: Any) -> bool:
    """JSON equality: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonEqual:
    """The share of paths at which the answer's JSON equals the target's.

    Paths that only one of the two has count as differing. ``partial`` false makes it all or
    nothing; ``ignore_extra`` does not mind paths the target has not.
    """

    name: str = "json_equal"
    partial: bool = True
    ignore_extra: bool = False
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        try:
            target = dict(leaves(json.loads(case.target)))
        except ValueError:
            return Score(self.name, None, reason="the target is no JSON")
        try:
            value = find_json(response.text)
        except (ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=str(error))
        found = dict(leaves(value))
        paths = list(target) if self.ignore_extra else list({**target, **found})
        wrong = [
            path
            for path in paths
            if not _same(target.get(path, _MISSING), found.get(path, _MISSING))
        ]
        share = 1 - len(wrong) / len(paths)
        reason = f"differs at {', '.join(wrong[:5])}" if wrong else None
        return Score(
            self.name,
            share if self.partial else float(not wrong),
            answer=json.dumps(value, ensure_ascii=False),
            reason=reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The share of named fields of the answer's JSON that equal the case's columns.

    ``fields`` maps a field of the answer (``a.b`` goes deeper) to a column of the dataset.
    Compared as text, apart from case and surrounding white space.
    """

    name: str = "fields"
    fields: dict[str, Any]
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        try:
            value = find_json(response.text)
        except (ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=str(error))
        wrong = []
        for field, column in self.fields.items():
            found = _at(value, field)
            if found is _MISSING or _text(found) != _text(case.inputs[column]):
                wrong.append(field)
        reason = f"differs at {', '.join(wrong)}" if wrong else None
        share = 1 - len(wrong) / len(self.fields) if self.fields else 1.0
        return Score(self.name, share, answer=json.dumps(value, ensure_ascii=False), reason=reason)


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step, _MISSING)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Yaml:
    """Right when the answer, or its last fenced block, is a YAML mapping or list."""

    name: str = "yaml"
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        import yaml

        fenced = _FENCE.findall(response.text)
        try:
            value = yaml.safe_load(fenced[-1] if fenced else response.text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=f"no YAML: {str(error).splitlines()[0]}")
        is_right = isinstance(value, dict | list)
        return Score(self.name, float(is_right), reason=None if is_right else "plain text")


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlTag:
    """Right when the answer has ``<tag>…</tag>``, and its last content is the target if any.

    Apart from case and white space. ``compare`` false only asks for the tag.
    """

    name: str = "xml_tag"
    tag: str = "answer"
    compare: bool = True
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        content = _last_content(self.tag, response.text)
        if content is None:
            return Score(self.name, 0.0, reason=f"no <{self.tag}>…</{self.tag}>")
        answer = html.unescape(content).strip()
        is_right = not self.compare or case.target is None or _text(answer) == _text(case.target)
        reason = None if is_right else f"expected {case.target!r}"
        return Score(self.name, float(is_right), answer=answer, reason=reason)


def _last_content(tag: str, text: str) -> str | None:
    """What stands between the last pair of tags, capitals or not; one pass over the text."""
    name = re.escape(tag)
    content, start = None, None
    for found in re.finditer(rf"<(/?){name}(?:\s[^<>]*)?>", text, re.IGNORECASE):
        if not found[1] and start is None:
            start = found.end()
        elif found[1] and start is not None:
            content, start = text[start : found.start()], None
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """Half for calling the right tool, the rest for the share of its arguments that are right.

    ``tool`` and ``arguments`` say what is expected; without them the target does, as JSON:
    ``{"name": …, "input": {…}}``. Of several calls the best counts.
    """

    name: str = "tool_call"
    tool: str | None = None
    arguments: dict[str, Any] | None = None

    @property
    def needs_target(self) -> bool:
        """See Scorer."""
        return self.tool is None

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if self.tool is not None:
            tool, arguments = self.tool, self.arguments
        elif case.target is None:
            return Score(self.name, None, reason="the case has no target")
        else:
            try:
                wanted = json.loads(case.target)
                tool, arguments = wanted["name"], wanted.get("input", wanted.get("arguments"))
            except (ValueError, KeyError, TypeError, AttributeError):
                stray = f'the target is no {{"name": …, "input": …}}: {case.target[:80]}'
                return Score(self.name, None, reason=stray)
        if not response.tool_calls:
            return Score(self.name, 0.0, reason="no tool was called")
        graded = [(_call_value(call, tool, arguments), call) for call in response.tool_calls]
        value, call = max(graded, key=lambda pair: pair[0])
        answer = json.dumps({"name": call.get("name"), "input": call.get("input")})
        reason = None if value == 1 else f"expected {tool} {json.dumps(arguments)}"
        return Score(self.name, value, answer=answer, reason=reason)


def _call_value(call: Mapping[str, Any], tool: str, arguments: Mapping[str, Any] | None) -> float:
    if call.get("name") != tool:
        return 0.0
    if arguments is None:
        return 1.0
    given = dict(call.get("input") or {})
    names = {*arguments, *given}
    right = [n for n in names if _same(arguments.get(n, _MISSING), given.get(n, _MISSING))]
    return 0.5 + 0.5 * len(right) / len(names) if names else 1.0
