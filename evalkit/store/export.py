"""A run as one file for other tools: CSV, JSON lines or Parquet, scores beside the answers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.store.files import write_atomically, writing
from evalkit.store.parts import Digests, key_digests
from evalkit.store.runs import RunFolder
from evalkit.tables import RESPONSES

# Also as some keyboards have them: spreadsheets of those countries take them for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ROWS = 4_096


def export_run(folder: RunFolder, kind: str, path: Path) -> int:
    """Write all outcomes with their scores to a file, whole or not at all; how many rows.

    ``kind`` is a key of :data:`FORMATS`. A scorer's grades are columns ``score:<name>``. A link is
    followed; a pipe or a device is written as it is. Raises StoreError.
    """
    count = 0

    def rows() -> Iterator[pa.Table]:
        nonlocal count
        for table in outcomes_with_scores(folder):
            count += table.num_rows
            yield table

    target = path.resolve()
    if target.exists() and not target.is_file():
        with writing(path):
            FORMATS[kind](target, rows())
    else:
        write_atomically(target, lambda aside: FORMATS[kind](aside, rows()))
    return count


def outcomes_with_scores(folder: RunFolder) -> Iterator[pa.Table]:
    """The outcomes part by part, with a column ``score:<name>`` for each scorer that has run.

    First comes an empty table, so that a run without any outcome still tells its columns.
    """
    names = sorted(path.stem for path in folder.scores_path.glob("*.parquet"))
    grades = {name: _Grades(folder, name) for name in names}
    for outcome in chain([RESPONSES.empty_table()], folder.outcomes()):
        table = outcome
        keys = key_digests(outcome["trial_key"])
        for name, known in grades.items():
            table = table.append_column(f"score:{name}", known.of(keys))
        yield table


class _Grades:
    """A scorer's grades by trial, 24 bytes each."""

    def __init__(self, folder: RunFolder, scorer: str) -> None:
        keys, values = [np.empty(0, "S16")], [np.empty(0)]
        for batch in folder.score_batches(scorer, ["trial_key", "value"]):
            keys.append(key_digests(pa.chunked_array([batch["trial_key"]])))
            values.append(batch["value"].to_numpy(zero_copy_only=False))
        found = np.concatenate(keys)
        order = np.argsort(found)
        self._keys, self._values = found[order], np.concatenate(values)[order]

    def of(self, keys: Digests) -> pa.Array:
        """The grades of these trials; null where there is none."""
        if not len(self._keys):
            return pa.nulls(len(keys), pa.float64())
        near = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        values = self._values[near]
        return pa.array(values, mask=(self._keys[near] != keys) | np.isnan(values))


def _csv(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, table in enumerate(tables):
            if number == 0:
                writer.writerow(map(safe_text, table.column_names))
            for batch in table.to_batches(_ROWS):
                writer.writerows(zip(*map(_cells, batch.columns), strict=True))


def _cells(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_string(column.type):
        return [value and safe_text(value) for value in values]
    if pa.types.is_list(column.type):
        return [value if value is None else orjson.dumps(value).decode() for value in values]
    if pa.types.is_timestamp(column.type):
        return [value and value.isoformat() for value in values]
    return values


def safe_text(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula; an apostrophe marks text."""
    text = text.replace("\x00", "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _jsonl(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("wb") as file:
        for table in tables:
            for batch in table.to_batches(_ROWS):
                for row in batch.to_pylist():
                    file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _parquet(path: Path, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


FORMATS: Mapping[str, Callable[[Path, Iterator[pa.Table]], None]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
