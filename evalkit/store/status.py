"""How a live run is, told to other processes, and what they ask of it. Small files, replaced whole.

``status.json`` is written by the run, ``control.json`` by whoever turns it; neither is needed to
read a run, so neither is flushed to the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from evalkit.errors import StoreError

STATUS = "status.json"
CONTROL = "control.json"


def write_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Tell how the run is; raises StoreError if the folder has gone or refuses."""
    _replace(folder / STATUS, status)


def write_control(folder: Path, control: Mapping[str, Any]) -> None:
    """Ask something of the run; raises StoreError."""
    _replace(folder / CONTROL, control)


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the run last told, if anything."""
    return _read(folder / STATUS)


def read_control(folder: Path) -> dict[str, Any]:
    """What was last asked of the run."""
    return _read(folder / CONTROL) or {}


def _replace(path: Path, data: Mapping[str, Any]) -> None:
    aside = path.with_name(f".{path.name}.tmp")
    try:
        aside.write_bytes(orjson.dumps(data))
        aside.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = orjson.loads(path.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    return data if isinstance(data, dict) else None
