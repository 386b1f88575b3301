"""The scorer that runs an answer's code against the tests of its row."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.scorers.code_tests import tests_of
from evalkit.scorers.sandbox.sandbox import (
    Bounds,
    Ending,
    Isolation,
    find_isolation,
    harness,
    run_python,
)
from evalkit.types import Case, Response, Score

_ISOLATIONS = ("auto", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Right when the answer's code passes the tests of its row, in a child process with limits.

    The row has a program in ``test`` that defines ``check(candidate)`` beside an ``entry_point``
    (as HumanEval), test functions or a ``unittest.TestCase``, or a list of statements in
    ``test_list`` (as MBPP); ``tests`` names another column. ``prompt`` is the column of code that
    an answer may go on with, ``setup`` the one of code to run before the tests, ``imports`` before
    the answer. ``partial`` gives the share of tests passed. ``isolation`` ``full`` refuses to run
    without fences.
    """

    name: str = "code"
    language: str = "python"
    tests: str | None = None
    entry_point: str = "entry_point"
    prompt: str = "prompt"
    setup: str = "test_setup_code"
    imports: str = "test_imports"
    partial: bool = False
    timeout_s: float = 10.0
    memory_mb: int = 1024
    processes: int = 32
    files_mb: int = 64
    open_files: int = 64
    output_kb: int = 1024
    isolation: str = "auto"
    interpreter: str | None = None
    needs_target: bool = False
    runs_code: bool = True

    def __post_init__(self) -> None:
        if self.language != "python":
            raise ValueError(f"the scorer 'code' runs python, not {self.language!r}")
        if self.isolation not in _ISOLATIONS:
            raise ValueError(f"isolation is {' or '.join(_ISOLATIONS)}, found {self.isolation!r}")
        for option in (
            "timeout_s",
            "memory_mb",
            "processes",
            "files_mb",
            "open_files",
            "output_kb",
        ):
            if getattr(self, option) <= 0:
                raise ValueError(f"{option} is more than 0, found {getattr(self, option)}")
        if self.interpreter and not os.access(self.interpreter, os.X_OK):
            raise ValueError(f"the interpreter {self.interpreter} cannot be run")

    @property
    def workers(self) -> int:
        """How many answers may be run at a time; each takes a process."""
        return max(1, min(8, os.cpu_count() or 1))

    @property
    def notice(self) -> str | None:
        """What the user should know before code is run: what does not keep it in."""
        isolation, why = find_isolation(self.interpreter)
        if isolation == "full":
            return None
        if isolation is None or self.isolation == "full":
            return f"'{self.name}' cannot run code here, so all its scores are null: {why}"
        if isolation == "partial":
            open_to = "with fewer fences: it can send UDP and see what processes there are"
        else:
            open_to = "without fences: it can read and write your files and use the network"
        return f"'{self.name}' runs code with limits but {open_to} ({why})"

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        try:
            tests = tests_of(case.inputs, self.tests, case.inputs.get(self.entry_point))
        except ValueError as error:
            return Score(self.name, None, reason=str(error))
        if not tests:
            return Score(self.name, None, reason=f"the row has no tests in {self._columns()}")
        isolation, why = find_isolation(self.interpreter)
        if isolation is None or (self.isolation == "full" and isolation != "full"):
            return Score(self.name, None, reason=f"code cannot be run here: {why}")
        if not response.text.strip():
            return Score(self.name, 0.0, reason="no code in the answer")
        nonce = secrets.token_hex(16)
        ending = self._run(case.inputs, response.text, tests, nonce, isolation)
        return self._verdict(ending, nonce, len(tests))

    def _columns(self) -> str:
        return f"'{self.tests}'" if self.tests else "'test' or 'test_list'"

    def _run(
        self,
        row: Mapping[str, Any],
        answer: str,
        tests: Sequence[str],
        nonce: str,
        isolation: Isolation,
    ) -> Ending:
        entry_point = row.get(self.entry_point)
        job = {
            "answer": answer,
            "prompt": _text(row.get(self.prompt)) if entry_point else "",
            "entry_point": entry_point,
            "before": _text(row.get(self.imports)),
            "setup": _text(row.get(self.setup)),
            "tests": tests,
            "nonce": nonce,
            "stop_at_first": not self.partial,
        }
        bounds = Bounds(
            timeout_s=self.timeout_s,
            memory_mb=self.memory_mb,
            processes=self.processes,
            files_mb=self.files_mb,
            open_files=self.open_files,
            output_kb=self.output_kb,
        )
        return run_python(
            harness(), json.dumps(job), bounds, isolation=isolation, python=self.interpreter
        )

    def _verdict(self, ending: Ending, nonce: str, n_tests: int) -> Score:
        if ending.trouble is not None:
            return Score(self.name, None, reason=f"code could not be run: {ending.trouble}")
        told = list(_told(ending.told, nonce))
        stray = next((one for one in told if one.kind == "stray"), None)
        if stray is not None:
            wrong = f"test {stray.number} of the row is no Python: {stray.words}"
            return Score(self.name, None, reason=wrong)
        passed = {one.number for one in told if one.kind == "passed"}
        if len(passed) == n_tests and told[-1].kind == "done":
            return Score(self.name, 1.0)
        is_trick = len(passed) == n_tests and told[-1].kind == "broken"
        value = min(len(passed), n_tests - 1) / n_tests if self.partial and not is_trick else 0.0
        so_far = f"passed {len(passed)} of {n_tests} tests; " if passed else ""
        return Score(self.name, value, reason=f"{so_far}{_why(ending, told)}")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a verdict: ``stray``, ``broken``, ``passed``, ``failed`` or ``done``."""

    kind: str
    number: int
    words: str


def _told(text: str, nonce: str) -> Iterator[_Line]:
    """The lines of a verdict that carry the nonce; anything else was written by the answer."""
    for line in text.splitlines():
        if line.startswith(f"{nonce} "):
            _, kind, number, words = line.split(" ", 3)
            yield _Line(kind, int(number), words.encode().decode("unicode_escape").strip())


def _why(ending: Ending, told: Sequence[_Line]) -> str:
    """What went wrong: the limit that was met, the first error, or how the code ended."""
    if ending.killed is not None:
        return ending.killed
    for one in told:
        if one.words:
            return one.words
    if ending.status is not None and os.WIFSIGNALED(ending.status):
        number = os.WTERMSIG(ending.status)
        if number == signal.SIGXCPU:
            return "used more CPU time than it may"
        return f"ended by {signal.Signals(number).name} before its tests had run"
    status = os.WEXITSTATUS(ending.status) if ending.status is not None else "unknown"
    return f"ended before its tests had run, with exit status {status}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else ""
