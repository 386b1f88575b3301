"""Rows of CSV and TSV: cells below a header, every one of them text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

from evalkit.errors import DatasetError
from evalkit.suite.opening import Source
from evalkit.suite.row import Row


def _read_delimited(source: Source, delimiter: str) -> Iterator[Row]:
    # Cells may hold whole documents; csv's own limit is 128 KiB.
    csv.field_size_limit(2**31 - 1)
    shown = source.shown
    with source.text() as file:
        reader = csv.reader(file, delimiter=source.delimiter or delimiter, strict=True)
        line = started = 1
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
                    source.faults.note(f"{shown}:{line}", _ragged(shown, line, cells, width))
                    continue
                yield Row(shown, line, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise _unquoted(error, shown, started, reader.line_num) from error


def _ragged(shown: str, line: int, cells: list[str], width: int) -> DatasetError:
    found = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
    return DatasetError(
        f"{shown}:{line}: {found}, but the header names {width} column{'s' * (width != 1)}",
        "Quote cells that contain the delimiter or a newline.",
    )


def _unquoted(error: csv.Error, shown: str, started: int, line: int) -> DatasetError:
    """What csv cannot take apart: a quote that stays open runs to the end of the file."""
    if "unexpected end of data" in str(error):
        told = f"{shown}:{started}: a quote opens in this row and is never closed"
        return DatasetError(told, "Close it, or double it where it belongs to the text.")
    return DatasetError(f"{shown}:{line}: {error}", "Double a quote that belongs to the text.")


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
