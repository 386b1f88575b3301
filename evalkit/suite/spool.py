"""Items set aside in a temporary file, to be had again in any order."""

from __future__ import annotations

import marshal
import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import Any


class Spool:
    """Keeps items on disk and only their places in memory (8 bytes each). Use as a context.

    Items are texts, numbers, flags, None, and lists, tuples and dictionaries of them.
    """

    def __init__(self) -> None:
        # Unlinked from the start where the system allows it: nobody else reads or writes it.
        self._file = tempfile.TemporaryFile(prefix="evalkit-rows-")  # noqa: SIM115
        self._starts = array("q")
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, item: Any) -> None:
        """Set one item aside."""
        self._starts.append(self._end)
        self._end += self._file.write(marshal.dumps(item))

    def read(self, indices: Sequence[int]) -> Iterator[Any]:
        """The items of these places, in the order asked for; nothing is added any more."""
        self._file.flush()
        file, starts = self._file.fileno(), self._starts
        starts.append(self._end)  # where the last item ends
        for index in indices:
            start = starts[index]
            yield marshal.loads(os.pread(file, starts[index + 1] - start, start))
