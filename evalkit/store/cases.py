"""The cases of a run on disk: written and read as a stream, picked by place or name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.store.parts import batches, open_parquet, read_table
from evalkit.tables import CASES, case_of, case_row, encode_row
from evalkit.types import Case

# Cases are read while requests are in flight: what is read at once must be little.
_GROUP_ROWS = 1_024
_GROUP_BYTES = 1024 * 1024
_READ_ROWS = 128

Mask = npt.NDArray[np.bool_]


def write_cases(path: Path, cases: Iterable[Case]) -> tuple[int, str]:
    """Stream the cases to disk; how many there were, and a digest of them all in order."""
    count, digest = 0, hashlib.blake2b(digest_size=16)
    with pq.ParquetWriter(path, CASES, compression="zstd", write_page_checksum=True) as writer:
        rows: list[dict[str, Any]] = []
        size = 0
        for case in cases:
            row = case_row(case)
            data = encode_row(row)
            digest.update(data)
            count += 1
            rows.append(row)
            size += len(data)
            if len(rows) >= _GROUP_ROWS or size >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(rows, schema=CASES))
                rows, size = [], 0
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=CASES))
    return count, f"b2:{digest.hexdigest()}"


def read_cases(path: Path, wanted: Mask | None = None) -> Iterator[Case]:
    """The cases in order, streamed; ``wanted`` picks some by their place. Raises StoreError."""
    if wanted is not None:
        yield from _cases_at(path, wanted)
        return
    for batch in batches(path, rows=_READ_ROWS):
        yield from map(case_of, batch.to_pylist())


def cases_named(path: Path, ids: pa.ChunkedArray) -> dict[str, Case]:
    """The cases of these ids; cheap when they stand near each other in the dataset."""
    places = pc.index_in(read_table(path, ["case_id"])["case_id"], value_set=pc.unique(ids))
    wanted = pc.is_valid(places).to_numpy(zero_copy_only=False)
    return {case.id: case for case in _cases_at(path, wanted)}


def _cases_at(path: Path, wanted: Mask) -> Iterator[Case]:
    """Cases by place, as far as ``wanted`` reaches; row groups without any are not read."""
    with open_parquet(path) as file:
        place = 0
        for number in range(file.num_row_groups):
            count = file.metadata.row_group(number).num_rows
            mask = wanted[place : place + count]
            place += count
            if mask.any():
                rows = file.read_row_group(number).slice(0, len(mask)).filter(pa.array(mask))
                for batch in rows.to_batches(_READ_ROWS):
                    yield from map(case_of, batch.to_pylist())
