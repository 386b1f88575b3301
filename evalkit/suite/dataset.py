"""Dataset files as rows, streamed, each with the place it stands at.

Formats by name: ``.jsonl``/``.ndjson``, ``.json`` (a list), ``.csv``, ``.tsv``, ``.yaml``,
``.parquet``. Every format but JSON and YAML is read row by row.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from evalkit.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its columns, and ``where`` (``file:line``) for errors."""

    where: str
    values: Mapping[str, Any]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a dataset file, in order.

    Raises DatasetError (missing or unreadable file, unknown format, a bad line and which) when
    the iterator gets there; nothing is skipped silently.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DatasetError(
            f"{path}: unknown dataset format '{path.suffix}'",
            f"Accepted: {', '.join(sorted(_READERS))}",
        )
    if not path.exists():
        raise DatasetError(f"{path}: no such file", "Check dataset.path (relative to the suite).")
    try:
        yield from reader(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path}: byte {error.start} is not UTF-8", "Convert the file, for example with iconv."
        ) from error


def _open(path: Path) -> TextIO:
    # utf-8-sig drops the byte order mark that spreadsheets write; newline="" is csv's wish and
    # keeps newlines inside quoted cells as they are.
    return path.open(encoding="utf-8-sig", newline="")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: a row is an object of columns, found {type(value).__name__}")
    return {str(key): _plain(item) for key, item in value.items()}


def _plain(value: Any) -> Any:
    """NaN is how data frames write a missing value; a prompt must not say 'nan'."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _read_jsonl(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise DatasetError(
                    f"{where}: not valid JSON: {error.msg} at column {error.colno}",
                    "A .jsonl file holds one object a line.",
                ) from error
            yield Row(where, _mapping(value, where))


def _read_json(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        try:
            values = json.load(file)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    yield from _listed(values, path)


def _read_yaml(path: Path) -> Iterator[Row]:
    import yaml

    with _open(path) as file:
        try:
            values = yaml.safe_load(file)
        except yaml.YAMLError as error:
            raise DatasetError(f"{path}: not valid YAML: {error}") from error
    yield from _listed(values, path)


def _listed(values: Any, path: Path) -> Iterator[Row]:
    if not isinstance(values, list):
        raise DatasetError(f"{path}: expected a list of rows, found {type(values).__name__}")
    for number, value in enumerate(values, 1):
        where = f"{path}: row {number}"
        yield Row(where, _mapping(value, where))


def _read_delimited(path: Path, delimiter: str) -> Iterator[Row]:
    # Cells may hold whole documents; csv's own limit is 128 KiB.
    csv.field_size_limit(2**31 - 1)
    with _open(path) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
            if not header:
                raise DatasetError(f"{path}:1: no header line")
            twins = sorted({name for name in header if header.count(name) > 1})
            if twins:
                raise DatasetError(f"{path}:1: the column '{twins[0]}' is there twice")
            for cells in reader:
                if not cells:
                    continue
                where = f"{path}:{reader.line_num}"
                if len(cells) != len(header):
                    raise DatasetError(
                        f"{where}: {len(cells)} cells, but the header names {len(header)} columns",
                        "Quote cells that contain the delimiter or a newline.",
                    )
                yield Row(where, dict(zip(header, cells, strict=True)))
        except csv.Error as error:
            raise DatasetError(f"{path}:{reader.line_num}: {error}") from error


def _read_csv(path: Path) -> Iterator[Row]:
    return _read_delimited(path, ",")


def _read_tsv(path: Path) -> Iterator[Row]:
    return _read_delimited(path, "\t")


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for value in batch.to_pylist():
                    number += 1
                    where = f"{path}: row {number}"
                    yield Row(where, _mapping(value, where))
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a Parquet file: {error}") from error


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".parquet": _read_parquet,
}
