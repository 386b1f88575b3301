"""Scorers in a process of their own, which can be ended: whatever one does spoils one score.

A user's function may hang, crash the interpreter or print; computer algebra may never come back.
The process is started when first needed and anew after it had to be ended; it ends with evalkit.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import select
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Protocol

from evalkit.scorers.scorer import Scorer
from evalkit.types import Case, Response, Score

_START = (
    "import sys; sys.path[:] = {path!r}; from evalkit.scorers.apart_child import main; main({fds})"
)
# What a process may take to start and to import what it needs.
_START_S = 120.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the child finds a scorer.

    ``kind``: ``file`` (``place`` is ``file.py:name``), ``plugin`` (the name of an entry point) or
    ``own`` (``module:Class`` of evalkit). ``memory_mb`` bounds what its process may use.
    """

    kind: str
    place: str
    name: str
    options: str = "{}"
    memory_mb: int | None = None


class Bounded(Scorer, Protocol):
    """A scorer that may take long for some answers, and says for which it surely does not."""

    timeout_s: float

    def is_quick(self, case: Case, response: Response) -> bool:
        """Whether this answer takes no time worth speaking of."""
        ...


class Apart:
    """A scorer that grades in another process, within ``timeout_s`` seconds an answer.

    What ``here`` is quick with it grades itself. Once ``patience_s`` have been lost to answers that
    took too long, others are given a tenth of the time: a hopeless scorer ends in time, too.
    """

    def __init__(
        self,
        origin: Origin,
        timeout_s: float,
        *,
        workers: int = 1,
        here: Bounded | None = None,
        patience_s: float = math.inf,
    ) -> None:
        self.origin = origin
        self.timeout_s = timeout_s
        self.workers = workers
        self._children = threading.local()
        self._here = here
        self._patience_s = patience_s
        self._needs_target = None if here is None else here.needs_target

    @property
    def name(self) -> str:
        """See Scorer."""
        return self.origin.name

    @property
    def needs_target(self) -> bool:
        """See Scorer; asks the scorer itself, and raises ValueError if it cannot be had."""
        if self._needs_target is None:
            self._needs_target = self._child().needs_target
        return self._needs_target

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if self._here is not None and self._here.is_quick(case, response):
            return self._here.score(case, response)
        within_s = self.timeout_s if self._patience_s > 0 else self.timeout_s / 10
        try:
            told = self._child().ask((case, response), within_s)
        except TimeoutError:
            self._patience_s -= within_s
            late = f"the scorer took longer than {within_s:g} s"
            return Score(self.name, None, reason=late)
        except (EOFError, BrokenPipeError) as error:
            return Score(self.name, None, reason=f"the scorer's process ended: {error}")
        return Score(self.name, told["value"], told["answer"], told["reason"])

    def _child(self) -> _Child:
        """This thread's process, started if there is none or the last one has ended."""
        child: _Child | None = getattr(self._children, "child", None)
        if child is None or not child.is_alive:
            child = _Child(self.origin)
            self._children.child = child
        return child


class _Child:
    """One process with one scorer. Raises ValueError, in the scorer's words, if that cannot be."""

    def __init__(self, origin: Origin) -> None:
        asked, self._ask = os.pipe()
        self._told, tell = os.pipe()
        path = [place or os.getcwd() for place in sys.path]  # noqa: PTH109 - a text is wanted
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=path, fds=f"{asked}, {tell}")],
            stdin=subprocess.DEVNULL,
            stdout=_stderr(),
            pass_fds=[asked, tell],
            start_new_session=True,  # Ctrl-C is for evalkit, which ends this process
        )
        os.close(asked)
        os.close(tell)
        self._end = weakref.finalize(self, _end, self._process, self._ask, self._told)
        try:
            told = self.ask(origin, _START_S)
        except TimeoutError:
            raise ValueError(f"{origin.place}: took longer than {_START_S:g} s to load") from None
        except (EOFError, BrokenPipeError) as error:
            raise ValueError(f"{origin.place}: its process ended: {error}") from None
        if "error" in told:
            self._end()
            raise ValueError(told["error"])
        self.needs_target: bool = told["needs_target"]

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked again."""
        return self._end.alive and self._process.poll() is None

    def ask(self, question: object, within_s: float) -> dict[str, Any]:
        """The answer to a question. Raises TimeoutError or EOFError; then the process has ended."""
        deadline_s = time.monotonic() + within_s
        try:
            self._write(pickle.dumps(question), deadline_s)
            size = int.from_bytes(self._read(4, deadline_s))
            told: dict[str, Any] = json.loads(self._read(size, deadline_s))
        except BaseException:
            self._end()
            raise
        return told

    def _write(self, data: bytes, deadline_s: float) -> None:
        data = len(data).to_bytes(4) + data
        while data:
            if not select.select([], [self._ask], [], _left(deadline_s))[1]:
                raise TimeoutError
            # No more than a pipe takes without waiting.
            data = data[os.write(self._ask, data[: select.PIPE_BUF]) :]

    def _read(self, size: int, deadline_s: float) -> bytes:
        data = b""
        while len(data) < size:
            if not select.select([self._told], [], [], _left(deadline_s))[0]:
                raise TimeoutError
            got = os.read(self._told, size - len(data))
            if not got:
                raise EOFError(f"exit status {self._process.wait()}")
            data += got
        return data


def _left(deadline_s: float) -> float:
    return max(0.0, deadline_s - time.monotonic())


def _stderr() -> int:
    """Where a scorer's prints go: they are no results."""
    try:
        return sys.__stderr__.fileno() if sys.__stderr__ is not None else subprocess.DEVNULL
    except (OSError, ValueError):
        return subprocess.DEVNULL


def _end(process: subprocess.Popen[bytes], *pipes: int) -> None:
    for pipe in pipes:
        os.close(pipe)
    process.kill()
    process.wait()
