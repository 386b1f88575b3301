"""A run as one file for other tools: CSV, JSON lines or Parquet, scores beside the answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.store.files import write_atomically
from evalkit.store.runs import RunFolder

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROWS = 4_096


def export_run(folder: RunFolder, kind: str, path: Path) -> int:
    """Write all outcomes with their scores to a file, whole or not at all; how many rows.

    ``kind`` is a key of :data:`FORMATS`. A scorer's grades are columns ``score:<name>``. Raises
    StoreError.
    """
    count = 0

    def rows() -> Iterator[pa.Table]:
        nonlocal count
        for table in outcomes_with_scores(folder):
            count += table.num_rows
            yield table

    write_atomically(path, lambda aside: FORMATS[kind](aside, rows()))
    return count


def outcomes_with_scores(folder: RunFolder) -> Iterator[pa.Table]:
    """The outcomes part by part, with a column ``score:<name>`` for each scorer that has run."""
    names = sorted(path.stem for path in folder.scores_path.glob("*.parquet"))
    tables = {name: folder.scores(name) for name in names}
    scores = {name: table for name, table in tables.items() if table is not None}
    for outcome in folder.outcomes():
        table = outcome
        for name, grades in scores.items():
            places = pc.index_in(outcome["trial_key"], value_set=grades["trial_key"])
            table = table.append_column(f"score:{name}", grades["value"].take(places))
        yield table


def _csv(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, table in enumerate(tables):
            if number == 0:
                writer.writerow(table.column_names)
            for batch in table.to_batches(_ROWS):
                for row in batch.to_pylist():
                    writer.writerow([safe_cell(value) for value in row.values()])


def safe_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula; an apostrophe marks text."""
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value


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
