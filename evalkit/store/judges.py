"""Verdicts in a run folder: ``judges/<name>/`` is a store of its own, with journal and parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.store.files import make_folder, write_atomically, writing
from evalkit.store.parts import BATCH_ROWS, key_digests, read_table
from evalkit.store.runs import RunFolder
from evalkit.tables import ANSWER_COLUMNS, VERDICTS, response_of
from evalkit.types import Failure, Outcome

FOLDER = "judges"
VERDICTS_FILE = "verdicts.parquet"
Row = Mapping[str, Any]
_COLUMNS = ["trial_key", "status", "error_kind", "error_message", *ANSWER_COLUMNS]


def judge_store(folder: RunFolder, name: str) -> RunFolder:
    """Where a judge's verdicts on a run are; nothing need be there yet."""
    return RunFolder(folder.path / FOLDER / name)


def make_judge_store(folder: RunFolder, name: str) -> RunFolder:
    """The store, its folder made; raises StoreError."""
    store = judge_store(folder, name)
    with writing(store.path):
        make_folder(store.path)
    return store


def judge_stores(folder: RunFolder) -> list[Path]:
    """Every judge's store that a run has, also of judges its suite no longer names."""
    root = folder.path / FOLDER
    return sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []


def write_verdicts(store: RunFolder, write: Callable[[Callable[[Row], None]], None]) -> None:
    """Replace ``verdicts.parquet``, whole or not at all.

    ``write`` is given a function that takes the rows (schema VERDICTS) one by one. Raises
    StoreError, and whatever ``write`` raises.
    """
    write_atomically(store.path / VERDICTS_FILE, lambda aside: _write_rows(aside, write))


def _write_rows(path: Path, write: Callable[[Callable[[Row], None]], None]) -> None:
    waiting: list[Row] = []
    with pq.ParquetWriter(path, VERDICTS, compression="zstd", write_page_checksum=True) as writer:

        def keep(row: Row) -> None:
            waiting.append(row)
            if len(waiting) >= BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(waiting, schema=VERDICTS))
                waiting.clear()

        write(keep)
        writer.write_table(pa.Table.from_pylist(waiting, schema=VERDICTS))


def read_verdicts(store: RunFolder, columns: Sequence[str] | None = None) -> pa.Table | None:
    """What each verdict was read as (schema VERDICTS); None where nothing was judged."""
    path = store.path / VERDICTS_FILE
    return read_table(path, columns) if path.exists() else None


class Verdicts:
    """What a judge has said so far, found by the question's key."""

    def __init__(self, store: RunFolder) -> None:
        table = store.responses(_COLUMNS).combine_chunks()
        digests = key_digests(table["trial_key"]) if table.num_rows else np.empty(0, "S16")
        self._order = np.argsort(digests)
        self._sorted = digests[self._order]
        self._columns: dict[str, pa.Array] = {
            name: flat_column(table[name]) for name in table.column_names
        }

    def __len__(self) -> int:
        return len(self._sorted)

    def find(self, key: str) -> Outcome | None:
        """The verdict on a question or why none came; None if it was not asked."""
        at = self._place(key_digest(key))
        if at is None:
            return None
        row: dict[str, Any] = {name: column[at].as_py() for name, column in self._columns.items()}
        if row["status"] == "ok":
            return response_of(row)
        return Failure(row["error_kind"] or "unknown", row["error_message"] or "")

    def status(self, digest: bytes) -> str | None:
        """``ok`` or ``failed`` for the digest of a question's key; None if it was not asked."""
        at = self._place(digest)
        status: str | None = None if at is None else self._columns["status"][at].as_py()
        return status

    def error_kind(self, digest: bytes) -> str | None:
        """Which failure a question ended with; None for one that was answered or not asked."""
        at = self._place(digest)
        kind: str | None = None if at is None else self._columns["error_kind"][at].as_py()
        return kind

    def _place(self, digest: bytes) -> int | None:
        # By way of an array, which drops trailing zero bytes as those of the table were dropped.
        wanted = np.frombuffer(digest, dtype="S16")[0]
        place = int(np.searchsorted(self._sorted, wanted))
        if place >= len(self._sorted) or self._sorted[place] != wanted:
            return None
        return int(self._order[place])


def key_digest(key: str) -> bytes:
    """The 16 bytes of a trial's key."""
    return bytes.fromhex(key.removeprefix("b2:"))


def flat_column(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece: rows are looked up one by one in it far quicker than in a table."""
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
