"""The live journal: outcomes committed to SQLite before anyone hears of them.

Rules. A row is stored when its transaction has committed; `synchronous=FULL` in WAL mode makes a
commit survive a power cut. Rows are gathered for ``GATHER_S`` seconds in all or ``GROUP`` rows and
committed together by one thread, so that the event loop never waits for a disk. A failed
commit ends the thread and is told once through ``on_error``; rows not committed were not promised.
SQLite has no checksums of its own in the database, so every row carries one.
"""

from __future__ import annotations

import os
import queue
import shutil
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from sys import getsizeof
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from evalkit.errors import StoreError
from evalkit.store.files import sync_folder, writing
from evalkit.tables import responses_table

GROUP = 256
_READ_BYTES = 4 * 1024 * 1024
GATHER_S = 0.01
_LOGS = ("-wal", "-shm")
_SEALED = ".sealed"
_BEGUN = "-journal"

_TABLE = "CREATE TABLE IF NOT EXISTS outcomes (trial_key TEXT PRIMARY KEY, row BLOB NOT NULL)"
_READ = "SELECT rowid, trial_key, row FROM outcomes WHERE rowid > ? ORDER BY rowid LIMIT ?"
_CHECKED = b"\x01"


@dataclass(frozen=True, slots=True)
class Entry:
    """One outcome: its key, its row as bytes, and what the listener is told once it is stored."""

    trial_key: str
    row: bytes
    told: Any = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as found in the journal; ``place`` orders entries by when they were committed."""

    place: int
    trial_key: str
    row: bytes


class Journal:
    """The SQLite file, for its writer. Safe to share between threads.

    ``waiting`` and ``waiting_bytes`` tell how much is stored in it. Raises StoreError for any
    database error, and when the file has been deleted or replaced under the writer.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        log = _named(path, "-wal")
        if not path.exists() and _named(path, _SEALED).exists():
            remove_journal(path)
        if not path.exists() and log.exists() and log.stat().st_size:
            # SQLite would take the log for that of another database, and delete it.
            raise _damaged(path, f"it is gone, though its log {log.name} is there")
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_TABLE)
            self.waiting, self.waiting_bytes = self._count()
            self._inode = path.stat().st_ino
        except (sqlite3.Error, OSError) as error:
            raise _failure(path, error) from error

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store entries in one transaction; an entry of the same trial replaces the older one."""
        rows = [(entry.trial_key, _with_checksum(entry.row)) for entry in entries]
        self._write("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", rows, sum(map(_size, rows)))
        # A database goes on writing into a file that no name leads to any more.
        if not self._is_in_place():
            raise StoreError(
                f"{self._path}: the run's folder was deleted or moved while the run went on",
                "What was stored before is where the folder is now (evalkit resume FOLDER); "
                "start again if it is gone.",
            )

    def remove(self, keys: Sequence[str]) -> None:
        """Forget single rows, sealed elsewhere."""
        self._write("DELETE FROM outcomes WHERE trial_key = ?", [(key,) for key in keys])

    def forget(self, place: int) -> None:
        """Forget the oldest rows up to a place and with it, sealed elsewhere."""
        self._write("DELETE FROM outcomes WHERE rowid <= ?", [(place,)])

    def read(self, after: int, limit: int) -> list[Stored]:
        """The next rows after a place, oldest first: at most ``limit``, at most some megabytes."""
        with self._turn:
            return _read(self._database, self._path, after, limit)

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log in, also while others still read."""
        with self._turn:
            with suppress(sqlite3.Error):  # what cannot be folded in now is when it is next opened
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._database.close()

    def _count(self) -> tuple[int, int]:
        told = "SELECT count(*), coalesce(sum(length(row)), 0) FROM outcomes"
        count, size = self._database.execute(told).fetchone()
        return count, size

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]], size: int = 0) -> None:
        """Run a statement for rows in one transaction; ``size`` bytes are added, or some go."""
        with self._turn:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    self._database.executemany(statement, rows)
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
                if size:
                    self.waiting += len(rows)
                    self.waiting_bytes += size
                else:
                    self.waiting, self.waiting_bytes = self._count()
            except sqlite3.Error as error:
                raise _failure(self._path, error) from error

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False


def remove_journal(path: Path) -> None:
    """Remove a journal of which every row is sealed. Raises StoreError.

    It goes under another name first: were this killed, the next writer ends it, while a log without
    its database would look like rows that were lost.
    """
    with writing(path):
        if path.exists():
            path.replace(_named(path, _SEALED))
            sync_folder(path.parent)
        for suffix in (*_LOGS, _BEGUN, _SEALED):
            _named(path, suffix).unlink(missing_ok=True)


