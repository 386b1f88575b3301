"""A made-up value that satisfies a JSON schema, for structured output and forced tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import orjson

Schema = Mapping[str, Any]


def example(schema: Schema, luck: random.Random) -> Any:
    """A value of the schema's type. Understands what structured outputs allow."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return luck.choice(schema["enum"])
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example(luck.choice(schema[key]), luck)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = luck.choice(kind)
    return _MAKERS[kind](schema, luck)


def example_text(schema: Schema, luck: random.Random) -> str:
    """Such a value as JSON."""
    return orjson.dumps(example(schema, luck)).decode()


def _object(schema: Schema, luck: random.Random) -> dict[str, Any]:
    """Required properties first, as the API orders them."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = [name for name in schema.get("required", ()) if name in properties]
    names = [*required, *(name for name in properties if name not in required)]
    return {name: example(properties[name], luck) for name in names}


def _array(schema: Schema, luck: random.Random) -> list[Any]:
    count = max(int(schema.get("minItems", 0)), 1)
    return [example(schema.get("items", {"type": "string"}), luck) for _ in range(count)]


def _integer(schema: Schema, luck: random.Random) -> int:
    low, high = schema.get("minimum", 0), schema.get("maximum", 10)
    return luck.randint(int(low), max(int(low), int(high)))


def _number(schema: Schema, luck: random.Random) -> float:
    low, high = float(schema.get("minimum", 0)), float(schema.get("maximum", 1))
    return round(luck.uniform(low, max(low, high)), 2)


_MAKERS: dict[str, Callable[[Schema, random.Random], Any]] = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _number,
    "boolean": lambda schema, luck: luck.random() < 0.5,
    "null": lambda schema, luck: None,
    "string": lambda schema, luck: f"value {luck.randint(1, 99)}",
}
