"""Killed at any moment: what the server has seen is compared with what the run has kept."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from end_to_end_shell import DATASET, KEY, SUITE, Shell
from servers import RunningServer, simulated_server

from evalkit.store.runs import RunFolder, list_runs

CONCURRENCY = 4
# The real command line with small parts, which dies by itself at a named point.
PROGRAM = """
import os, signal
from pathlib import Path
from evalkit.store import writer
from evalkit.store.journal import Journal
from evalkit.cli.main import main

writer.SEAL_ROWS = 7
point, _, number = os.environ.get("DIE_AT", "").partition(":")
left = int(number or 0)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def deadly(function, before, after):
    def call(*args, **kwargs):
        global left
        if point not in (before, after):
            return function(*args, **kwargs)
        left -= 1
        if left == 0 and point == before:
            die()
        result = function(*args, **kwargs)
        if left == 0:
            die()
        return result
    return call

Path.replace = deadly(Path.replace, "before-rename", "after-rename")
Journal.commit = deadly(Journal.commit, "before-commit", "after-commit")
Journal.forget = deadly(Journal.forget, "before-forget", "after-forget")
os.fsync = deadly(os.fsync, "before-fsync", "after-fsync")
main()
"""
POINTS = [
    f"{when}-{what}"
    for what in ("rename", "commit", "forget", "fsync")
    for when in ("before", "after")
]


@dataclass
class Watched:
    """A run that is killed again and again, and what must hold after each time."""

    shell: Shell
    server: RunningServer
    chance: random.Random
    known: dict[str, str] = field(default_factory=dict)
    kills: int = 0

    def kill_once(self) -> bool:
        """Go on with the run and kill it; False if it was over before."""
        args = [*(("resume",) if self.runs() else ("run", "sums.yaml", "-y")), "-j", "4"]
        point = f"{self.chance.choice(POINTS)}:{self.chance.randint(1, 8)}"
        waits = self.chance.random() < 0.5
        seen = len(self.requests())
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *args],
            cwd=self.shell.folder,
            env={**self.shell.environ, "DIE_AT": "" if waits else point},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if waits:
            self.kill_at_some_moment(process, seen)
        code = process.wait(timeout=60)
        self.kills += code == -signal.SIGKILL
        self.check_nothing_lost_or_repeated()
        return code == -signal.SIGKILL

    def kill_at_some_moment(self, process: subprocess.Popen, seen: int) -> None:
        """During start-up, or some time after its first request."""
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0, 1.0))
        else:
            deadline = time.monotonic() + 30
            while process.poll() is None and self.server.summary()["requests"] <= seen:
                assert time.monotonic() < deadline, "the run does not get on"
                time.sleep(0.01)
            time.sleep(self.chance.uniform(0, 0.4))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)

    def runs(self) -> list[RunFolder]:
        return list_runs(self.shell.folder / "runs")

    def requests(self) -> list[dict]:
        deadline = time.monotonic() + 10
        while True:  # the server notices a client's end a moment later
            summary, found = self.server.summary(), self.server.requests()
            if len(found) == summary["requests"] or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def check_nothing_lost_or_repeated(self) -> None:
        """Whatever was found committed before is there still, with the very same answer."""
        if not self.runs():
            return
        table = self.runs()[0].responses(["trial_key", "request_id"]).to_pydict()
        now = dict(zip(table["trial_key"], table["request_id"], strict=True))
        assert len(now) == len(table["trial_key"])
        assert {key: now.get(key) for key in self.known} == self.known
        self.known = now

    def check_the_end(self) -> None:
        last = self.shell("resume", "--json")
        assert last.code == 0, last.err
        (run,) = self.runs()
        assert last.json["status"] == "complete"
        assert last.json["trials"]["ok"] == last.json["trials"]["planned"] == self.planned
        self.check_nothing_lost_or_repeated()
        assert len(self.known) == self.planned
        assert not list(run.path.glob("journal*"))
        requests = self.requests()
        ended = {request["request_id"]: request for request in requests}
        asked = [request["digest"] for request in requests]
        # Every answer is one the server gave, and each to a request of its own.
        assert all(ended[name]["answered"] for name in self.known.values())
        assert len({ended[name]["digest"] for name in self.known.values()}) == self.planned
        assert set(asked) == {ended[name]["digest"] for name in self.known.values()}
        # What was asked more than once was in flight when a kill came.
        assert len(asked) - self.planned <= self.kills * CONCURRENCY
        # Nothing was asked again once its answer was committed: the kept answer is the last one.
        latest = {request["digest"]: request for request in sorted(requests, key=arrival)}
        assert {latest[ended[name]["digest"]]["request_id"] for name in self.known.values()} == set(
            self.known.values()
        )

    @property
    def planned(self) -> int:
        (run,) = self.runs()
        return run.manifest().planned


def arrival(request: dict) -> int:
    return request["number"]


def kill_many_times(folder: Path, n_cases: int, n_kills: int, seed: int) -> None:
    with simulated_server("--answers", DATASET, "--api-key", KEY, "--latency", "0.03") as server:
        shell = Shell(folder, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY=KEY)
        shell.suite(SUITE.replace("limit: 10", f"limit: {n_cases}"))
        watched = Watched(shell, server, random.Random(seed))
        for _ in range(3 * n_kills):
            if watched.kills >= n_kills:
                break
            watched.kill_once()
        assert watched.kills >= n_kills, json.dumps(server.summary())
        watched.check_the_end()


def test_killed_at_random_moments_nothing_is_lost_or_asked_again(tmp_path):
    kill_many_times(tmp_path, n_cases=40, n_kills=8, seed=11)


@pytest.mark.slow
def test_killed_sixty_times_nothing_is_lost_or_asked_again(tmp_path):
    kill_many_times(tmp_path, n_cases=200, n_kills=60, seed=5)
