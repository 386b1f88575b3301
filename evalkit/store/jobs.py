"""What a run was made for, in a small file of its run folder: ``job.json``.

A bank's run and a scheduled one are told from others by it, so that the same command goes on with
what it has begun, and thins out only what it has made itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from evalkit.errors import StoreError
from evalkit.store.files import write_atomically

JOB = "job.json"


def write_job(folder: Path, job: Mapping[str, Any]) -> None:
    """Say what a run is for, whole or not at all. Raises StoreError."""
    data = orjson.dumps(dict(job), option=orjson.OPT_INDENT_2)

    def fill(aside: Path) -> None:
        aside.write_bytes(data)

    write_atomically(folder / JOB, fill)


def read_job(folder: Path) -> dict[str, Any] | None:
    """What a run is for; None for one that was asked for by hand. Raises StoreError."""
    path = folder / JOB
    try:
        data = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{path}: damaged: {error}", "Delete the run.") from error
    return data if isinstance(data, dict) else None
