"""A YAML file as data, with the line each value stands on."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import ConfigError, Problem

Address = tuple[str | int, ...]


class SuiteLoader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's booleans: ``off`` and ``yes`` stay the words they are."""


SuiteLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
SuiteLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Which line of ``path`` every value stands on; ``files`` names another file where it is one.

    Values that ``extends`` brings in stand in the file they come from.
    """

    path: str
    lines: Mapping[Address, int]
    files: Mapping[Address, str] = field(default_factory=dict)

    def where(self, address: Address) -> str:
        """``file:line: dotted.path`` of a value, or of the nearest thing around it."""
        known = address
        while known and known not in self.lines:
            known = known[:-1]
        dotted = ".".join(str(part) for part in address)
        place = f"{self.files.get(known, self.path)}:{self.lines.get(known, 1)}"
        return f"{place}: {dotted}" if dotted else place

    def over(self, below: SourceMap) -> SourceMap:
        """Both maps in one, this one's places before those of the file it extends."""
        files = {address: below.files.get(address, below.path) for address in below.lines}
        kept = {address: file for address, file in files.items() if address not in self.lines}
        return SourceMap(self.path, {**below.lines, **self.lines}, {**kept, **self.files})


def parse_value(text: str) -> Any:
    """One YAML value as typed on the command line."""
    return yaml.load(text, Loader=SuiteLoader)


def read_source(path: Path, shown: str) -> tuple[dict[str, Any], SourceMap]:
    """The data of a YAML file and its source map.

    Raises ConfigError for a missing or unreadable file, bad YAML, a duplicate key, or a file that
    holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError([Problem(shown, "no such file")], _nearby(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(shown, f"cannot be read: {error}")]) from error
    try:
        node = yaml.compose(text, Loader=SuiteLoader)
        problems: list[Problem] = []
        lines: dict[Address, int] = {}
        if node is not None:
            _walk(node, (), shown, lines, problems)
        if problems:
            raise ConfigError(problems)
        data = parse_value(text)
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, shown)]) from error
    if not isinstance(data, dict):
        raise ConfigError(
            [Problem(f"{shown}:1", "a suite is a mapping with dataset, prompts and models")]
        )
    return data, SourceMap(shown, lines)


def _walk(
    node: yaml.Node,
    address: Address,
    shown: str,
    lines: dict[Address, int],
    problems: list[Problem],
) -> None:
    """Note every value's line; collect duplicate keys, which YAML would let pass silently."""
    lines.setdefault(address, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            lines[(*address, key)] = line
            if key in seen:
                problems.append(Problem(f"{shown}:{line}", f"the key '{key}' is given twice"))
            seen.add(key)
            _walk(value_node, (*address, key), shown, lines, problems)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _walk(child, (*address, index), shown, lines, problems)


def _syntax_problem(error: yaml.YAMLError, shown: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        what = ", ".join(part for part in (error.context, error.problem) if part)
        if "${" in (error.problem_mark.get_snippet() or ""):
            what += "; quote a value with ${…} in it"
        return Problem(f"{shown}:{error.problem_mark.line + 1}", f"not valid YAML: {what}")
    return Problem(shown, f"not valid YAML: {error}")


def _nearby(path: Path) -> str | None:
    folder = path.parent if path.parent.is_dir() else None
    found = sorted(item.name for item in folder.glob("*.y*ml")) if folder else []
    return f"In that folder: {', '.join(found[:8])}" if found else None
