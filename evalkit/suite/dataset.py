"""Datasets as rows, streamed: files of many formats, folders of texts, standard input, the hub.

Formats by name: ``.jsonl``/``.ndjson``, ``.json`` (a list), ``.csv``, ``.tsv``, ``.yaml``,
``.parquet``; all but the last also packed as ``.gz`` or ``.zst``. Every format is read row by row.
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError
from evalkit.suite.formats import TEXT_FORMATS
from evalkit.suite.hub import read_hub
from evalkit.suite.opening import Source, stdin_copy
from evalkit.suite.row import Row, row_digest
from evalkit.suite.row_faults import RowFaults
from evalkit.suite.rows_schema import RowsSpec

_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".parquet": "parquet",
}
_PACKED = (".gz", ".zst")
_TEXTS = (".txt", ".md")
_PAGES_BYTES = 1 << 16


def read_rows(spec: RowsSpec | Path, faults: RowFaults | None = None) -> Iterator[Row]:
    """The rows of a dataset, in order, their values as JSON has them.

    Raises DatasetError (missing or unreadable file, unknown format, a bad row and which) when the
    iterator gets there; nothing is skipped silently. With ``faults``, rows behind which reading can
    go on are noted there, up to ten, and it is for the caller to settle them.
    """
    noted = faults or RowFaults(strict=True)
    return noted.around(_rows(spec, noted))


def _rows(spec: RowsSpec | Path, faults: RowFaults) -> Iterator[Row]:
    if isinstance(spec, Path):
        spec = RowsSpec(path=str(spec))
    if spec.path.startswith("hf:") or spec.format == "hf":
        return read_hub(spec, faults)
    path = stdin_copy() if spec.path == "-" else Path(spec.path)
    if path.is_dir():
        return _read_folder(path, spec.encoding)
    if not path.exists():
        raise DatasetError(f"{path}: no such file", _nearby(path))
    if not path.is_file():
        raise DatasetError(f"{path}: is no regular file", "Pipe it in: --set dataset.path=-")
    shown = "stdin" if spec.path == "-" else spec.path
    source = Source(path, shown, spec.encoding, spec.delimiter, faults)
    kind = spec.format or _format_of(spec.path)
    if kind == "parquet":
        return _read_parquet(source)
    if kind == "text":
        return iter([_text_row(path, path.parent, 1, spec.encoding)])
    return TEXT_FORMATS[kind](source)


def draw_rows(rows: Iterable[Row], size: int, seed: int) -> list[Mapping[str, Any]]:
    """The columns of ``size`` rows, drawn by content: the same whatever their order."""
    drawn = heapq.nsmallest(size, ((row_digest(row.values, f"{seed}:"), row) for row in rows),
                            key=lambda pair: pair[0])  # fmt: skip
    return [row.values for _, row in drawn]


def _format_of(name: str) -> str:
    if name == "-":
        return "jsonl"
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    if last in _TEXTS:
        return "text"
    if last not in _SUFFIXES:
        raise DatasetError(
            f"{name}: unknown dataset format '{last}'",
            f"Accepted: {', '.join(sorted(_SUFFIXES))}, each also with .gz or .zst; "
            "for another name, say dataset.format.",
        )
    return _SUFFIXES[last]


def _nearby(path: Path) -> str:
    names = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    hint = "Check dataset.path (relative to the suite)."
    return f"Did you mean {near[0]}? {hint}" if near else hint


def _read_parquet(source: Source) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Pages are read as they are needed; by default whole row groups would be.
        with pq.ParquetFile(source.path, buffer_size=_PAGES_BYTES, pre_buffer=False) as file:
            number, names = 0, file.schema_arrow.names
            twins = sorted({name for name in names if names.count(name) > 1})
            if twins:
                raise DatasetError(f"{source.shown}: the column '{twins[0]}' is there twice")
            for batch in file.iter_batches(batch_size=1024):
                for value in batch.to_pylist():
                    number += 1
                    row = source.row(value, number, is_line=False)
                    if row is not None:
                        yield row
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{source.shown}: not a Parquet file: {error}") from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        # What arrow does not read, or Python has no value for, such as the year 10000.
        raise DatasetError(f"{source.shown}: cannot be read: {error}") from error
    except OSError as error:
        raise DatasetError(f"{source.shown}: cannot be read: {error.strerror or error}") from error


def _read_folder(folder: Path, encoding: str) -> Iterator[Row]:
    """A row a text file, in the order of their names, below the folder at any depth.

    Hidden files and folders are left alone.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _TEXTS and path.is_file() and not _is_hidden(path, folder)
    )
    if not paths:
        raise DatasetError(
            f"{folder}: no text files in this folder", f"Their names end in {' or '.join(_TEXTS)}."
        )
    for number, path in enumerate(paths, 1):
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DatasetError(f"{path}: leads outside the dataset's folder")
        yield _text_row(path, folder, number, encoding)


def _is_hidden(path: Path, folder: Path) -> bool:
    """Whether it, or a folder it lies in, is hidden, as the copies are that editors keep."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _text_row(path: Path, folder: Path, number: int, encoding: str) -> Row:
    with Source(path, str(path), encoding).text() as file:
        text = file.read()
    name = path.relative_to(folder)
    values = {
        "file": name.as_posix(),
        "name": name.stem,
        "folder": "" if name.parent == Path() else name.parent.as_posix(),
        "text": text,
    }
    return Row(str(folder), number, values, is_line=False)
