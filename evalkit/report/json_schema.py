"""The JSON schema of ``report.json``, taken from the values it is written from."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from evalkit.report.json import FORMAT, LEFT_OUT
from evalkit.report.report import Report
from evalkit.stats.sampling import VarianceSplit

_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
}


def report_schema() -> dict[str, Any]:
    """JSON Schema 2020-12; every field is there in every document, unknown ones as null."""
    definitions: dict[str, Any] = {}
    root = _object(Report, definitions)
    for name in LEFT_OUT:
        del root["properties"][name]
    root["properties"] = {"format": {"const": FORMAT}, **root["properties"]}
    root["required"] = list(root["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"evalkit report, format {FORMAT}",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind, localns={"VarianceSplit": VarianceSplit})
    names = [field.name for field in dataclasses.fields(kind)]
    return {
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": {name: _schema(hints[name], definitions) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if dataclasses.is_dataclass(kind):
        name = kind.__name__  # type: ignore[union-attr]
        if name not in definitions:
            definitions[name] = {}  # so that what holds itself ends
            definitions[name] = _object(kind, definitions)  # type: ignore[arg-type]
        return {"$ref": f"#/$defs/{name}"}
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inside)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one, definitions) for one in inside]}
    if origin is tuple and inside[-1] is not Ellipsis:
        items = [_schema(one, definitions) for one in inside]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    if origin in (tuple, list):
        return {"type": "array", "items": _schema(inside[0], definitions)}
    # A mapping; JSON's names are always text.
    return {"type": "object", "additionalProperties": _schema(inside[1], definitions)}
