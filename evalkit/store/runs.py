"""Run folders: found and read by any process (``making.py`` makes them, ``writer.py`` writes).

::

    manifest.json, suite.yaml, cases.parquet      what was asked
    journal.sqlite                                outcomes not yet sealed; gone when complete
    responses/part-00000.parquet …                sealed outcomes
    scores/<scorer>.parquet                       one file a scorer
    lock                                          held by the writer

Of two rows for one trial an answer counts before a failure, else the later one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.errors import StoreError, UnknownRun
from evalkit.store.baselines import read_baseline
from evalkit.store.cases import cases_named, read_cases, write_cases
from evalkit.store.files import write_atomically
from evalkit.store.journal import read_journal, table_of
from evalkit.store.lock import RunLock, holder
from evalkit.store.manifest import MANIFEST, Manifest, Status, read_manifest
from evalkit.store.parts import (
    BATCH_ROWS,
    IDENTITY,
    allow_open_files,
    batches,
    counting,
    list_parts,
    open_parquet,
    read_open_part,
    read_part,
    read_table,
    rows_of,
)
from evalkit.tables import (
    RESPONSES,
    SCORES,
)
from evalkit.types import Case

_CASES_AT_ONCE = 128
_LOOKED_UP_ROWS = 250_000
_SCORER = b"evalkit.scorer"
BoolArray = npt.NDArray[np.bool_]


class RunFolder:
    """A run on disk, for reading; a RunWriter writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cases_path = path / "cases.parquet"
        self.journal_path = path / "journal.sqlite"
        self.responses_path = path / "responses"
        self.scores_path = path / "scores"

    def manifest(self) -> Manifest:
        """What the run was; raises UnknownRun or StoreError."""
        return read_manifest(self.path)

    def standing(self, manifest: Manifest) -> Status:
        """How the run stands now: one whose writer was killed says ``running`` of itself."""
        is_alone = manifest.status == "running" and holder(self.path / "lock") is None
        return "interrupted" if is_alone else manifest.status

    def replace_cases(self, cases: Iterable[Case]) -> tuple[int, str]:
        """Put other cases in place, whole or not at all; how many, and a digest of them all."""
        told: list[tuple[int, str]] = []
        write_atomically(self.cases_path, lambda aside: told.append(write_cases(aside, cases)))
        return told[0]

    def write_suite(self, text: str) -> None:
        """Put the suite's text in place, whole or not at all."""

        def fill(aside: Path) -> None:
            aside.write_text(text, encoding="utf-8")

        write_atomically(self.path / "suite.yaml", fill)

    def size_bytes(self) -> int:
        """What the run takes on disk."""
        return sum(_size(path) for path in self.path.rglob("*"))

    def remove(self) -> None:
        """Delete the run. Raises StoreError if another process writes it or the disk refuses."""
        lock = RunLock(self.path / "lock")
        try:
            # The manifest first: what is left of a half-deleted folder is no run any more.
            (self.path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(self.path)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be deleted: {error.strerror}") from error
        finally:
            lock.release()

    def parts(self) -> list[Path]:
        """Sealed parts, oldest first."""
        return list_parts(self.responses_path)

    def cases(self, wanted: BoolArray | None = None) -> Iterator[Case]:
        """The cases of the run in order, streamed; ``wanted`` picks some by their place."""
        return read_cases(self.cases_path, wanted)

    def case_columns(self) -> pa.Table:
        """Case ids, clusters and tags, without the inputs."""
        return read_table(self.cases_path, ["case_id", "cluster", "tags"])

    def cases_named(self, ids: pa.ChunkedArray) -> dict[str, Case]:
        """The cases of these ids; cheap when they stand near each other in the dataset."""
        return cases_named(self.cases_path, ids)

    def outcomes(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All outcomes, one row a trial, a part at a time; schema RESPONSES.

        ``columns`` limits what is read. Safe while another process writes the run. Raises
        StoreError naming a damaged file.
        """
        wanted = list(columns) if columns else RESPONSES.names
        read = list(dict.fromkeys([*IDENTITY, *wanted]))
        # The journal first: a row sealed meanwhile is then seen twice rather than not at all.
        unsealed = self.unsealed(read)
        with ExitStack() as stack:
            # Held open, so that a part rewritten meanwhile is still read as it was.
            parts = self.parts()
            allow_open_files(len(parts))
            files = [(part, stack.enter_context(open_parquet(part))) for part in parts]
            rows = [rows_of(read_open_part(part, file, IDENTITY)) for part, file in files]
            kept = counting([*rows, rows_of(unsealed)])
            for number, (part, file) in enumerate(files):
                table = read_open_part(part, file, wanted)
                yield table if kept is None else table.filter(pa.array(kept[number]))
            if unsealed.num_rows:
                unsealed = unsealed.select(wanted)
                yield unsealed if kept is None else unsealed.filter(pa.array(kept[-1]))

    def responses(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All outcomes as one table; see :meth:`outcomes`."""
        wanted = list(columns) if columns else RESPONSES.names
        empty = RESPONSES.empty_table().select(wanted)
        return pa.concat_tables([empty, *self.outcomes(wanted)])

    def finished(
        self, variants: Sequence[str], samples: int, *, with_failed: bool = True
    ) -> npt.NDArray[np.bool_]:
        """Which trials have an outcome: cases x variants x samples, in the order of the plan.

        ``variants`` are keys. Without failed ones if those shall be asked again. One byte a trial,
        so that a million of them is nothing. Raises StoreError for an outcome of no such trial.
        """
        ids = read_table(self.cases_path, ["case_id"])["case_id"].combine_chunks()
        done = np.zeros((len(ids), len(variants), samples), dtype=np.bool_)
        columns = ["case_id", "variant_key", "sample", "status"]
        unsealed = self.unsealed(columns)
        found = chain((read_part(part, columns) for part in self.parts()), [unsealed])
        for table in _by_the_million(found):
            if not with_failed:
                table = table.filter(pc.equal(table["status"], "ok"))
            case = pc.index_in(table["case_id"], value_set=ids)
            variant = pc.index_in(table["variant_key"], value_set=pa.array(variants, pa.string()))
            places = [np.asarray(pc.fill_null(column, -1)) for column in (case, variant)]
            sample = np.asarray(table["sample"])
            known = (places[0] >= 0) & (places[1] >= 0) & (sample < samples)
            if not known.all():
                row = table.filter(pa.array(~known)).slice(0, 1).to_pylist()[0]
                raise self.foreign(row["case_id"], row["variant_key"], row["sample"])
            done[places[0], places[1], sample] = True
        return done

    def foreign(self, case_id: str, variant: str, sample: int) -> StoreError:
        """The error of an outcome that no trial of this run has."""
        told = {"case_id": case_id, "variant_key": variant, "sample": sample}
        holding = (part for part in self.parts() if told in read_part(part, list(told)).to_pylist())
        return StoreError(
            f"{next(holding, self.journal_path)}: holds an answer that this run did not ask for: "
            f"case '{case_id}', {variant}, sample {sample}",
            f"Either it or {self.cases_path.name} is of another run, or an older copy. Move it out "
            "of the folder, or restore the other; nothing was changed.",
        )

    def scores(self, scorer: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """A scorer's grades (schema SCORES, or some columns), or None if it has not run."""
        path = self.scores_path / f"{scorer}.parquet"
        return read_table(path, columns) if path.exists() else None

    def count_scores(self, scorer: str) -> int | None:
        """How many grades a scorer has given, or None if it has not run."""
        path = self.scores_path / f"{scorer}.parquet"
        if not path.exists():
            return None
        with open_parquet(path) as file:
            count: int = file.metadata.num_rows
        return count

    def score_batches(
        self, scorer: str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Some columns of a scorer's grades or all, batch by batch; schema SCORES."""
        return batches(self.scores_path / f"{scorer}.parquet", columns)

    def scorer_digest(self, scorer: str) -> str | None:
        """What was written beside a scorer's grades to tell which options they come from."""
        path = self.scores_path / f"{scorer}.parquet"
        if not path.exists():
            return None
        with open_parquet(path) as file:
            digest = (file.schema_arrow.metadata or {}).get(_SCORER)
        return digest.decode() if digest else None

    def write_scores(
        self, scorer: str, rows: Iterable[Mapping[str, Any]], *, digest: str | None = None
    ) -> None:
        """Replace a scorer's grades, whole or not at all; ``rows`` are streamed to disk.

        ``digest`` tells which scorer they come from.
        """
        try:
            self.scores_path.mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.scores_path}: no folder can be made there: {error.strerror or error}",
                "Move what is in its way out of the run, and check permissions.",
            ) from error
        told = {_SCORER: digest.encode()} if digest else {}
        schema = SCORES.with_metadata({**(SCORES.metadata or {}), **told})
        write_atomically(
            self.scores_path / f"{scorer}.parquet",
            lambda aside: _write_rows(aside, rows, schema),
        )

    def unsealed(self, columns: Sequence[str]) -> pa.Table:
        """The outcomes that a run still being written has in its journal, oldest first."""
        tables = [
            table_of(self.journal_path, rows).select(columns)
            for rows in read_journal(self.journal_path, BATCH_ROWS)
        ]
        return pa.concat_tables([RESPONSES.empty_table().select(columns), *tables])


def _size(path: Path) -> int:
    """The bytes of a file; none of one that has just gone, as files of a running run do."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _by_the_million(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables joined to large ones: looking names up costs the more the more often it is begun."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(item.num_rows for item in waiting) >= _LOOKED_UP_ROWS:
            yield pa.concat_tables(waiting)
            waiting.clear()
    if waiting:
        yield pa.concat_tables(waiting)


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        stream = iter(rows)
        while waiting := list(islice(stream, BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))


_NAME = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{6}$")
_BACK = re.compile(r"^(?P<name>.+)~(?P<back>\d+)$")


def find_run(reference: str, runs: Path) -> RunFolder:
    """The run a person means: a path, ``latest``, a suite's name, a run id or its beginning.

    ``X~1`` is the one before X, for ``latest`` and suite names; ``@NAME`` the newest run of a
    baseline that is still there. Raises UnknownRun with what there is, StoreError when an id prefix
    fits several runs.
    """
    for path in (Path(reference), runs / reference):
        if _is_run(path):
            return RunFolder(path)
    if reference.startswith("@"):
        return _newest_banked(reference, runs)
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


def _is_run(path: Path) -> bool:
    """Whether a run is there; not where the name is none for a path, or may not be looked at."""
    try:
        return (path / MANIFEST).exists()
    except OSError:
        return False


def _newest_banked(reference: str, runs: Path) -> RunFolder:
    """The newest run of a baseline; raises UnknownRun where none of them is left."""
    folder = Path(os.environ.get("EVALKIT_BASELINES") or "baselines")
    ids = {run.id for run in read_baseline(folder, reference).runs}
    found = [run for run in list_runs(runs) if run.path.name.split("-")[-1] in ids]
    if not found:
        raise UnknownRun(
            f"none of the runs behind {reference} is in {runs} any more",
            "The baseline stands without them: evalkit gate RUN --baseline "
            f"{reference.removeprefix('@')} compares with it.",
        )
    return found[-1]


def _has_id(run: RunFolder, reference: str) -> bool:
    name = run.path.name
    return bool(reference) and (
        name.startswith(reference) or name.split("-")[-1].startswith(reference)
    )


def list_runs(runs: Path) -> list[RunFolder]:
    """Every run below a runs folder, oldest first."""
    found = [path.parent for path in runs.glob(f"*/*/{MANIFEST}")]
    return [RunFolder(path) for path in sorted(found, key=_age)]


def leftovers(runs: Path) -> list[RunFolder]:
    """Folders of runs without a manifest that nobody writes, oldest first.

    Making, importing or removing them was cut short, or the manifest has been lost.
    """
    found = [path for path in runs.glob("*/*") if _NAME.match(path.name) and path.is_dir()]
    left = (path for path in found if not (path / MANIFEST).exists())
    return [RunFolder(path) for path in sorted(left, key=_age) if holder(path / "lock") is None]


def _age(path: Path) -> tuple[str, int, str]:
    """The second in a run's name; of one second, that whose suite was written first."""
    try:
        written_ns = (path / "suite.yaml").stat().st_mtime_ns
    except OSError:
        written_ns = 0
    return path.name.partition("-")[0], written_ns, path.name
