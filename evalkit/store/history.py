"""What the runs of a suite came to, a JSON line each: ``runs/<suite>/history.jsonl``.

It outlives the runs. A line that was cut by a crash is no line; of two for one run the later
counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from evalkit.errors import StoreError

HISTORY = "history.jsonl"


def read_history(suite_folder: Path) -> dict[str, dict[str, Any]]:
    """The lines by run id, in the order in which the runs were first noted."""
    path = suite_folder / HISTORY
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(data, dict) and isinstance(data.get("run"), str):
            found[data["run"]] = data
    return found


def append_history(suite_folder: Path, line: Mapping[str, Any]) -> None:
    """Note a run. Raises StoreError."""
    path = suite_folder / HISTORY
    try:
        with path.open("ab") as file:
            # Begins with a line end, so that a line cut before it spoils only itself.
            file.write(b"\n" + orjson.dumps(dict(line)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
