"""Runs an answer and its tests, and tells how each went. Sent into the sandbox as text.

Reads a job from standard input: ``answer``, ``prompt``, ``entry_point``, ``before`` (imports),
``setup``, ``tests``, ``nonce``, ``stop_at_first``. Writes lines to descriptor 3, ``nonce kind
number words``; an answer is not told the nonce, so that printing "passed" or leaving early proves
nothing.

The answer runs in the same interpreter, so what judges it is kept out of its sight: in a thread
with names of its own for all that Python offers, in no frame that the answer's code can walk up
to. Its own thread, the main one, has nothing but :func:`serve`.
"""

from __future__ import annotations

import _thread
import builtins
import functools
import json
import linecache
import os
import queue
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

if __name__ != "__main__":  # in the sandbox all texts are one
    from evalkit.scorers.sandbox.guard import Guard, forbid
    from evalkit.scorers.sandbox.reading import called_names, find_code

_VERDICT = 3
_STACK_BYTES = 1024 * 1024

# Has the main thread run a piece of code in a namespace; why that failed, or nothing.
Runner = Callable[[types.CodeType, dict[str, Any]], str]


def serve(take: Callable[[], Any], give: Callable[[str], None], told: Callable[..., str]) -> None:
    """Run the pieces of code that are handed over, without end."""
    while True:
        code, space, sources = take()
        try:
            exec(code, space)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like are failures, too
            give(told(error, sources))
        else:
            give("")


def tell_error(error: BaseException, sources: Mapping[str, list[str]]) -> str:
    """An error in one line: its type, its words, and the line of code it came from."""
    try:
        words = "".join(traceback.format_exception_only(type(error), error)).strip()
        words = words.splitlines()[-1][:300] if words else type(error).__name__
        lines = [
            (frame.f_code.co_filename, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename in sources
        ]
        if isinstance(error, SyntaxError) and not lines:
            return f"{words} in line {error.lineno}: {(error.text or '').strip()[:160]}"
        if isinstance(error, AssertionError):
            lines = [line for line in lines if line[0].startswith("<test")] or lines
        if not lines:
            return f"{words} "
        place, number = lines[-1]
        text = [*sources[place], ""][number - 1].strip()[:160]
        return f"{words} in {place[1:-1]}, line {number}: {text}"
    except BaseException:  # noqa: BLE001 - an error may be made to raise when it is looked at
        return "it raised an error that cannot be told"


def begin() -> Callable[[], None]:
    """Start judging in a thread of its own; what the main thread has to do, for ever."""
    job = json.load(sys.stdin)
    os.set_inheritable(_VERDICT, False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
    given: queue.SimpleQueue[str] = queue.SimpleQueue()
    leave, judge = os._exit, _Judge(job, asked, given)

    def work() -> None:
        try:
            judge.judge()
        finally:
            leave(0)

    _thread.stack_size(_STACK_BYTES)
    _thread.start_new_thread(work, ())
    _thread.stack_size(0)
    sys.addaudithook(_alone(forbid))
    return functools.partial(_alone(serve), asked.get, given.put, _alone(tell_error))


def _alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose globals lead nowhere."""
    own = {"__builtins__": {**vars(builtins)}, "traceback": traceback}
    return types.FunctionType(function.__code__, own)


class _Judge:
    """Has the job run piece by piece, and tells what became of each."""

    def __init__(
        self,
        job: Mapping[str, Any],
        asked: queue.SimpleQueue[Any],
        given: queue.SimpleQueue[str],
    ) -> None:
        self._job = job
        self._ask, self._hear = asked.put, given.get
        self._sources: dict[str, list[str]] = {}
        self._write = os.write

    def judge(self) -> None:
        """Run the whole job; the last line told is ``done``."""
        job, tests = self._job, self._job["tests"]
        codes = []
        for number, test in enumerate(tests, 1):
            code = self._compiled(f"test {number}", test)
            if not isinstance(code, types.CodeType):
                return self._tell("stray", number, code)
            codes.append(code)
        called = called_names(tests)
        names = [job["entry_point"]] if job["entry_point"] else called
        program = find_code(job["answer"], job["prompt"], names)
        guard = Guard([*tests, job["before"], job["setup"]])
        module = types.ModuleType("answer")
        # Dataclasses and pickle look their module up by name.
        sys.modules["answer"] = module
        linecache.cache["<answer>"] = (len(program), None, program.splitlines(True), "<answer>")
        pieces = (("imports", job["before"]), ("answer", program), ("setup", job["setup"]))
        for name, source in pieces:
            code = self._compiled(name, source)
            words = self._run(code, vars(module)) if isinstance(code, types.CodeType) else code
            if words:
                return self._tell("broken", 0, f"{name}: {words}")
            if name == "answer":
                guard.look_at(vars(module))
        space = guard.space_for_tests(vars(module), called)
        for number, code in enumerate(codes, 1):
            guard.restore(space)
            words = self._run(code, space)
            self._tell("failed" if words else "passed", number, words or "")
            if words and job["stop_at_first"]:
                return None
        trick = guard.trick(self._run)
        return self._tell("broken", 0, trick) if trick else self._tell("done", len(tests))

    def _tell(self, kind: str, number: int, words: str = "") -> None:
        escaped = str.encode(words[:1000], "unicode_escape", "replace")
        line = f"{self._job['nonce']} {kind} {number} ".encode() + escaped + b"\n"
        self._write(_VERDICT, line)

    def _compiled(self, name: str, source: str) -> Any:
        """The code of a piece, or why there is none."""
        self._sources[f"<{name}>"] = source.splitlines()
        try:
            return compile(source, f"<{name}>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return tell_error(error, self._sources)

    def _run(self, code: types.CodeType, space: dict[str, Any]) -> str:
        """See Runner."""
        self._ask((code, space, self._sources))
        return self._hear()
