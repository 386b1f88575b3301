"""``--set a.b.0.c=value``: the command line's word on a suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import UsageError
from evalkit.suite.layers import anchored
from evalkit.suite.source import Address, parse_value


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> frozenset[Address]:
    """Set each ``path=value`` in the data; a path in a value is relative to the current folder.

    Returns the addresses that were set. Raises UsageError for one that is not ``path=value``, or
    leads nowhere.
    """
    return frozenset(_apply(data, override) for override in overrides)


def _apply(data: dict[str, Any], override: str) -> Address:
    dotted, equals, text = override.partition("=")
    parts = [part for part in dotted.strip().split(".") if part]
    if not equals or not parts:
        raise UsageError(
            f"--set {override!r} is not path=value", "For example: --set dataset.limit=20"
        )
    value = _value(text, override)
    if isinstance(value, str) and (parts[-1] in ("path", "file") or parts == ["dataset"]):
        value = anchored(value, Path.cwd())
    _spell_out(data, parts[0])
    at: Any = data
    for part in parts[:-1]:
        at = _descend(at, part, override)
    last = parts[-1]
    if isinstance(at, list):
        at[_index(at, last, override)] = value
    elif isinstance(at, dict) and value is None and _AS_WRITTEN.isdisjoint(parts):
        at.pop(last, None)  # as null in a file takes an inherited value away
    elif isinstance(at, dict):
        at[last] = value
    else:
        raise UsageError(f"--set {override!r}: {'.'.join(parts[:-1])} holds a single value")
    return tuple(int(part) if part.isdigit() else part for part in parts)


# What is sent as it is, null included.
_AS_WRITTEN = frozenset({"extra_body", "output_schema", "tools", "tool_choice"})


def _value(text: str, override: str) -> Any:
    # A lone dash is standard input and braces are a template; YAML would take them otherwise.
    if text.strip() == "-" or text.lstrip().startswith(("{{", "{%")):
        return text.strip()
    try:
        return parse_value(text)
    except (yaml.YAMLError, RecursionError):
        if "{{" in text and not text.lstrip().startswith(("{", "[", '"', "'")):
            return text.strip()
        raise UsageError(
            f"--set {override!r}: the value is not valid YAML",
            "Quote a text that has a colon or another sign in it: --set 'path=\"a: b\"'.",
        ) from None


# What a text stands for, in a section and in the entries of one.
_SECTIONS = {"dataset": "path", "cache": "mode"}
_ENTRIES = {"models": "model", "scorers": "type", "prompts": "user"}


def _spell_out(data: dict[str, Any], top: str) -> None:
    """Write the short forms of a section out, so that a path can lead into them."""
    value = data.get(top)
    if isinstance(value, str) and top in _SECTIONS:
        data[top] = {_SECTIONS[top]: value}
    if top not in _ENTRIES or not value:
        return

    def whole(entry: Any) -> Any:
        return {_ENTRIES[top]: entry} if isinstance(entry, str) else entry

    if top == "prompts":
        named = value if isinstance(value, dict) else {"prompt": value}
        data[top] = {name: whole(entry) for name, entry in named.items()}
    else:
        data[top] = [whole(entry) for entry in (value if isinstance(value, list) else [value])]


def _descend(at: Any, part: str, override: str) -> Any:
    if isinstance(at, list):
        return at[_index(at, part, override)]
    if isinstance(at, dict):
        if at.get(part) is None:
            at[part] = {}
        return at[part]
    raise UsageError(f"--set {override!r}: there is nothing inside a single value")


def _index(items: list[Any], part: str, override: str) -> int:
    if part.isdigit() and int(part) < len(items):
        return int(part)
    raise UsageError(f"--set {override!r}: {part!r} is no position in a list of {len(items)}")
