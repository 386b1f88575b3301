"""The one process that writes a run: journal, sealing in the background, manifest.

Rules. An outcome is in the journal or in a part before it is promised. Sealing writes the part,
then removes the rows from the journal; killed in between, both hold them, and the reader keeps
one. A thread of its own seals while others commit; it holds the journal only for single reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from evalkit.errors import StoreError
from evalkit.store.files import make_folder, writing
from evalkit.store.journal import Entry, Journal, remove_journal, table_of
from evalkit.store.lock import RunLock
from evalkit.store.manifest import Manifest, write_manifest
from evalkit.store.parts import (
    IDENTITY,
    counting,
    part_number,
    read_part,
    rows_of,
    write_table,
)
from evalkit.store.runs import RunFolder
from evalkit.tables import RESPONSES

SEAL_ROWS = 20_000
SEAL_BYTES = 32 * 1024 * 1024
_READ_ROWS = 1_024


class RunWriter:
    """Writes a run folder from construction until :meth:`close` or :meth:`abandon`.

    ``commit`` belongs to the journal's thread, everything else to its owner. Raises StoreError
    when another process writes the run, or its files are damaged.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._lock = RunLock(folder.path / "lock")
        self._sealing: Future[None] | None = None
        self._sealer = ThreadPoolExecutor(1, "sealing")
        try:
            self._sweep()
            self._journal = Journal(folder.journal_path)
            self._remove_sealed_twice()
        except BaseException:
            self._lock.release()
            raise

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store outcomes; when this returns they survive anything. Sealing is begun when due."""
        self._journal.commit(entries)
        if self._sealing is not None and self._sealing.done():
            self._wait()
        if self._sealing is None and self._is_due():
            self._sealing = self._sealer.submit(self._seal_while_due)

    def seal(self) -> None:
        """Move everything in the journal into parts. No commit may run meanwhile."""
        self._wait()
        while self._seal_part():
            pass

    def finish(self) -> None:
        """Seal what waits and leave one row a trial; totals can then be counted part by part."""
        self.seal()
        self._drop_superseded()

    def close(self, manifest: Manifest, *, is_complete: bool) -> None:
        """Finish, store the manifest, drop the journal of a complete run, unlock."""
        try:
            self.finish()
            self._journal.close()
            if is_complete:
                remove_journal(self.folder.journal_path)
            write_manifest(self.folder.path, manifest)
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go without touching anything: what is committed stays committed."""
        with contextlib.suppress(StoreError):  # told already, or about to be, by whoever gives up
            self._wait()
        self._journal.close()
        self._let_go()

    def _let_go(self) -> None:
        self._sealer.shutdown()
        self._lock.release()

    def _wait(self) -> None:
        """Until sealing in the background is over; raises the StoreError it ended with."""
        sealing, self._sealing = self._sealing, None
        if sealing is not None:
            sealing.result()

    def _is_due(self) -> bool:
        return self._journal.waiting >= SEAL_ROWS or self._journal.waiting_bytes >= SEAL_BYTES

    def _seal_while_due(self) -> None:
        while self._is_due() and self._seal_part():
            pass

    def _seal_part(self) -> bool:
        """Move the oldest rows, at most a part's worth, into a new part; False if none waits."""
        tables: list[pa.Table] = []
        place = count = size = 0
        while size < SEAL_BYTES and count < SEAL_ROWS:
            rows = self._journal.read(place, min(_READ_ROWS, SEAL_ROWS - count))
            if not rows:
                break
            tables.append(table_of(self.folder.journal_path, rows))
            place, count = rows[-1].place, count + len(rows)
            size += sum(len(item.row) for item in rows)
        if not tables:
            return False
        write_table(self._next_part(), pa.concat_tables(tables))
        self._journal.forget(place)
        # Arrow would keep what a part took until the next one is due.
        tables.clear()
        pa.default_memory_pool().release_unused()
        return True

    def _next_part(self) -> Path:
        parts = self.folder.parts()
        number = part_number(parts[-1]) + 1 if parts else 0
        return self.folder.responses_path / f"part-{number:05d}.parquet"

    def _sweep(self) -> None:
        """Make the folder of parts, and remove what a killed writer left half-written in it."""
        path = self.folder.responses_path
        with writing(path):
            make_folder(path)
            for left in path.glob(".part-*.tmp"):
                left.unlink()

    def _remove_sealed_twice(self) -> None:
        """Killed between a part's rename and the journal's delete: the part has the rows."""
        parts = self.folder.parts()
        if not parts or not self._journal.waiting:
            return
        newest = read_part(parts[-1], ["trial_key", "started_at"])
        sealed = dict(zip(*(column.to_pylist() for column in newest.columns), strict=True))
        place = 0
        while rows := self._journal.read(place, _READ_ROWS):
            place = rows[-1].place
            found = table_of(self.folder.journal_path, rows).select(newest.column_names)
            pairs = zip(*(column.to_pylist() for column in found.columns), strict=True)
            twice = [key for key, started_at in pairs if sealed.get(key) == started_at]
            if twice:
                self._journal.remove(twice)

    def _drop_superseded(self) -> None:
        """Rewrite parts without the rows that count no more."""
        parts = self.folder.parts()
        kept = counting([rows_of(read_part(part, IDENTITY)) for part in parts])
        for part, keep in zip(parts, kept or (), strict=False):
            if not keep.all():
                write_table(part, read_part(part, RESPONSES.names).filter(pa.array(keep)))
