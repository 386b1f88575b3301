"""Files that are whole or not there: written aside, flushed to the disk, renamed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from evalkit.errors import StoreError

_CHECK = "Check free space and permissions of the folder."


@contextlib.contextmanager
def writing(path: Path, hint: str = _CHECK) -> Iterator[None]:
    """Tell what the system refuses as a StoreError about ``path``."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}", hint) from error


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place.

    The content is on disk before the name is, and the name before this returns. Raises StoreError
    when the disk is full or refuses; then nothing under ``path`` has changed.
    """
    aside = path.with_name(f".{path.name}.tmp")
    with writing(path):
        try:
            write(aside)
            sync_file(aside)
            aside.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Put a text file in place, whole or not at all, and its folder. Raises StoreError."""

    def fill(aside: Path) -> None:
        aside.write_text(text, encoding="utf-8")

    with writing(path.parent):
        make_folder(path.parent)
    write_atomically(path, fill)


def make_folder(path: Path, *, is_new: bool = False) -> None:
    """Make a folder, and those above it, that survive a power cut. Raises OSError.

    One that ``is_new`` must not be there yet.
    """
    lacking = [one for one in (path, *path.parents) if not one.exists()]
    path.mkdir(parents=True, exist_ok=not is_new)
    for one in lacking:
        sync_folder(one.parent)


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
