"""The real command line with small parts, which kills itself (SIGKILL) at a named place.

    DIE_AT=FUNCTION:LINES python dying.py run suite.yaml

It dies when so many lines of that function (by its qualified name) have begun, counted over all
calls and threads, and first writes the function's name to the file ``DIE_LOG``. With
``DIE_AT=part:SECONDS`` it dies so long after the first part has begun to be written.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from evalkit.cli.main import main
from evalkit.store import parts, writer

SEAL_ROWS = 7
PLACE, _, COUNT = os.environ.get("DIE_AT", "").partition(":")
left = float(COUNT or 0)


def die() -> None:
    with Path(os.environ["DIE_LOG"]).open("a") as log:
        log.write(f"{PLACE}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def watch_lines(frame, event, argument):
    """A trace function: the lines of one function are counted, all others run untouched."""
    return count_line if frame.f_code.co_qualname == PLACE else None


def count_line(frame, event, argument):
    global left
    if event == "line":
        left -= 1
        if left <= 0:
            die()
    return count_line


def die_soon(write):
    """Write, and be killed meanwhile or a moment after."""

    def call(*args, **kwargs):
        killer = threading.Thread(target=lambda: (time.sleep(left), die()))
        killer.start()
        return write(*args, **kwargs)

    return call


if __name__ == "__main__":
    writer.SEAL_ROWS = SEAL_ROWS
    if PLACE == "part":
        parts.pq.write_table = die_soon(parts.pq.write_table)
    elif PLACE:
        threading.settrace(watch_lines)
        sys.settrace(watch_lines)
    main()
