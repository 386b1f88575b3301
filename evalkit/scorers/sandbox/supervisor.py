"""The process between evalkit and the code it runs: sets limits, watches, leaves nothing behind.

``main`` reads a job from standard input, as JSON, and writes what became of it to standard output.
It is started for one job, with the standard library alone. Its child, the keeper, starts the code.
With fences (``full``) the keeper is process 1 of a world of its own: when it ends, the kernel kills
whatever is left in there. Without, orphans become children of the supervisor, which kills them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from evalkit.scorers.sandbox import fences
from evalkit.scorers.sandbox.keeper import keep

_TICK_S = 0.03
_GRACE_S = 5.0
_MOST_TOLD = 65_536


def main() -> None:
    """Run one job: what the code told, how it ended, or what kept it from running."""
    job = json.load(sys.stdin)
    os.set_inheritable(job["lifeline"], False)
    try:
        told = _Watch(job).finish()
    except OSError as error:
        told = {"trouble": str(error)}
    sys.stdout.write(json.dumps(told))


class _Watch:
    """A job under way. ``lifeline`` is a pipe that closes when evalkit ends."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._told = b""
        self._written = 0
        self._killed: str | None = None
        if fences.is_linux():
            fences.adopt_orphans()
        self._uid = _free_uid(job)
        verdict, verdict_in = os.pipe()
        output, output_in = os.pipe()
        self._ended, ended_in = os.pipe()
        self._pipes = {verdict: self._hear, output: self._count}
        if job["isolation"] == "full":
            fences.leave_network_and_processes()
        self._keeper = os.fork()
        if self._keeper == 0:
            keep(job, self._uid, verdict_in, output_in, ended_in)
        for end in (verdict_in, output_in, ended_in):
            os.close(end)

    def finish(self) -> dict[str, Any]:
        """Watch until the code ends or goes too far; then nothing of it is left."""
        timeout_s, lifeline = self._job["timeout_s"], self._job["lifeline"]
        deadline_s = time.monotonic() + timeout_s
        ended = ""
        while self._killed is None and not ended:
            ready, _, _ = select.select([*self._pipes, self._ended, lifeline], [], [], _TICK_S)
            for pipe in [pipe for pipe in ready if pipe in self._pipes]:
                self._read(pipe)
            if self._ended in ready:
                ended = os.read(self._ended, 1000).decode(errors="replace") or "keeper killed"
            elif lifeline in ready:
                self._killed = "evalkit ended"
            elif time.monotonic() > deadline_s:
                self._killed = f"took longer than {timeout_s:g} s"
            else:
                self._look()
        self._end()
        while sum(self._read(pipe) for pipe in list(self._pipes)):
            pass
        kind, _, rest = ended.partition(" ")
        if kind == "trouble":
            return {"trouble": rest}
        return {
            "status": int(rest) if kind == "status" else None,
            "killed": self._killed or ("killed its keeper" if kind == "keeper" else None),
            "told": self._told.decode(errors="replace"),
        }

    def _read(self, pipe: int) -> int:
        """Take in what a pipe has now; 0 once it is closed or empty."""
        if not select.select([pipe], [], [], 0)[0]:
            return 0
        data = os.read(pipe, 65_536)
        if data:
            self._pipes[pipe](data)
        else:
            del self._pipes[pipe]
        return len(data)

    def _hear(self, data: bytes) -> None:
        self._told += data
        if len(self._told) > _MOST_TOLD:
            self._told = self._told[:_MOST_TOLD]
            self._killed = self._killed or "told more than its tests have to tell"

    def _count(self, data: bytes) -> None:
        self._written += len(data)
        if self._written > self._job["output_kb"] * 1024:
            self._killed = self._killed or f"wrote more than {self._job['output_kb']} kB"

    def _look(self) -> None:
        """Hold the code and all it has started to what they may use together."""
        if not fences.is_linux():
            return
        found = [pid for pid in fences.family(os.getpid())[1:] if pid != self._keeper]
        if len(found) > self._job["processes"]:
            self._killed = f"had more than {self._job['processes']} processes"
        elif fences.resident_bytes(found) > self._job["memory_mb"] * 1024 * 1024:
            self._killed = f"used more than {self._job['memory_mb']} MB"

    def _end(self) -> None:
        """Kill everything that is left, and wait until it is gone."""
        deadline_s = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline_s:
            _kill(os.kill, self._keeper)
            for pid in fences.family(os.getpid())[1:] if fences.is_linux() else ():
                _kill(os.kill, pid)
            if not fences.is_linux():
                _kill(os.killpg, self._keeper)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.001)


def _kill(kill: Callable[[int, int], None], pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        kill(pid, signal.SIGKILL)


def _free_uid(job: Mapping[str, Any]) -> int | None:
    """The id of a user who may do nothing; None where there is no right to become it.

    Raises OSError rather than let code run as root with nothing around it.
    """
    if os.getuid() != 0 or not fences.is_linux():
        return None
    uid = fences.stranger()
    if job["isolation"] == "full":
        return uid
    child = os.fork()
    if child == 0:
        try:
            fences.become(uid)
            os._exit(0 if all(os.access(path, os.R_OK) for path in job["readable"]) else 1)
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError("code would run as root without fences; start evalkit as another user")
    return uid
