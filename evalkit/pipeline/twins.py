"""Cases that are the same row twice: they count as one independent case, not as two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.plan.matrix import PlannedVariant
from evalkit.stats.arrays import IntArray
from evalkit.store.parts import batches
from evalkit.store.runs import RunFolder
from evalkit.templates import ROW
from evalkit.types import Case


def bare_id(id_column: str | None, planned: Sequence[PlannedVariant]) -> str | None:
    """The id's column where it only names a case; None where a prompt shows it to the model."""
    prompts = [one.prompt for one in planned]
    shown = {name for one in prompts for part in one.templates for name in part.variables}
    shown = shown.union(*(one.columns for one in prompts))
    return None if shown & {id_column, ROW} else id_column


def with_twins_as_clusters(folder: RunFolder, id_column: str | None) -> tuple[pa.Table, int]:
    """Case ids, clusters and tags, and how many cases repeat an earlier one's content.

    Such cases and the first of their kind share a cluster, unless the dataset names clusters. The
    column that holds the id is no content: see :func:`bare_id`.
    """
    cases = folder.case_columns()
    groups = _groups(folder, cases.num_rows, id_column)
    if groups is None:
        return cases, 0
    sizes = np.bincount(groups[groups >= 0])
    names = [f"same content {group}" if group >= 0 else None for group in groups.tolist()]
    twins = pa.chunked_array([pa.array(names, pa.string())])
    clusters = pc.coalesce(cases["cluster"], twins)
    place = cases.column_names.index("cluster")
    return cases.set_column(place, "cluster", clusters), int((sizes[sizes > 0] - 1).sum())


def _groups(folder: RunFolder, n_cases: int, id_column: str | None) -> IntArray | None:
    """The same number for cases of the same content, -1 for those unlike any; None: all unlike.

    Hashes of the text without the id find candidates in 8 bytes a case; only these are read again
    and compared whole.
    """
    hashes = np.fromiter(_hashes(folder, id_column), dtype=np.int64, count=n_cases)
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return None
    is_candidate = np.isin(hashes, repeated)
    number: dict[bytes, int] = {}
    contents = (_content(case, id_column) for case in folder.cases(is_candidate))
    found = [number.setdefault(content, len(number)) for content in contents]
    is_twin = np.bincount(found)[found] > 1
    groups = np.full(n_cases, -1, dtype=np.int64)
    groups[np.flatnonzero(is_candidate)[is_twin]] = np.array(found)[is_twin]
    return groups if is_twin.any() else None


def _hashes(folder: RunFolder, id_column: str | None) -> Iterator[int]:
    name = re.escape(orjson.dumps(id_column).decode()) if id_column is not None else None
    value = r'(?:"(?:[^"\\]|\\.)*"|[^",}\]]*)'
    for batch in batches(folder.path / "cases.parquet", ["inputs"]):
        texts = batch["inputs"]
        if name is not None:
            texts = pc.replace_substring_regex(texts, f"{name}:{value}", "", max_replacements=1)
        yield from map(hash, texts.to_pylist())


def _content(case: Case, id_column: str | None) -> bytes:
    inputs = {name: value for name, value in case.inputs.items() if name != id_column}
    return orjson.dumps([inputs, case.target], option=orjson.OPT_SORT_KEYS)
