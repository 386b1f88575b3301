"""One writer a run: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from evalkit.errors import StoreError


class RunLock:
    """An advisory lock on a file; the kernel lets go of it when the process ends, however it ends.

    Raises StoreError, naming the holder, when another process has it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[str] = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise StoreError(
                f"{path.parent}: this run is being written by {holder}",
                "Wait until it has finished, or stop it first.",
            ) from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}")
        self._file.flush()

    def release(self) -> None:
        """Let go."""
        self._file.close()


def holder(path: Path) -> str | None:
    """Who holds a lock (``process 123``), or None if nobody does; takes nothing."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return file.read().strip() or "another process"
    except OSError:
        return None
    return None