def _named(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def read_journal(path: Path, batch: int) -> Iterator[list[Stored]]:
    """What a journal holds, by another process than its writer; batches see one moment together.

    Nothing where there is no journal. Raises StoreError for a damaged one.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            return
        with _opened_to_read(path) as database:
            database.execute("BEGIN")
            place = 0
            while rows := _read(database, path, place, batch):
                yield rows
                place = rows[-1].place
    except (sqlite3.Error, OSError, StoreError) as error:
        if not path.exists():
            return  # its writer has just sealed everything and removed it
        raise (error if isinstance(error, StoreError) else _failure(path, error)) from error


@contextmanager
def _opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to read with; to a copy, where reading takes writing.

    That is so in a folder that may not be written, and where the writer was killed while it made
    the file: what it had begun must be taken back first.
    """
    with ExitStack() as stack:
        mode = "ro"
        if not os.access(path.parent, os.W_OK) or _named(path, _BEGUN).exists():
            path, mode = _copied(path, Path(stack.enter_context(TemporaryDirectory()))), "rw"
        address = f"{path.resolve().as_uri()}?mode={mode}"
        database = sqlite3.connect(address, uri=True, isolation_level=None)
        yield stack.enter_context(closing(database))


def _copied(path: Path, folder: Path) -> Path:
    """A copy of a journal with its write-ahead log, which holds the latest rows."""
    for suffix in ("", "-wal", _BEGUN):
        part = _named(path, suffix)
        with suppress(FileNotFoundError):
            shutil.copyfile(part, folder / part.name)
    return folder / path.name


def _read(database: sqlite3.Connection, path: Path, after: int, limit: int) -> list[Stored]:
    found: list[tuple[int, str, object]] = []
    try:
        size = 0
        with closing(database.execute(_READ, (after, limit))) as rows:
            for row in rows:
                found.append(row)
                size += getsizeof(row[2])
                if size >= _READ_BYTES:
                    break
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []  # killed before the table was made: an empty journal, not a damaged one
        raise _failure(path, error) from error
    except (sqlite3.Error, OverflowError) as error:
        raise _failure(path, error) from error
    stored = [Stored(place, key, _checked(path, row)) for place, key, row in found]
    if any(not isinstance(item.trial_key, str) for item in stored):
        raise _damaged(path, "a key is unreadable")
    return stored


def table_of(path: Path, rows: Sequence[Stored]) -> pa.Table:
    """Rows of the journal ``path`` as a table of RESPONSES; raises StoreError."""
    try:
        return responses_table([item.row for item in rows])
    except ValueError as error:
        raise _damaged(path, f"a row does not fit: {error}") from error


def _size(row: tuple[str, bytes]) -> int:
    return len(row[1])


def _with_checksum(row: bytes) -> bytes:
    return _CHECKED + zlib.crc32(row).to_bytes(4, "big") + row


def _checked(path: Path, data: object) -> bytes:
    """A row without its checksum; rows of the first format had none and begin with a brace."""
    if isinstance(data, bytes):
        if data.startswith(b"{"):
            return data
        row = data[5:]
        if data[:1] == _CHECKED and zlib.crc32(row).to_bytes(4, "big") == data[1:5]:
            return row
    raise _damaged(path, "a row's checksum does not match")


def _failure(path: Path, error: Exception) -> StoreError:
    text = str(error)
    if isinstance(error, OSError):
        return StoreError(f"{path}: {error.strerror or error}", "Is the run's folder still there?")
    if "full" in text.lower():
        return StoreError(f"{path}: {text}", "Free some space, then resume.")
    damages = ("malformed", "not a database", "corrupt", "too large", "unsupported", "decode")
    if any(word in text.lower() for word in damages):
        return _damaged(path, text)
    return StoreError(
        f"{path}: {text}", "Check that the disk is there, writable and has space left; then resume."
    )


def _damaged(path: Path, how: str) -> StoreError:
    return StoreError(
        f"{path}: damaged: {how}",
        f"Everything in {path.parent / 'responses'} is kept. Restore the journal from a copy, or "
        f"move {path.name}* out of the folder and resume: what only it held is asked again.",
    )


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
        except Exception as error:  # noqa: BLE001 - a thread that died unheard would hang the run
            told = f"outcomes can no longer be stored: {type(error).__name__}: {error}"
            self._failure = error if isinstance(error, StoreError) else StoreError(told)
            self._on_error(self._failure)

    def _gather(self) -> list[Entry]:
        """The next group; empty when the writer is closed."""
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        until_s = time.monotonic() + GATHER_S
        while len(group) < GROUP:
            try:
                entry = self._queue.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)  # seen again by the next call, after this group
                break
            group.append(entry)
        return group
