"""Answers kept across runs: the same request, sample and endpoint is asked once.

One SQLite file, shared by any number of runs at once. A key is a digest over the endpoint, the
canonical body and the sample number, so that further samples are further answers. A run never
finds what it has put in itself: two variants that send the same request stay two draws.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import StoreError

FILE = "answers.sqlite"
_WAIT_S = 30.0
_DAY_S = 86_400.0
_TABLE = """CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, answer BLOB NOT NULL, cost_usd REAL, model TEXT NOT NULL,
  run_id TEXT NOT NULL, stored_at REAL NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer as bytes, what it cost when it was asked, and by which run and model."""

    key: str
    answer: bytes
    cost_usd: float | None
    model: str
    run_id: str


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds. ``bytes`` are those of the file, times are seconds since 1970."""

    path: Path
    entries: int
    bytes: int
    saved_usd: float
    oldest_at: float | None
    models: Mapping[str, int]


def default_folder(env: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/evalkit``, else ``~/.cache/evalkit``."""
    shared = Path(env.get("XDG_CACHE_HOME", ""))
    root = shared if shared.is_absolute() else Path.home() / ".cache"
    return root / "evalkit"


class Cache:
    """The cache in a folder, which is made if needed. Safe to share between threads.

    Raises StoreError when it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._turn = threading.Lock()
        self._look = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Answers may be as private as prompts.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._database = self._connect()
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_TABLE)
            # Who looks something up never waits for who writes, here or in another process.
            self._reader = self._connect()
        except (sqlite3.Error, OSError) as error:
            raise self._failure(error) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=_WAIT_S, check_same_thread=False, isolation_level=None
        )

    def find(self, key: str, *, not_of_run: str) -> CachedAnswer | None:
        """The answer under a key, unless that very run has stored it."""
        told = "SELECT answer, cost_usd, model, run_id FROM answers WHERE key = ?"
        with self._look:
            try:
                found = self._reader.execute(told, (key,)).fetchone()
            except sqlite3.Error as error:
                raise self._failure(error) from error
        if found is None or found[3] == not_of_run:
            return None
        try:
            return CachedAnswer(key, zlib.decompress(found[0]), *found[1:])
        except (zlib.error, TypeError):
            return None  # damaged: as good as not there, and replaced by the next answer

    def keep(self, answers: Iterable[CachedAnswer]) -> None:
        """Store answers in one transaction; a newer one replaces an older."""
        rows = []
        for item in answers:
            data = zlib.compress(item.answer, 1)
            size = len(data)
            rows.append((item.key, data, item.cost_usd, item.model, item.run_id, time.time(), size))
        if rows:
            self._write("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def info(self) -> CacheInfo:
        """How much there is, of which models, since when."""
        with self._turn:
            try:
                entries, saved, oldest = self._database.execute(
                    "SELECT count(*), coalesce(sum(cost_usd), 0.0), min(stored_at) FROM answers"
                ).fetchone()
                told = "SELECT model, count(*) FROM answers GROUP BY model ORDER BY 2 DESC, 1"
                models = dict(self._database.execute(told).fetchall())
            except sqlite3.Error as error:
                raise self._failure(error) from error
        return CacheInfo(self.path, entries, self.path.stat().st_size, saved, oldest, models)

    def prune(self, *, older_than_days: float | None, max_bytes: int | None) -> int:
        """Drop answers older than so many days, then the oldest above a size; how many went."""
        gone = 0
        if older_than_days is not None:
            since = time.time() - older_than_days * _DAY_S
            gone += self._write("DELETE FROM answers WHERE stored_at < ?", [(since,)])
        if max_bytes is not None:
            gone += self._write(
                "DELETE FROM answers WHERE key IN (SELECT key FROM (SELECT key, sum(size) "
                "OVER (ORDER BY stored_at DESC, key) AS total FROM answers) WHERE total > ?)",
                [(max_bytes,)],
            )
        if gone:
            self._shrink()
        return gone

    def clear(self) -> int:
        """Drop everything; how many answers went."""
        gone = self._write("DELETE FROM answers WHERE 1 = ?", [(1,)])
        self._shrink()
        return gone

    def close(self) -> None:
        """Close the file."""
        with self._look, self._turn:
            self._reader.close()
            self._database.close()

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
        with self._turn:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    changed = self._database.executemany(statement, rows).rowcount
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._failure(error) from error
        return changed

    def _shrink(self) -> None:
        with self._turn:
            try:
                self._database.execute("VACUUM")
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def _failure(self, error: Exception) -> StoreError:
        told = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return StoreError(
            f"{self.path}: the answer cache cannot be used: {told}",
            "Go on without it (--cache off), or remove the file: runs keep their own answers.",
        )
