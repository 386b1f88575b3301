"""Parquet files of a run: written whole with checksums, read with every column there should be."""

from __future__ import annotations

import binascii
import re
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.errors import StoreError
from evalkit.store.files import write_atomically
from evalkit.tables import FORMAT, RESPONSES

BATCH_ROWS = 4_096
_OTHER_FILES = 1_024
_KEY_BYTES = 35  # "b2:" and 32 hex digits
_NAME = re.compile(r"^part-(\d{5,})\.parquet$")

Digests = npt.NDArray[np.bytes_]
Mask = npt.NDArray[np.bool_]


def list_parts(folder: Path) -> list[Path]:
    """Sealed parts, oldest first; files of other names are none of ours."""
    found = [path for path in folder.glob("part-*.parquet") if _NAME.match(path.name)]
    return sorted(found, key=part_number)


def part_number(path: Path) -> int:
    """The number in a part's name."""
    match = _NAME.match(path.name)
    assert match is not None
    return int(match[1])


def write_table(path: Path, table: pa.Table) -> None:
    """Put a table in place, whole or not at all; raises StoreError."""
    write_atomically(
        path,
        lambda aside: pq.write_table(table, aside, compression="zstd", write_page_checksum=True),
    )


def allow_open_files(count: int) -> None:
    """Let this process have so many files open besides its own, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file, its footer read; raises StoreError naming a damaged file."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a Parquet file or all; raises StoreError naming a damaged file."""
    with open_parquet(path) as file:
        return _guarded(path, file, columns)


def read_part(path: Path, columns: Sequence[str]) -> pa.Table:
    """Columns of a part, as :func:`read_open_part`."""
    with open_parquet(path) as file:
        return read_open_part(path, file, columns)


def read_open_part(path: Path, file: pq.ParquetFile, columns: Sequence[str]) -> pa.Table:
    """Columns of a part in the current format: what an older one did not have is null.

    Raises StoreError for a damaged file, one that is no part of a run, and a newer format.
    """
    schema = file.schema_arrow
    told = (schema.metadata or {}).get(b"evalkit.format", b"")
    required = {field.name for field in RESPONSES if not field.nullable}
    if not told.isdigit() or not required <= set(schema.names):
        raise StoreError(
            f"{path}: not a part of a run, though it is named like one",
            "Move it out of the folder; the rest of the run is whole.",
        )
    if int(told) > FORMAT:
        raise StoreError(
            f"{path}: format {int(told)} is newer than this evalkit reads ({FORMAT})",
            "Use the evalkit that made the run, or a newer one.",
        )
    table = _guarded(path, file, [name for name in columns if name in schema.names])
    fields = [RESPONSES.field(name) for name in columns]
    arrays = [
        table[field.name].cast(field.type)
        if field.name in schema.names
        else pa.nulls(file.metadata.num_rows, field.type)
        for field in fields
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, RESPONSES.metadata))


def _guarded(path: Path, file: pq.ParquetFile, columns: Sequence[str] | None) -> pa.Table:
    try:
        return file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def batches(
    path: Path, columns: Sequence[str] | None = None, *, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """A Parquet file batch by batch; raises StoreError naming a damaged file."""
    with open_parquet(path) as file:
        try:
            yield from file.iter_batches(
                batch_size=rows, columns=None if columns is None else list(columns)
            )
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StoreError:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    again = ": its trials are then asked again" if path.name.startswith("part-") else ""
    return StoreError(
        f"{path}: cannot be read: {text}",
        "Every other file of the run is kept as it is. Restore this one from a copy"
        + (f", or move it out of the folder and resume{again}." if again else "."),
    )


def key_digests(keys: pa.ChunkedArray) -> Digests:
    """Trial keys as 16 bytes each, a fifth of what they take as Python strings.

    Raises StoreError for a key that is none.
    """
    lengths = pc.binary_length(keys)
    if len(keys) and pc.any(pc.not_equal(lengths, _KEY_BYTES)).as_py():
        raise StoreError("a trial key is not 35 bytes long", "The run was made by other hands.")
    found = [_chunk_digests(chunk) for chunk in keys.chunks if len(chunk)]
    return np.concatenate(found) if found else np.empty(0, dtype="S16")


def _chunk_digests(chunk: pa.Array) -> Digests:
    start = chunk.offset
    offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int32, count=start + len(chunk) + 1)
    data = np.frombuffer(chunk.buffers()[2], dtype=np.uint8)[offsets[start] : offsets[-1]]
    digits = np.ascontiguousarray(data.reshape(len(chunk), _KEY_BYTES)[:, 3:])
    return np.frombuffer(binascii.unhexlify(digits.tobytes()), dtype="S16")


@dataclass(frozen=True, slots=True)
class Rows:
    """What tells which rows of a file count: their trials, and whether each is an answer."""

    digests: Digests
    are_answers: Mask


IDENTITY = ("trial_key", "status")


def rows_of(table: pa.Table) -> Rows:
    """The rows of a table with the columns IDENTITY. Raises StoreError for a key that is none."""
    answers = pc.equal(table["status"], "ok")
    return Rows(key_digests(table["trial_key"]), answers.to_numpy(zero_copy_only=False))


def counting(files: Sequence[Rows]) -> list[Mask] | None:
    """Which rows of each file, oldest first, are the one that counts of its trial; None if all are.

    An answer counts before a failure, whichever came first: it was paid for, and a trial that has
    one is never asked again. Of several of a kind the last counts.
    """
    digests = np.concatenate([np.empty(0, dtype="S16"), *(one.digests for one in files)])
    total = len(digests)
    ordered = np.sort(digests)  # np.unique would take a table of hashes several times as large
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    answers = np.concatenate([one.are_answers for one in files])
    # Failures first, so that the last of a trial is the one that counts.
    places = np.concatenate([np.flatnonzero(~answers), np.flatnonzero(answers)])
    _, last = np.unique(digests[places][::-1], return_index=True)
    keep = np.zeros(total, dtype=np.bool_)
    keep[places[total - 1 - last]] = True
    return np.split(keep, np.cumsum([len(one.digests) for one in files])[:-1])
