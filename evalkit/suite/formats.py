"""Rows of text formats, streamed: JSON Lines, a JSON list, CSV and TSV, a YAML list."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import orjson
import yaml

from evalkit.errors import DatasetError
from evalkit.suite.opening import Source
from evalkit.suite.row import Row, place, plain
from evalkit.suite.yaml_core import SuiteLoader, told_kindly

_CHUNK = 1 << 20
# orjson reads integers beyond 64 bits as floats, which would change them silently.
_LONG_NUMBER = re.compile(r"\d{19}")
_SPACE = re.compile(r"[ \t\r\n]*")
_UNFINISHED = ("Unterminated string", "Invalid \\")


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A row's columns; raises DatasetError for what is no object, or has no place in JSON."""
    if not isinstance(value, dict):
        raise DatasetError(
            f"{where}: a row is an object of columns, found {_KINDS.get(type(value), 'a value')}"
        )
    try:
        return {str(key): plain(item) for key, item in value.items()}
    except ValueError as error:
        raise DatasetError(f"{where}: {error}", "Use null for what is missing.") from error


_KINDS = {
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def read_jsonl(source: Source) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    with source.text() as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            yield Row(source.shown, number, _json_line(line, source.shown, number))


def _json_line(line: str, file: str, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
        if type(value) is dict and (_is_flat(value) or not _LONG_NUMBER.search(line)):
            return value
    except orjson.JSONDecodeError:
        pass  # NaN, or truly broken: json says which, and where
    where = place(file, number, is_line=True)
    try:
        return mapping(json.loads(line.rstrip("\r\n")), where)
    except json.JSONDecodeError as error:
        is_document = number == 1 and (line.strip() in ("[", "{") or line.startswith("[{"))
        raise DatasetError(
            f"{where}: not valid JSON: {error.msg} at column {error.colno}",
            "It looks like JSON over several lines: say dataset.format: json."
            if is_document
            else "A .jsonl file holds one object a line.",
        ) from error
    except RecursionError as error:
        raise DatasetError(f"{where}: nested too deeply") from error


def _is_flat(row: dict[str, Any]) -> bool:
    """Whether a row holds texts, flags and small integers only, as most do."""
    return _FLAT.issuperset(map(type, row.values()))


_FLAT = frozenset({str, int, bool, type(None)})


def read_json(source: Source) -> Iterator[Row]:
    """The objects of one list, read piece by piece."""
    with source.text() as file:
        yield from _JsonList(source.shown, file).rows()


class _JsonList:
    """A cursor in a JSON list: the text read so far, how far it is used, and the line there."""

    def __init__(self, shown: str, file: TextIO) -> None:
        self._shown, self._file = shown, file
        self._text, self._at, self._line = "", 0, 1
        self._decoder = json.JSONDecoder()

    def rows(self) -> Iterator[Row]:
        if self._next_sign() != "[":
            raise self._fault(
                "expected a list of rows", "Begin it with [; of one object a line, name it .jsonl."
            )
        self._use(self._at + 1)
        if self._next_sign() == "]":
            return
        while True:
            self._next_sign()
            line = self._line
            values = mapping(self._value(), place(self._shown, line, is_line=True))
            yield Row(self._shown, line, values)
            sign = self._next_sign()
            if sign == "]":
                self._use(self._at + 1)
                if self._next_sign():
                    raise self._fault("not valid JSON: there is more behind the list")
                return
            if sign != ",":
                raise self._fault("not valid JSON: expected ',' or ']' after a row")
            self._use(self._at + 1)

    def _next_sign(self) -> str:
        """The next sign that is not white space, which is used up; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._use(match.end() if match else self._at)
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _value(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # Near the end of what has been read, or within a string, the rest may be to come.
                is_open = error.msg.startswith(_UNFINISHED) or error.pos > len(self._text) - 16
                if is_open and self._more():
                    continue
                self._use(min(error.pos, len(self._text)))
                raise self._fault(f"not valid JSON: {error.msg}") from error
            except RecursionError as error:
                raise self._fault("nested too deeply") from error
            self._use(end)
            return value

    def _more(self) -> bool:
        # As much again as there is: a row of any length is decoded a few times at most.
        rest = self._text[self._at :]
        chunk = self._file.read(max(_CHUNK, len(rest)))
        self._text, self._at = rest + chunk, 0
        return bool(chunk)

    def _use(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _fault(self, message: str, hint: str | None = None) -> DatasetError:
        return DatasetError(f"{self._shown}:{self._line}: {message}", hint)


def read_yaml(source: Source) -> Iterator[Row]:
    """The mappings of one list, composed one at a time; ``yes`` and ``no`` stay words."""
    with source.text() as file:
        loader = SuiteLoader(file)
        try:
            yield from _yaml_items(loader, source.shown)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise DatasetError(f"{source.shown}:{line}: {told_kindly(error)}") from error
        except yaml.YAMLError as error:
            raise DatasetError(f"{source.shown}: not valid YAML: {error}") from error
        except RecursionError as error:
            raise DatasetError(f"{source.shown}: not valid YAML: nested without end") from error
        finally:
            loader.dispose()


def _yaml_items(loader: SuiteLoader, shown: str) -> Iterator[Row]:
    for event in (yaml.StreamStartEvent, yaml.DocumentStartEvent):
        if loader.check_event(event):
            loader.get_event()  # type: ignore[no-untyped-call]
    if not loader.check_event(yaml.SequenceStartEvent):
        raise DatasetError(f"{shown}:1: expected a list of rows", "Begin each row with '- '.")
    loader.get_event()  # type: ignore[no-untyped-call]
    while not loader.check_event(yaml.SequenceEndEvent):
        node = loader.compose_node(None, 0)
        if node is None:
            return
        line = node.start_mark.line + 1
        _check_columns(node, shown)
        value = loader.construct_document(node)
        yield Row(shown, line, mapping(value, place(shown, line, is_line=True)))

    for _ in range(2):  # the list ends, and the document
        loader.get_event()  # type: ignore[no-untyped-call]
    if not loader.check_event(yaml.StreamEndEvent):
        line = loader.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        raise DatasetError(f"{shown}:{line}: a second document; all rows go into one list")


def _check_columns(node: yaml.Node, shown: str) -> None:
    """Refuse a row that has a column twice, which YAML would let pass."""
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value in seen:
            line = key.start_mark.line + 1
            raise DatasetError(f"{shown}:{line}: the column '{key.value}' is given twice")
        seen.add(str(key.value))


def _read_delimited(source: Source, delimiter: str) -> Iterator[Row]:
    # Cells may hold whole documents; csv's own limit is 128 KiB.
    csv.field_size_limit(2**31 - 1)
    shown = source.shown
    with source.text() as file:
        reader = csv.reader(file, delimiter=source.delimiter or delimiter, strict=True)
        try:
            header = next(reader, None)
            if not header:
                raise DatasetError(f"{shown}:1: no header line", "The first line names columns.")
            _check_header(header, shown)
            width, started = len(header), reader.line_num + 1
            for cells in reader:
                line, started = started, reader.line_num + 1
                if not cells:
                    continue
                if len(cells) != width:
                    raise DatasetError(
                        f"{shown}:{line}: {len(cells)} cells, but the header names {width} columns",
                        "Quote cells that contain the delimiter or a newline.",
                    )
                yield Row(shown, line, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise DatasetError(f"{shown}:{reader.line_num}: {error}") from error


def _check_header(header: list[str], shown: str) -> None:
    twins = sorted({name for name in header if header.count(name) > 1})
    if twins == [""]:
        raise DatasetError(f"{shown}:1: {header.count('')} columns have no name", "Name them.")
    if twins:
        raise DatasetError(f"{shown}:1: the column '{twins[0]}' is there twice")
    other = next((sign for sign in ";\t|" if sign in header[0]), None)
    if len(header) == 1 and other is not None:
        raise DatasetError(
            f"{shown}:1: the header is a single column, {header[0]!r}",
            f"If cells are separated otherwise, say dataset.delimiter: {json.dumps(other)}.",
        )


def read_csv(source: Source) -> Iterator[Row]:
    """Comma-separated cells below a header; every cell is text."""
    return _read_delimited(source, ",")


def read_tsv(source: Source) -> Iterator[Row]:
    """Tab-separated cells below a header; every cell is text."""
    return _read_delimited(source, "\t")


TEXT_FORMATS: dict[str, Callable[[Source], Iterator[Row]]] = {
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "tsv": read_tsv,
    "yaml": read_yaml,
}
