"""Runs an answer and its tests, and tells how each went. Sent into the sandbox as text.

Reads a job from standard input: ``answer``, ``prompt``, ``entry_point``, ``before`` (imports),
``setup``, ``tests``, ``nonce``, ``stop_at_first``. Writes lines to descriptor 3, each with the
nonce, which the answer is not told: printing "passed" or leaving early proves nothing. An answer
that is out to cheat can still find it, as it lives in the same interpreter.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

if __name__ != "__main__":  # in the sandbox both texts are one
    from evalkit.scorers.sandbox.reading import called_names, find_code

_VERDICT = 3
_PIECES = ("<imports>", "<answer>", "<setup>", "<test ")


def main() -> None:
    """Run the job; the last line told is ``done``."""
    job = json.load(sys.stdin)
    os.set_inheritable(_VERDICT, False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    tell = _teller(job["nonce"])
    tests = job["tests"]
    names = [job["entry_point"]] if job["entry_point"] else called_names(tests)
    program = find_code(job["answer"], job["prompt"], names)
    module = types.ModuleType("answer")
    # Dataclasses and pickle look their module up by name.
    sys.modules["answer"] = module
    steps = [("imports", job["before"]), ("answer", program), ("setup", job["setup"])]
    for name, source in steps:
        trouble = _run(name, source, module)
        if trouble:
            tell({"broken": name, "why": trouble})
            return
    for number, test in enumerate(tests, 1):
        trouble = _run(f"test {number}", test, module)
        tell({"test": number, "why": trouble})
        if trouble and job["stop_at_first"]:
            return
    tell({"done": len(tests)})


def _teller(nonce: str) -> Callable[[dict[str, Any]], None]:
    """What writes a line of the verdict, with what it needs in its own hands."""
    write, dumps = os.write, json.dumps

    def tell(line: dict[str, Any]) -> None:
        write(_VERDICT, dumps({"nonce": nonce, **line}).encode() + b"\n")

    return tell


def _run(name: str, source: str, module: types.ModuleType) -> str | None:
    """Run one piece; why it failed, or None."""
    place = f"<{name}>"
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    try:
        exec(compile(source, place, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:  # noqa: BLE001 - SystemExit and the like are failures, too
        return _told(error)
    return None


def _told(error: BaseException) -> str:
    """An error in one line: its type, its words, and the line of code it came from."""
    try:
        words = "".join(traceback.format_exception_only(type(error), error)).strip()
        words = words.splitlines()[-1][:300] if words else type(error).__name__
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(_PIECES)
        ]
        if isinstance(error, SyntaxError) and not frames:
            return f"{words} in line {error.lineno}: {(error.text or '').strip()[:160]}"
        if isinstance(error, AssertionError):
            frames = [frame for frame in frames if frame.filename.startswith("<test")] or frames
        if not frames:
            return words
        last = frames[-1]
        return f"{words} in {last.filename[1:-1]}, line {last.lineno}: {(last.line or '')[:160]}"
    except BaseException:  # noqa: BLE001 - an error may be made to raise when it is looked at
        return type(error).__name__


if __name__ == "__main__":
    main()
