"""What a run was: suite, digests, versions, endpoints, times, totals. Never a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from evalkit.errors import StoreError, UnknownRun
from evalkit.store.files import write_atomically

FORMAT = 1
MANIFEST = "manifest.json"
Status = Literal["running", "complete", "interrupted", "stopped"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of ``manifest.json``. Times are ISO 8601 UTC; ``totals`` count trials.

    ``judges`` has each judge's questions by outcome and what they cost, apart from ``totals``.
    """

    run_id: str
    name: str
    suite: Mapping[str, Any]
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    endpoints: Mapping[str, str]
    planned: int
    n_cases: int
    started_at: str
    only: tuple[str, ...] = ()
    git_commit: str | None = None
    ended_at: str | None = None
    status: Status = "running"
    stopped_because: str | None = None
    totals: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    format: int = FORMAT


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, whole or not at all. Raises StoreError."""
    data = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2)
    write_atomically(folder / MANIFEST, lambda aside: _fill(aside, data))


def _fill(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder.

    Raises UnknownRun when there is none, StoreError when it is damaged or from a newer evalkit.
    """
    path = folder / MANIFEST
    try:
        data = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UnknownRun(
            f"{folder}: not a run folder (no {MANIFEST})",
            "Its making was cut short, or the file was lost: restore it from a copy, or delete "
            "what is left with evalkit rm.",
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise _damaged(path, str(error)) from error
    told = data.get("format") if isinstance(data, dict) else None
    if not isinstance(told, int):
        raise _damaged(path, "it is no manifest")
    if told > FORMAT:
        raise StoreError(
            f"{path}: format {told} is newer than this evalkit reads ({FORMAT})",
            "Use the evalkit that made the run, or a newer one.",
        )
    for name, kind in _KINDS.items():
        # What came with a later version is not in older ones.
        if not isinstance(data.get(name, {} if name in _LATER else None), kind):
            raise _damaged(path, f"'{name}' is missing or not what it should be")
    try:
        return Manifest(**{**data, "only": tuple(data.get("only") or ())})
    except TypeError as error:
        raise _damaged(path, str(error)) from error


_LATER = ("totals", "judges")
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("run_id", "name", "started_at", "status"), str),
    **dict.fromkeys(("suite", "digests", "versions", "endpoints", "totals", "judges"), dict),
    **dict.fromkeys(("planned", "n_cases"), int),
}


def _damaged(path: Path, how: str) -> StoreError:
    return StoreError(
        f"{path}: damaged: {how}",
        f"The answers in {path.parent} are kept as they are. Restore the manifest from a copy.",
    )
