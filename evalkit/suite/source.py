"""A YAML file as data, with the line each value stands on."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import ConfigError, Problem
from evalkit.suite.yaml_core import SuiteLoader, fault_line, told_kindly

Address = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Which line of ``path`` every value stands on; ``files`` names another file where it is one.

    Values that ``extends`` brings in stand in the file they come from; those ``typed`` on the
    command line stand in none. Entries that have ``moved``, as others were taken out of a list,
    stand where they did.
    """

    path: str
    lines: Mapping[Address, int]
    files: Mapping[Address, str] = field(default_factory=dict)
    typed: frozenset[Address] = frozenset()
    moved: Mapping[Address, Address] = field(default_factory=dict)

    def where(self, address: Address) -> str:
        """``file:line: dotted.path`` of a value, or of the nearest thing around it."""
        address = (*self.moved.get(address[:2], address[:2]), *address[2:])
        dotted = ".".join(str(part) for part in address)
        if any(address[:length] in self.typed for length in range(1, len(address) + 1)):
            return f"--set {dotted}"
        known = address
        while known and known not in self.lines:
            # A key that is a number is known as it is written.
            written = (*known[:-1], str(known[-1]))
            known = written if written in self.lines else known[:-1]
        place = f"{self.files.get(known, self.path)}:{self.lines.get(known, 1)}"
        return f"{place}: {dotted}" if dotted else place

    def file(self, address: Address) -> str:
        """The file that a value, or the nearest thing around it, is written in."""
        while address and address not in self.lines:
            address = address[:-1]
        return self.files.get(address, self.path)

    def has(self, address: Address) -> bool:
        """Whether a value is written there, or typed."""
        return address in self.lines or address in self.typed

    def with_typed(self, addresses: frozenset[Address]) -> SourceMap:
        """The map with values that the command line has set."""
        return replace(self, typed=addresses)

    def with_moved(self, moved: Mapping[Address, Address]) -> SourceMap:
        """The map for data that entries were taken out of: where they are, where they were."""
        return replace(self, moved=moved)

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
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError([Problem(shown, "no such file")], _nearby(path)) from error
    except OSError as error:
        reason = str(error.strerror or error)
        raise ConfigError([Problem(shown, f"cannot be read: {reason}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([_encoding_problem(error, shown)]) from error
    try:
        node = yaml.compose(text, Loader=SuiteLoader)
        problems: list[Problem] = []
        lines: dict[Address, int] = {}
        if node is not None:
            _walk(node, (), shown, lines, problems)
        if problems:
            raise ConfigError(problems)
        data = parse_value(text)
    except RecursionError as error:
        told = "an alias that holds itself, or nesting without end"
        raise ConfigError([Problem(shown, f"not valid YAML: {told}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, shown)]) from error
    if not isinstance(data, dict):
        found = {list: "this is a list", type(None): "the file is empty"}
        raise ConfigError(
            [
                Problem(
                    f"{shown}:1",
                    "a suite is a mapping with dataset, prompts and models; "
                    f"{found.get(type(data), 'this is a single value')}",
                )
            ],
            "evalkit init writes one to begin with.",
        )
    return data, SourceMap(shown, lines)


def _encoding_problem(error: UnicodeDecodeError, shown: str) -> Problem:
    start: bytes = error.object[:2]
    if start in (b"\xff\xfe", b"\xfe\xff"):
        return Problem(shown, "is UTF-16; save it as UTF-8")
    line = error.object.count(b"\n", 0, error.start) + 1
    told = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
    return Problem(f"{shown}:{line}", told)


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
    if isinstance(error, yaml.MarkedYAMLError):
        return Problem(f"{shown}:{fault_line(error)}", told_kindly(error))
    if isinstance(error, yaml.reader.ReaderError):
        return Problem(shown, f"not a text file: it holds the character U+{error.character:04X}")
    return Problem(shown, f"not valid YAML: {error}")


def _nearby(path: Path) -> str | None:
    folder = path.parent if path.parent.is_dir() else None
    found = sorted(item.name for item in folder.glob("*.y*ml")) if folder else []
    near = difflib.get_close_matches(path.name, found, n=1)
    if near:
        return f"Did you mean {path.with_name(near[0])}?"
    return f"In that folder: {', '.join(found[:8])}" if found else None
