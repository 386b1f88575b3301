"""The live journal: outcomes committed to SQLite before anyone hears of them.

Rules. A row is stored when its transaction has committed; `synchronous=FULL` in WAL mode makes a
commit survive a power cut. Rows are gathered for at most ``GATHER_S`` seconds or ``GROUP`` rows
and committed together by one thread, so that the event loop never waits for a disk. A failed
commit ends the thread and is told once through ``on_error``; rows not committed were not promised.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError

GROUP = 256
GATHER_S = 0.05

_TABLE = "CREATE TABLE IF NOT EXISTS outcomes (trial_key TEXT PRIMARY KEY, row BLOB NOT NULL)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One outcome: its key, its row as bytes, and what the listener is told once it is stored."""

    trial_key: str
    row: bytes
    told: Any = None


class Journal:
    """The SQLite file. Use from one thread at a time; raises StoreError for any database error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store entries in one transaction; an entry of the same trial replaces the older one."""
        self._write(
            "INSERT OR REPLACE INTO outcomes VALUES (?, ?)",
            [(entry.trial_key, entry.row) for entry in entries],
        )

    def remove(self, keys: Sequence[str]) -> None:
        """Forget rows that are sealed elsewhere."""
        self._write("DELETE FROM outcomes WHERE trial_key = ?", [(key,) for key in keys])

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """All (trial key, row) pairs in the order they were first stored."""
        try:
            yield from self._database.execute("SELECT trial_key, row FROM outcomes ORDER BY rowid")
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def __len__(self) -> int:
        try:
            count: int = self._database.execute("SELECT count(*) FROM outcomes").fetchone()[0]
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return count

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log in."""
        self._database.close()

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(statement, rows)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> StoreError:
        full = "full" in str(error).lower()
        hint = "Free some space, then resume." if full else "Check that the disk is writable."
        return StoreError(f"{self._path}: {error}", hint)


class JournalWriter:
    """Commits entries in groups from a thread of its own.

    ``commit`` stores a group; ``on_commit`` hears of it afterwards, ``on_error`` of the failure
    that ended the thread. Both are called in that thread.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Entry]], None],
        on_commit: Callable[[Sequence[Entry]], None],
        on_error: Callable[[StoreError], None],
    ) -> None:
        self._commit = commit
        self._on_commit = on_commit
        self._on_error = on_error
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._failure: StoreError | None = None
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Hand over an entry; returns at once. Raises StoreError once the writer has failed."""
        if self._failure:
            raise self._failure
        self._queue.put(entry)

    def close(self) -> None:
        """Commit what is waiting and end the thread. Raises StoreError if anything failed."""
        self._queue.put(None)
        self._thread.join()
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        try:
            while group := self._gather():
                self._commit(group)
                self._on_commit(group)
        except StoreError as error:
            self._failure = error
            self._on_error(error)

    def _gather(self) -> list[Entry]:
        """The next group; empty when the writer is closed."""
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        while len(group) < GROUP:
            try:
                entry = self._queue.get(timeout=GATHER_S)
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)  # seen again by the next call, after this group
                break
            group.append(entry)
        return group
