"""The keeper's life: enter the fenced world, become the code's parent, tell how it ended."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from evalkit.scorers.sandbox import fences, landlock

_MB = 1024 * 1024


def keep(
    job: Mapping[str, Any], uid: int | None, verdict: int, output: int, ended: int
) -> NoReturn:
    """Start the code and wait for it; never returns.

    ``verdict`` and ``output`` are pipes the code gets; ``ended`` hears ``status N`` (a wait
    status) or ``trouble WORDS`` if the code could not be started.
    """
    try:
        if fences.is_linux():
            fences.die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if job["isolation"] == "full":
            fences.enter_own_files(job["folder"], job["readable"], job["files_mb"] * _MB)
        else:
            os.setsid()
            os.chdir(job["folder"])
        code = os.fork()
        if code == 0:
            _become_code(job, uid, verdict, output)
        os.close(verdict)
        os.close(output)
        pid, status = os.wait()
        while pid != code:
            pid, status = os.wait()
        os.write(ended, f"status {status}".encode())
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - nothing may go on in the parent's code
        os.write(ended, f"trouble {type(error).__name__}: {error}".encode()[:900])
    finally:
        os._exit(1)


def _become_code(job: Mapping[str, Any], uid: int | None, verdict: int, output: int) -> NoReturn:
    """Turn this process into the interpreter that runs the code; everything else is closed."""
    os.setsid()
    home = str(Path.cwd())
    if uid is not None and job["isolation"] != "full":
        os.chown(home, uid, uid)
    given = os.open("input", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    Path("input").unlink()
    with open(given, "wb", closefd=False) as file:
        file.write(job["input"].encode("utf-8", "replace"))
    os.lseek(given, 0, os.SEEK_SET)
    for here, there in ((given, 0), (output, 1), (output, 2), (verdict, 3)):
        os.dup2(here, there)
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    _set_limits(job, uid)
    temporary = "/tmp" if job["isolation"] == "full" else home
    env = {**job["env"], "HOME": home, "TMPDIR": temporary}
    os.execve(job["command"][0], job["command"], env)


def _set_limits(job: Mapping[str, Any], uid: int | None) -> None:
    fences.limit(resource.RLIMIT_CPU, int(job["timeout_s"]) + 1)
    fences.limit(resource.RLIMIT_AS, job["memory_mb"] * _MB)
    fences.limit(resource.RLIMIT_FSIZE, job["files_mb"] * _MB)
    fences.limit(resource.RLIMIT_NOFILE, job["open_files"])
    fences.limit(resource.RLIMIT_CORE, 0)
    if uid is not None:
        fences.become(uid)
    # Without a user id of its own the code's processes are counted with all of this user's.
    is_alone = uid is not None or job["isolation"] == "full"
    others = 0 if is_alone else fences.count_tasks(os.getuid())
    # A few more than the supervisor lets live, so that it sees them and says so.
    fences.limit(resource.RLIMIT_NPROC, others + job["processes"] + 4)
    if fences.is_linux():
        fences.gain_no_privileges()
    if job["isolation"] == "partial":
        devices = [f"/dev/{name}" for name in fences.DEVICES]
        landlock.restrict(str(Path.cwd()), [*fences.SYSTEM, *job["readable"]], devices)
