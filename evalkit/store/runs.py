"""Run folders: made, found, written by one process, read by any.

::

    manifest.json, suite.yaml, cases.parquet      what was asked
    journal.sqlite                                outcomes not yet sealed; gone when complete
    responses/part-00000.parquet …                sealed outcomes
    scores/<scorer>.parquet                       one file a scorer
    lock                                          held by the writer

Rules. An outcome is in the journal or in a part before it is promised. Sealing writes the part,
then removes the rows from the journal; killed in between, both hold them, and the reader keeps
one. Of two rows for one trial the later wins (an answer replaces an earlier failure).
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.errors import StoreError, UnknownRun
from evalkit.store.files import write_atomically
from evalkit.store.journal import Entry, Journal
from evalkit.store.lock import RunLock
from evalkit.store.manifest import Manifest, read_manifest, write_manifest
from evalkit.tables import (
    CASES,
    RESPONSES,
    SCORES,
    case_of,
    case_row,
    decode_row,
    encode_row,
    responses_table,
)
from evalkit.types import Case

SEAL_ROWS = 5_000
_CASE_BATCH = 4_096


class RunFolder:
    """A run on disk, for reading; :class:`RunWriter` writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal_path = path / "journal.sqlite"
        self.responses_path = path / "responses"
        self.scores_path = path / "scores"

    def manifest(self) -> Manifest:
        """What the run was; raises UnknownRun or StoreError."""
        return read_manifest(self.path)

    def parts(self) -> list[Path]:
        """Sealed parts, oldest first."""
        return sorted(self.responses_path.glob("part-*.parquet"))

    def cases(self) -> Iterator[Case]:
        """The cases of the run, in order, streamed."""
        with _parquet(self.path / "cases.parquet") as file:
            for batch in file.iter_batches(batch_size=_CASE_BATCH):
                yield from (case_of(row) for row in batch.to_pylist())

    def case_columns(self) -> pa.Table:
        """Case ids, clusters and tags, without the inputs."""
        return _read(self.path / "cases.parquet", ["case_id", "cluster", "tags"])

    def responses(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All outcomes, one row a trial (the latest), sealed or not; schema RESPONSES.

        ``columns`` limits what is read. Raises StoreError naming a damaged file.
        """
        wanted = list(columns) if columns else RESPONSES.names
        read = wanted if "trial_key" in wanted else ["trial_key", *wanted]
        # The journal first: a row sealed meanwhile is then seen twice rather than not at all.
        unsealed = self._unsealed()
        tables = [_read(part, read) for part in self.parts()]
        if unsealed:
            tables.append(responses_table(unsealed).select(read))
        if not tables:
            return RESPONSES.empty_table().select(wanted)
        return _latest(pa.concat_tables(tables)).select(wanted)

    def finished_keys(self, *, with_failed: bool = True) -> set[str]:
        """Keys of trials that have an outcome; without failed ones if they shall be asked again."""
        table = self.responses(["trial_key", "status"])
        if not with_failed:
            table = table.filter(pc.equal(table["status"], "ok"))
        return set(table["trial_key"].to_pylist())

    def scores(self, scorer: str) -> pa.Table | None:
        """A scorer's grades (schema SCORES), or None if it has not run."""
        path = self.scores_path / f"{scorer}.parquet"
        return _read(path, None) if path.exists() else None

    def write_scores(self, scorer: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace a scorer's grades, whole or not at all."""
        table = pa.Table.from_pylist(list(rows), schema=SCORES)
        try:
            self.scores_path.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.scores_path}: {error.strerror or error}") from error
        _write_table(self.scores_path / f"{scorer}.parquet", table)

    def _unsealed(self) -> list[dict[str, Any]]:
        if not self.journal_path.exists():
            return []
        journal = Journal(self.journal_path)
        try:
            return [decode_row(row) for _, row in journal.rows()]
        finally:
            journal.close()


class RunWriter:
    """The one process that writes a run: journal, sealing, manifest.

    Holds the lock from construction until :meth:`close`. ``commit`` and ``seal`` belong to the
    journal's thread, everything else to its owner.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._lock = RunLock(folder.path / "lock")
        try:
            folder.responses_path.mkdir(exist_ok=True)
            self._journal = Journal(folder.journal_path)
            self._remove_sealed_twice()
        except BaseException:
            self._lock.release()
            raise

    def commit(self, entries: Sequence[Entry]) -> None:
        """Store outcomes; when this returns they survive anything. Seals when enough wait."""
        self._journal.commit(entries)
        if len(self._journal) >= SEAL_ROWS:
            self.seal()

    def seal(self) -> None:
        """Move everything in the journal into a new part."""
        keys, rows = [], []
        for key, row in self._journal.rows():
            keys.append(key)
            rows.append(decode_row(row))
        if not rows:
            return
        _write_table(self._next_part(), responses_table(rows))
        self._journal.remove(keys)

    def close(self, manifest: Manifest, *, is_complete: bool) -> None:
        """Seal what waits, store the manifest, drop the journal of a complete run, unlock."""
        try:
            self.seal()
            self._drop_superseded()
            self._journal.close()
            if is_complete:
                for suffix in ("", "-wal", "-shm"):
                    name = self.folder.journal_path.name + suffix
                    self.folder.journal_path.with_name(name).unlink(missing_ok=True)
            write_manifest(self.folder.path, manifest)
        finally:
            self._lock.release()

    def abandon(self) -> None:
        """Let go without touching anything: what is committed stays committed."""
        self._journal.close()
        self._lock.release()

    def _next_part(self) -> Path:
        last = self.folder.parts()[-1:]
        number = int(last[0].stem.removeprefix("part-")) + 1 if last else 0
        return self.folder.responses_path / f"part-{number:05d}.parquet"

    def _remove_sealed_twice(self) -> None:
        """Killed between a part's rename and the journal's delete: the part has the rows."""
        parts = self.folder.parts()
        if not parts or not len(self._journal):
            return
        waiting = dict(self._journal.rows())
        newest = _read(parts[-1], ["trial_key", "started_at"]).to_pylist()
        sealed = {row["trial_key"]: row["started_at"] for row in newest}
        twice = [
            key
            for key, row in waiting.items()
            if sealed.get(key) == datetime.fromisoformat(decode_row(row)["started_at"])
        ]
        if twice:
            self._journal.remove(twice)

    def _drop_superseded(self) -> None:
        """Rewrite older parts without trials that a newer part answers again."""
        newer: set[str] = set()
        for part in reversed(self.folder.parts()):
            keys = _read(part, ["trial_key"])["trial_key"].to_pylist()
            if newer.isdisjoint(keys):
                newer.update(keys)
                continue
            keep = [key not in newer for key in keys]
            newer.update(keys)
            _write_table(part, _read(part, None).filter(pa.array(keep)))


def create_run(
    folder: Path, manifest: Manifest, suite_text: str, cases: Iterable[Case]
) -> RunFolder:
    """Make a run folder with its cases; the manifest comes last and makes it a run.

    ``n_cases``, the dataset's digest and ``planned`` (given per case) are filled in from the cases.
    Raises StoreError, and whatever reading the cases raises; then
    the folder is removed again.
    """
    try:
        folder.mkdir(parents=True)
        (folder / "suite.yaml").write_text(suite_text, encoding="utf-8")
        n_cases, digest = _write_cases(folder / "cases.parquet", cases)
        manifest = replace(
            manifest,
            n_cases=n_cases,
            planned=manifest.planned * n_cases,
            digests={**manifest.digests, "dataset": digest},
        )
        write_manifest(folder, manifest)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"{folder}: cannot be written: {error.strerror or error}",
            "Choose another place with --runs DIR.",
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return RunFolder(folder)


def _write_cases(path: Path, cases: Iterable[Case]) -> tuple[int, str]:
    """Stream the cases to disk; how many there were, and a digest of them all in order."""
    count, digest = 0, hashlib.blake2b(digest_size=16)
    waiting: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, CASES, compression="zstd") as writer:
        for case in cases:
            waiting.append(case_row(case))
            digest.update(encode_row(waiting[-1]))
            count += 1
            if len(waiting) == _CASE_BATCH:
                writer.write_table(pa.Table.from_pylist(waiting, schema=CASES))
                waiting.clear()
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema=CASES))
    return count, f"b2:{digest.hexdigest()}"


def _write_table(path: Path, table: pa.Table) -> None:
    write_atomically(path, lambda aside: pq.write_table(table, aside, compression="zstd"))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(
            f"{path}: cannot be read: {error}", "Restore the file from a copy."
        ) from error


def _read(path: Path, columns: list[str] | None) -> pa.Table:
    try:
        with _parquet(path) as file:
            return file.read(columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(
            f"{path}: cannot be read: {error}", "Restore the file from a copy."
        ) from error


def _latest(table: pa.Table) -> pa.Table:
    """Of several rows of one trial the last."""
    keys = table["trial_key"].to_pylist()
    last = {key: index for index, key in enumerate(keys)}
    return table if len(last) == len(keys) else table.take(pa.array(sorted(last.values())))


_BACK = re.compile(r"^(?P<name>.+)~(?P<back>\d+)$")


def find_run(reference: str, runs: Path) -> RunFolder:
    """The run a person means: a path, ``latest``, a suite's name, a run id or its beginning.

    ``X~1`` is the one before X, for ``latest`` and suite names. Raises UnknownRun with what there
    is, StoreError when an id prefix fits several runs.
    """
    path = Path(reference).expanduser()
    if (path / "manifest.json").exists():
        return RunFolder(path)
    match = _BACK.match(reference)
    name, back = (match["name"], int(match["back"])) if match else (reference, 0)
    everything = list_runs(runs)
    if name == "latest" or any(run.path.parent.name == name for run in everything):
        fitting = [run for run in everything if name in ("latest", run.path.parent.name)]
        if back < len(fitting):
            return fitting[-1 - back]
    fitting = [run for run in everything if _has_id(run, reference)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(run.path.name for run in fitting[:5])
        raise StoreError(f"'{reference}' fits several runs: {names}", "Type more of the id.")
    there = ", ".join(f"{run.path.parent.name}/{run.path.name}" for run in everything[-5:])
    raise UnknownRun(
        f"no run '{reference}' in {runs}",
        f"There are: {there}" if there else "There is no run yet.",
    )


def _has_id(run: RunFolder, reference: str) -> bool:
    name = run.path.name
    return bool(reference) and (
        name.startswith(reference) or name.split("-")[-1].startswith(reference)
    )


def list_runs(runs: Path) -> list[RunFolder]:
    """Every run below a runs folder, oldest first."""
    found = [path.parent for path in runs.glob("*/*/manifest.json")]
    return [RunFolder(path) for path in sorted(found, key=lambda path: path.name)]
