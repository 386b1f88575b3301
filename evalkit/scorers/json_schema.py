"""The scorer that asks for JSON of a certain form."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalkit.scorers.json_text import find_json, load_json
from evalkit.types import Case, Response, Score

# As the same schema shall mean the same everywhere, only what needs no further packages.
FORMATS = ("date", "email", "ipv4", "ipv6", "uuid")
_SLOW = ("pattern", "patternProperties")
_QUICK_SIGNS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """Right when the answer holds valid JSON, in a fenced block or not.

    ``strict`` asks for JSON and nothing else; ``schema`` (a JSON Schema) for what it looks like,
    with the formats date, date-time, email, ipv4, ipv6, uri and uuid. Nothing that the schema
    refers to is fetched. Checking a pattern takes at most ``timeout_s`` seconds; then the score is
    null.
    """

    name: str = "json"
    schema: dict[str, Any] | None = None
    strict: bool = False
    timeout_s: float = 1.0
    needs_target: bool = False

    def __post_init__(self) -> None:
        if self.schema is not None:
            _check(self.schema)

    def is_quick(self, _: Case, response: Response) -> bool:
        """A pattern may take for ever on a text made for it."""
        return not _has_patterns(self.schema) and len(response.text) <= _QUICK_SIGNS

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        try:
            value = load_json(response.text) if self.strict else find_json(response.text)
        except (ValueError, RecursionError) as error:
            return Score(self.name, 0.0, reason=str(error))
        answer = json.dumps(value, ensure_ascii=False)
        if self.schema is None:
            return Score(self.name, 1.0, answer=answer)
        fault = next(iter(_validator(self.schema).iter_errors(value)), None)
        reason = None if fault is None else f"{fault.json_path}: {fault.message}"[:300]
        return Score(self.name, float(fault is None), answer=answer, reason=reason)


def _check(schema: dict[str, Any]) -> None:
    """Raise ValueError, in words for the user, for a schema that cannot be used."""
    import jsonschema
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    unknown: Any = object()
    known = jsonschema.validators.validator_for(schema, default=unknown)
    if "$schema" in schema and known is unknown:
        raise ValueError(f"the schema's $schema is no draft that is known: {schema['$schema']}")
    try:
        type(_validator(schema)).check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"the schema is wrong: {error.message}") from error
    if any(isinstance(part.get(name), str) for part in _parts(schema) for name in ("$id", "id")):
        return  # parts with names of their own: whether references lead there, only use tells
    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = _drafts().resolver_with_root(root)
    for part in _parts(schema):
        reference = part.get("$ref")
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                raise ValueError(
                    f"the schema refers to {reference}, which is not in it; nothing is fetched"
                ) from None


def _validator(schema: dict[str, Any]) -> Any:
    import jsonschema

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    # A registry of one's own: the library's default one opens any address or file.
    return kind(schema, registry=_drafts(), format_checker=_formats())


def _drafts() -> Any:
    """The drafts of JSON Schema themselves, which schemas may refer to; from a package."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY


def _formats() -> Any:
    import jsonschema

    formats = jsonschema.FormatChecker(FORMATS)
    formats.checkers["date-time"] = (_is_date_time, ValueError)
    formats.checkers["uri"] = (_is_uri, ValueError)
    return formats


def _is_date_time(value: object) -> bool:
    """As RFC 3339 has it: with a time and where on Earth it is."""
    if not isinstance(value, str):
        return True
    found = datetime.datetime.fromisoformat(value)
    return found.tzinfo is not None and value[10:11] in ("T", "t", " ")


def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urllib.parse.urlsplit(value)
    return bool(parts.scheme and (parts.netloc or parts.path)) and " " not in value


def _parts(schema: object) -> Iterator[dict[str, Any]]:
    """A schema and every object in it."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _has_patterns(schema: dict[str, Any] | None) -> bool:
    return schema is not None and any(name in part for part in _parts(schema) for name in _SLOW)
