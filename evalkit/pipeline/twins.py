"""Cases that are the same row twice: they count as one independent case, not as two."""

from __future__ import annotations

import re

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.stats.arrays import IntArray
from evalkit.store.parts import read_table
from evalkit.store.runs import RunFolder


def with_twins_as_clusters(folder: RunFolder, id_column: str | None) -> tuple[pa.Table, int]:
    """Case ids, clusters and tags, and how many cases repeat an earlier one's content.

    Such cases and the first of their kind share a cluster, unless the dataset names clusters. The
    column that holds the id is no content.
    """
    cases = folder.case_columns()
    groups = _groups(read_table(folder.path / "cases.parquet", ["inputs", "target"]), id_column)
    if groups is None:
        return cases, 0
    sizes = np.bincount(groups[groups >= 0])
    names = [f"same content {group}" if group >= 0 else None for group in groups.tolist()]
    twins = pa.chunked_array([pa.array(names, pa.string())])
    clusters = pc.coalesce(cases["cluster"], twins)
    place = cases.column_names.index("cluster")
    return cases.set_column(place, "cluster", clusters), int((sizes[sizes > 0] - 1).sum())


def _groups(contents: pa.Table, id_column: str | None) -> IntArray | None:
    """The same number for cases of the same content, -1 for those unlike any; None: all unlike.

    Text without the id finds candidates quickly; only these are read as JSON and compared whole.
    """
    texts = contents["inputs"]
    if id_column is not None:
        name = re.escape(orjson.dumps(id_column).decode())
        value = r'(?:"(?:[^"\\]|\\.)*"|[^",}\]]*)'
        texts = pc.replace_substring_regex(texts, f"{name}:{value}", "", max_replacements=1)
    coded = texts.combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy()
    candidates = np.flatnonzero(np.bincount(codes, minlength=len(coded.dictionary))[codes] > 1)
    if not len(candidates):
        return None
    groups = np.full(len(codes), -1, dtype=np.int64)
    rows = contents.take(pa.array(candidates)).to_pylist()
    number: dict[bytes, int] = {}
    found = [number.setdefault(_content(row, id_column), len(number)) for row in rows]
    is_twin = np.bincount(found)[found] > 1
    groups[candidates[is_twin]] = np.array(found)[is_twin]
    return groups if is_twin.any() else None


def _content(row: dict[str, str | None], id_column: str | None) -> bytes:
    inputs = orjson.loads(row["inputs"] or "{}")
    inputs.pop(id_column, None)
    return orjson.dumps([inputs, row["target"]], option=orjson.OPT_SORT_KEYS)
