"""Rows of JSON: an object a line, or the objects of one list, read piece by piece."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO, cast

import orjson

from evalkit.errors import DatasetError
from evalkit.suite.opening import Source
from evalkit.suite.row import Row, mapping, place

_CHUNK = 1 << 20
# orjson reads integers beyond 64 bits as floats, which would change them silently.
_LONG_NUMBER = re.compile(r"\d{19}")
_SPACE = re.compile(r"[ \t\r\n]*")
_UNFINISHED = ("Unterminated string", "Invalid \\")
# How a file begins that holds one document, rather than a row a line.
_DOCUMENT = ("[", "{\n", "{\r")


def read_jsonl(source: Source) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    decoder = _Decoder()
    with source.text() as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                values = _json_line(line, decoder, source.shown, number)
            except DatasetError as error:
                if number == 1 and line.lstrip().startswith(_DOCUMENT):
                    told = "It looks like one JSON document: say dataset.format: json."
                    raise DatasetError(error.message, told) from error
                source.faults.note(place(source.shown, number, is_line=True), error)
                continue
            yield Row(source.shown, number, values)


def _json_line(line: str, decoder: _Decoder, file: str, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
        is_exact = type(value) is dict and (_is_flat(value) or not _LONG_NUMBER.search(line))
        if is_exact and _are_single(value, line):
            return cast("dict[str, Any]", value)
    except orjson.JSONDecodeError:
        pass  # NaN, or truly broken: json says which, and where
    where = place(file, number, is_line=True)
    try:
        return decoder.columns(decoder.decode(line.rstrip("\r\n")), where)
    except json.JSONDecodeError as error:
        told = f"{where}: not valid JSON: {error.msg} at column {error.colno}"
        raise DatasetError(told, "A .jsonl file holds one object a line.") from error
    except RecursionError as error:
        raise DatasetError(f"{where}: nested too deeply") from error


def _are_single(row: dict[str, Any], line: str) -> bool:
    """Whether each column surely stands once in the line: orjson keeps the last of two.

    Where the line has as many colons as columns, or each name once in quotes, there is no other.
    """
    return line.count(":") == len(row) or all(line.count(f'"{name}"') == 1 for name in row)


class _Decoder(json.JSONDecoder):
    """Reads what orjson does not: NaN, numbers of any length; notices a key given twice."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object, parse_int=_whole_number)
        self._twice: str | None = None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            self._twice = next(name for name in names if names.count(name) > 1)
        return found

    def columns(self, value: Any, where: str) -> dict[str, Any]:
        """The columns of the value decoded last; raises DatasetError."""
        twice, self._twice = self._twice, None
        if twice is not None:
            raise DatasetError(f"{where}: the key '{twice}' is given twice", "Take one away.")
        return mapping(value, where)


def _whole_number(text: str) -> int | str:
    """A whole number; one far beyond 64 bits stays text, which it is made into anyway."""
    return int(text) if len(text) <= 20 else text


def _is_flat(row: dict[str, Any]) -> bool:
    """Whether a row holds texts, flags and small integers only, as most do."""
    return _FLAT.issuperset(map(type, row.values()))


_FLAT = frozenset({str, int, bool, type(None)})


def read_json(source: Source) -> Iterator[Row]:
    """The objects of one list, read piece by piece."""
    with source.text() as file:
        yield from _JsonList(source, file).rows()


class _JsonList:
    """A cursor in a JSON list: the text read so far, how far it is used, and the line there."""

    def __init__(self, source: Source, file: TextIO) -> None:
        self._source, self._file = source, file
        self._text, self._at, self._line = "", 0, 1
        self._decoder = _Decoder()

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
            value, where = self._value(), place(self._source.shown, line, is_line=True)
            try:
                columns = self._decoder.columns(value, where)
            except DatasetError as error:
                self._source.faults.note(where, error)
            else:
                yield Row(self._source.shown, line, columns)
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
        return DatasetError(f"{self._source.shown}:{self._line}: {message}", hint)
