"""Hugging Face datasets as rows, streamed: from the hub, or from a folder as they save it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError, EvalkitError
from evalkit.imports import admit_pandas
from evalkit.suite.row import Row, mapping, place
from evalkit.suite.row_faults import RowFaults
from evalkit.suite.rows_schema import RowsSpec

_SAVED = ("state.json", "dataset_dict.json")


def read_hub(spec: RowsSpec, faults: RowFaults) -> Iterator[Row]:
    """The rows of ``hf:name`` or ``hf:./folder``.

    Raises DatasetError if the package ``datasets`` is missing, or says no.
    """
    name = spec.path.removeprefix("hf:")
    number = 0
    try:
        for value in _open(name, spec):
            number += 1
            where = place(spec.path, number, is_line=False)
            try:
                values = mapping(value, where)
            except DatasetError as error:
                faults.note(where, error)
                continue
            yield Row(spec.path, number, values, is_line=False)
    except EvalkitError:
        raise
    except Exception as error:  # the package and its readers raise errors of many kinds
        told = str(error).strip().splitlines()
        raise DatasetError(
            f"{spec.path}: {told[0] if told else type(error).__name__}",
            "Check the name, config and split; without network, name a folder: hf:./folder.",
        ) from error


def _open(name: str, spec: RowsSpec) -> Any:
    """An iterable of the split's rows."""
    admit_pandas()
    try:
        datasets = importlib.import_module("datasets")
    except ModuleNotFoundError as error:
        raise DatasetError(
            "hf: datasets need the package 'datasets'", "pip install 'evalkit[datasets]'"
        ) from error
    datasets.disable_progress_bars()
    folder = Path(name)
    if any((folder / mark).is_file() for mark in _SAVED):
        found = datasets.load_from_disk(name)
    else:
        found = datasets.load_dataset(
            name, spec.config, revision=spec.revision, split=spec.split, streaming=True
        )
    if not isinstance(found, dict):
        return found
    splits = list(found)
    if spec.split is None and len(splits) == 1:
        return found[splits[0]]
    if spec.split not in splits:
        asked = f"has no split '{spec.split}'" if spec.split else "has several splits"
        raise DatasetError(f"{spec.path}: {asked}: {', '.join(splits)}", "Name one: split: …")
    return found[spec.split]
