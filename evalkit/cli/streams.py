"""Output that nobody has to read: a command ends as it would when its pipe or terminal is gone."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from evalkit.errors import StoreError

_STDOUT = 1
# The other end of a pipe was closed; the terminal was hung up.
_GONE = (errno.EPIPE, errno.EIO)


class _Unwatched(io.FileIO):
    """A stream that leads nowhere once it cannot be written to.

    Only results that find no room are worth an error (StoreError); a reader that has left is none,
    nor is what becomes of progress and notes.
    """

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]  # whatever FileIO takes
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self.fileno() == _STDOUT and error.errno not in _GONE:
                raise StoreError(f"the output cannot be written: {error.strerror}") from error
            return super().write(data)  # type: ignore[arg-type]


def go_on_unwatched() -> None:
    """Let output never end what it tells of.

    A run is not lost to ``2>&1 | head`` or a closed terminal, and ``evalkit gate | head`` still
    ends with the gate's exit code; click and rich would end it with 1, a failed gate's.
    """
    sys.stdout, sys.stderr = _unwatched(sys.stdout), _unwatched(sys.stderr)


def _unwatched(stream: TextIO) -> TextIO:
    try:
        number = stream.fileno()
    except (AttributeError, OSError):
        return stream  # there is none, or it is no file
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Unwatched(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
