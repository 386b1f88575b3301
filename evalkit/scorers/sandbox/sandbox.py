"""Runs code in a child process with limits, and says how it went and what it was kept in by."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Isolation = Literal["full", "partial", "limits"]

_HERE = Path(__file__).parent
_PACKAGES = str(_HERE.parents[2])
_START = (
    "import sys; sys.path.append({packages!r}); "
    "from evalkit.scorers.sandbox.supervisor import main; main()"
)
# For what a supervisor needs beside the code's own time: to start, to kill, to be scheduled.
_SLACK_S = 30.0
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    # A thread's own arena takes more addresses than a small answer may have.
    "MALLOC_ARENA_MAX": "1",
    # Numeric libraries otherwise start as many threads as there are cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What code may use, all its processes together; ``files_mb`` also bounds a single file."""

    timeout_s: float = 10.0
    memory_mb: int = 1024
    processes: int = 32
    files_mb: int = 64
    open_files: int = 64
    output_kb: int = 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """How code ended, and what it told.

    A wait ``status`` (None if it was made to end), why it was ``killed``; ``trouble`` says why it
    could not be run at all.
    """

    status: int | None = None
    killed: str | None = None
    told: str = ""
    trouble: str | None = None


def run_python(
    source: str, given: str, bounds: Bounds, *, isolation: Isolation, python: str | None = None
) -> Ending:
    """Run Python ``source`` with ``given`` as its standard input.

    It tells by writing to descriptor 3. Nothing of it is left when this returns: no process, no
    file. ``python`` is the interpreter (default: the one that runs evalkit). Blocks for at most
    ``bounds.timeout_s`` and what it takes to clean up.

    ``isolation``: ``full`` is namespaces with files, processes and a network of its own;
    ``partial`` is Landlock, which forbids your files and TCP; ``limits`` forbids neither.
    """
    interpreter = _absolute(python or sys.executable)
    read, lifeline = os.pipe()
    folder = tempfile.mkdtemp(prefix="evalkit-code-")
    job = {
        **asdict(bounds),
        "isolation": isolation,
        "folder": folder,
        "lifeline": read,
        "command": [interpreter, "-I", "-B", "-X", "utf8", "-c", source],
        "readable": _needed_by(interpreter),
        "env": _ENVIRONMENT,
        "input": given,
    }
    try:
        return _supervised(job, bounds.timeout_s + _SLACK_S)
    except OSError as error:
        return Ending(trouble=str(error))
    finally:
        for end in (read, lifeline):
            os.close(end)
        _remove(folder)


def _supervised(job: Mapping[str, Any], within_s: float) -> Ending:
    child = subprocess.Popen(
        [_absolute(sys.executable), "-I", "-S", "-B", "-c", _START.format(packages=_PACKAGES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=[job["lifeline"]],
        start_new_session=True,
    )
    with child:
        try:
            out, trouble = child.communicate(json.dumps(job).encode(), timeout=within_s)
        except subprocess.TimeoutExpired:
            child.kill()
            return Ending(killed=f"took longer than {job['timeout_s']:g} s")
        except BaseException:
            child.kill()
            raise
    if child.returncode < 0:
        return Ending(killed="killed its supervisor")
    if child.returncode:
        return Ending(trouble=trouble.decode(errors="replace").strip().splitlines()[-1][:300])
    return Ending(**json.loads(out))


def _absolute(interpreter: str) -> str:
    """A path that holds in any folder; links stay, as a virtual environment's python is one."""
    return os.path.abspath(interpreter)  # noqa: PTH100 - Path has nothing that keeps links


def _remove(folder: str) -> None:
    """Delete a folder, however deep it has become and whatever rights were taken from it."""
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", folder], stderr=subprocess.DEVNULL, check=False)


@functools.lru_cache(maxsize=8)
def _needed_by(interpreter: str) -> list[str]:
    """The folders an interpreter lives in, parents before what is in them."""
    if interpreter == _absolute(sys.executable):
        prefixes = [sys.prefix, sys.base_prefix]
    else:
        told = subprocess.run(
            [interpreter, "-I", "-c", "import sys; print(sys.prefix); print(sys.base_prefix)"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        prefixes = told.stdout.splitlines()
    real = str(Path(interpreter).resolve().parents[1])
    found = {*prefixes, *map(os.path.realpath, prefixes), real}
    return sorted(found - {"/", "/usr"}, key=len)


@functools.lru_cache(maxsize=8)
def find_isolation(python: str | None = None) -> tuple[Isolation | None, str]:
    """The best there is here, found by trying; None where even limits fail. And why no better."""
    troubles: list[str] = []
    for isolation in _LEVELS:
        ended = run_python(
            "import os; os.write(3, b'here')", "", Bounds(), isolation=isolation, python=python
        )
        if ended.told == "here":
            return isolation, "; ".join(troubles)
        troubles.append(ended.trouble or ended.killed or f"it ended with status {ended.status}")
    return None, "; ".join(troubles)


_LEVELS: tuple[Isolation, ...] = ("full", "partial", "limits")


# What judges an answer has its own copy of Python's names, and is in no module the answer can name.
_HARNESS = """
def load():
    import builtins
    space = {{"__name__": "__main__", "__builtins__": {{**vars(builtins)}}}}
    exec(compile({text!r}, "<harness>", "exec"), space)
    return space["begin"]()
load()()
"""


@functools.cache
def harness() -> str:
    """The text of the program that runs an answer and its tests."""
    names = ("reading.py", "guard.py", "harness.py")
    future = "from __future__ import annotations\n"
    texts = [(_HERE / name).read_text(encoding="utf-8") for name in names]
    return _HARNESS.format(text=future + "".join(texts).replace(future, ""))
