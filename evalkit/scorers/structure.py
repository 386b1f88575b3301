"""Scorers of answers with a structure: fields of JSON, YAML, XML tags, tool calls."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.scorers.json_text import FENCE, MISSING, find_json, leaves, same, same_leaf, shown
from evalkit.types import Case, Response, Score

_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_MOST_DEPTH = 200
_QUICK_SIGNS = 20_000


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
            if not same_leaf(target.get(path, MISSING), found.get(path, MISSING))
        ]
        share = 1 - len(wrong) / len(paths)
        reason = (
            f"differs at {', '.join(map(shown, sorted(wrong, key=str)[:5]))}" if wrong else None
        )
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
    Compared as numbers where both are, else as text, apart from case and surrounding white space.
    """

    name: str = "fields"
    fields: dict[str, Any]
    needs_target: bool = False

    def __post_init__(self) -> None:
        if not self.fields:
            raise ValueError("fields names at least one field and its column")
        for field, column in self.fields.items():
            if not isinstance(column, str):
                raise ValueError(f"the field '{field}' needs the name of a column, not {column!r}")

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        try:
            value = find_json(response.text)
        except (ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=str(error))
        wrong = []
        for field, column in self.fields.items():
            if column not in case.inputs:
                return Score(self.name, None, reason=f"the row has no column '{column}'")
            if not _alike(_at(value, field), case.inputs[column]):
                wrong.append(field)
        reason = f"differs at {', '.join(wrong)}" if wrong else None
        share = 1 - len(wrong) / len(self.fields)
        return Score(self.name, share, answer=json.dumps(value, ensure_ascii=False), reason=reason)


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _alike(found: Any, wanted: Any) -> bool:
    if found is MISSING:
        return False
    if isinstance(found, bool) or isinstance(wanted, bool):
        return _text(found) == _text(wanted)
    if isinstance(found, int | float) or isinstance(wanted, int | float):
        try:
            return float(found) == float(wanted)
        except (TypeError, ValueError, OverflowError):
            return False
    return _text(found) == _text(wanted)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return " ".join(text.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Yaml:
    """Right when the answer, or its last fenced block of YAML, is YAML: mappings or lists.

    Reading takes at most ``timeout_s`` seconds; then the score is null.
    """

    name: str = "yaml"
    timeout_s: float = 10.0
    needs_target: bool = False

    def is_quick(self, _: Case, response: Response) -> bool:
        """Merge keys can multiply a few lines beyond any memory."""
        return len(response.text) <= _QUICK_SIGNS and "<<" not in response.text

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        import yaml

        try:
            documents = _documents(_yaml_in(response.text))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=f"no YAML: {str(error).splitlines()[0]}")
        is_right = bool(documents) and all(isinstance(one, dict | list) for one in documents)
        return Score(self.name, float(is_right), reason=None if is_right else "plain text")


def _yaml_in(text: str) -> str:
    """The last block that says it is YAML, else the last that says nothing, else the last."""
    blocks = [(language.lower(), block) for language, block in FENCE.findall(text)]
    for wanted in (("yaml", "yml"), ("",)):
        named = [block for language, block in blocks if language in wanted]
        if named:
            return str(named[-1])
    return str(blocks[-1][1]) if blocks else text


def _documents(text: str) -> list[Any]:
    """What a stream of YAML holds; raises ValueError or YAMLError."""
    import yaml

    # The fast loader crashes on what is nested a hundred thousand deep.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_DEPTH:
            raise ValueError(f"nested more than {_MOST_DEPTH} deep")
    return [one for one in yaml.load_all(text, Loader=loader) if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlTag:
    """Right when the answer has ``<tag>…</tag>``, and its last content is the target if any.

    Apart from case and white space. ``compare`` false only asks for the tag.
    """

    name: str = "xml_tag"
    tag: str = "answer"
    compare: bool = True
    needs_target: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w:.-]+", self.tag):
            raise ValueError(f"tag is a name without brackets, found {self.tag!r}")

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        content = _last_content(self.tag, response.text)
        if content is None:
            return Score(self.name, 0.0, reason=f"no <{self.tag}>…</{self.tag}>")
        answer = html.unescape(_CDATA.sub(r"\1", content)).strip()
        is_right = not self.compare or case.target is None or _text(answer) == _text(case.target)
        reason = None if is_right else f"expected {case.target!r}"
        return Score(self.name, float(is_right), answer=answer, reason=reason)


def _last_content(tag: str, text: str) -> str | None:
    """What stands between the last pair of tags, capitals or not; one pass over the text.

    A tag that is only spoken of ("in <answer> tags") opens nothing, as another opens after it.
    """
    name = re.escape(tag)
    content, start = None, None
    for found in re.finditer(rf"<(/?){name}(?:\s[^<>]*)?>", text, re.IGNORECASE):
        if not found[1]:
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
                tool, arguments = _wanted_call(case.target)
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


def _wanted_call(target: str) -> tuple[str, dict[str, Any] | None]:
    """The tool and its arguments, which may be JSON in a text, as some interfaces have them."""
    wanted = json.loads(target)
    arguments = wanted.get("input", wanted.get("arguments"))
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    return str(wanted["name"]), None if arguments is None else {**arguments}


def _call_value(call: Mapping[str, Any], tool: str, arguments: Mapping[str, Any] | None) -> float:
    if call.get("name") != tool:
        return 0.0
    if arguments is None:
        return 1.0
    given = call.get("input")
    given = given if isinstance(given, Mapping) else {}
    names = {*arguments, *given}
    right = [n for n in names if same(arguments.get(n, MISSING), given.get(n, MISSING))]
    return 0.5 + 0.5 * len(right) / len(names) if names else 1.0
