"""The options of every scorer as a JSON schema, so that editors complete them, too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from evalkit.scorers.registry import scorer_kind, scorer_names
from evalkit.suite.judge_schema import JUDGE, JudgeSpec

_TEXT = {"type": "string"}
_TYPES: Mapping[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "str": _TEXT,
    "str | None": _TEXT,
    "int": {"type": "integer"},
    "int | None": {"type": "integer"},
    "float": {"type": "number"},
    "float | None": {"type": "number"},
    "tuple[str, ...]": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    "dict[str, Any]": {"type": "object"},
    "dict[str, Any] | None": {"type": "object"},
}
_GIVEN = ("name", "needs_target", "runs_code")


def with_scorers(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A suite's schema with the names of the scorers there are, and the options of each."""
    short, whole = schema["$defs"]["ScorerSpec"]["anyOf"]
    names = sorted((*scorer_names(), JUDGE))
    known = {"anyOf": [{"enum": names}, short]}
    kind = {**whole["properties"]["type"], **known}
    options = [_when(name, _options(name)) for name in names]
    scorer = {**whole, "properties": {**whole["properties"], "type": kind}, "allOf": options}
    return {**schema, "$defs": {**schema["$defs"], "ScorerSpec": {"anyOf": [known, scorer]}}}


def _when(name: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": then}


def _options(name: str) -> dict[str, Any]:
    """What may stand beside a scorer's type, and what must."""
    if name == JUDGE:
        # A judge has short forms of its own, which are checked when the suite is read.
        return {"properties": dict.fromkeys(JudgeSpec.model_fields, True)}
    fields = [one for one in dataclasses.fields(scorer_kind(name)) if one.name not in _GIVEN]
    needed = [one.name for one in fields if _is_needed(one)]
    properties = {one.name: _TYPES.get(str(one.type), True) for one in fields if one.init}
    return {"properties": properties, **({"required": needed} if needed else {})}


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.init and field.default is missing and field.default_factory is missing
