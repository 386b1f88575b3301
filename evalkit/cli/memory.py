"""How a command asks for memory, so that what it has given back is the system's again."""

from __future__ import annotations

import ctypes
import os

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 1024 * 1024
_ARENAS = 2


def give_memory_back() -> None:
    """Keep freed memory from piling up; to be called before there are threads or pyarrow.

    Arrow's own allocator and glibc's, with an arena for every thread and a threshold that rises
    with what it sees, hold on to a multiple of what a long run needs at any moment. Where there is
    no glibc only the first is changed.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_ARENA_MAX, _ARENAS)
    mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)
