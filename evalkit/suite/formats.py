"""Text formats by name, and what reads their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evalkit.suite.delimited import read_csv, read_tsv
from evalkit.suite.json_rows import read_json, read_jsonl
from evalkit.suite.opening import Source
from evalkit.suite.row import Row
from evalkit.suite.yaml_rows import read_yaml

TEXT_FORMATS: dict[str, Callable[[Source], Iterator[Row]]] = {
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "tsv": read_tsv,
    "yaml": read_yaml,
}
