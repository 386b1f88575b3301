"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from evalkit.errors import StoreError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place.

    The content is on disk before the name is, and the name before this returns. Raises StoreError
    when the disk is full or refuses; then nothing under ``path`` has changed.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        write(aside)
        sync_file(aside)
        aside.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise StoreError(
            f"{path}: cannot be written: {error.strerror or error}",
            "Check free space and permissions of the folder.",
        ) from error


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Put a text file in place, whole or not at all, and its folder. Raises StoreError."""

    def fill(aside: Path) -> None:
        aside.write_text(text, encoding="utf-8")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path.parent}: cannot be made: {error.strerror or error}",
            "Check free space and permissions of the folder.",
        ) from error
    write_atomically(path, fill)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
