"""One writer a run: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from evalkit.errors import StoreError

# Whoever only asks who holds a lock takes it for a moment; such a moment is waited for.
_TRIES = 5
_PAUSE_S = 0.05


class RunLock:
    """An advisory lock on a file; the kernel lets go of it when the process ends, however it ends.

    Raises StoreError, naming the holder, when another process has it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[str] = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written: {error.strerror or error}",
                "Check that the folder is there, and its permissions.",
            ) from error
        if not any(_is_taken(self._file, number) for number in range(_TRIES)):
            who = _told(self._file)
            self._file.close()
            raise StoreError(
                f"{path.parent}: this run is being written by {who}",
                "Wait until it has finished, or stop it first. "
                "Reading is possible: evalkit status, show, export.",
            )
        try:
            self._file.truncate(0)
            self._file.write(
                f"process {os.getpid()} on {platform.node() or 'this host'} "
                f"since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
            )
            self._file.flush()
        except OSError as error:
            self._file.close()
            raise StoreError(
                f"{path}: cannot be written: {error.strerror or error}",
                "Free some space, then resume.",
            ) from error

    def release(self) -> None:
        """Let go."""
        self._file.close()


def holder(path: Path) -> str | None:
    """Who holds a lock (``process 123 on host since …``), or None if nobody does."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return None if _has_locked(file) else _told(file)
    except OSError:
        return None


def _is_taken(file: IO[str], number: int) -> bool:
    time.sleep(_PAUSE_S if number else 0)
    return _has_locked(file)


def _has_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _told(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "another process"
