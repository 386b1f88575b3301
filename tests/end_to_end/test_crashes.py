"""Killed at any moment: what the server has seen is compared with what the run has kept."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from types import CodeType

import pytest
from end_to_end_shell import DATASET, KEY, SUITE, Shell
from servers import RunningServer, simulated_server

from evalkit.store import writer
from evalkit.store.runs import RunFolder, list_runs

CONCURRENCY = 4
DYING = Path(__file__).with_name("dying.py")
# Long enough for any machine: what must hold does not depend on how fast it comes about.
PATIENCE_S = 600

# Functions whose lines are places to die at, by what a run does meanwhile.
STARTING = ("prepare_run", "create_run", "RunLock.__init__", "RunWriter._sweep", "Journal.__init__")
GOING_ON = ("RunWriter._remove_sealed_twice", "RunFolder.finished", "read_journal", "Session.run")
SEALING = ("part", "RunWriter._seal_part", "write_atomically", "Journal.forget", "Journal._write")
ENDING = ("remove_journal", "RunWriter.close", "write_manifest", "write_atomically", "_finished")
OUTSIDE = "outside"  # killed by another process


@dataclass
class Kill:
    """Where a sitting dies: in a function, or from outside after so many requests or seconds.

    One that is to die in a function is killed from outside, too, if it gets past it.
    """

    place: str
    count: float = 0
    requests: int | None = None
    after_s: float = 0.0


@dataclass
class Watched:
    """A run that is killed again and again, and what must hold after each time."""

    shell: Shell
    server: RunningServer
    committed: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    seen: int = 0
    kills: int = 0

    @property
    def died_at(self) -> list[str]:
        log = self.shell.folder / "died.txt"
        return log.read_text().splitlines() if log.exists() else []

    def kill_once(self, kill: Kill) -> None:
        """Begin the run or go on with it, kill it, and look at what there is."""
        args = ("resume",) if self.runs() else ("run", "sums.yaml", "-y")
        at = {} if kill.place == OUTSIDE else {"DIE_AT": f"{kill.place}:{kill.count}"}
        errors = self.shell.folder / "errors.txt"
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, DYING, *args, "-j", str(CONCURRENCY)],
                cwd=self.shell.folder,
                env={**self.shell.environ, **at, "DIE_LOG": "died.txt"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        if kill.requests is not None:
            self.kill_from_outside(process, kill)
        code = process.wait(timeout=PATIENCE_S)
        assert code in (0, -signal.SIGKILL), errors.read_text()
        self.kills += code == -signal.SIGKILL
        self.check()

    def kill_from_outside(self, process: subprocess.Popen, kill: Kill) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and self.arrived() < self.seen + kill.requests:
            assert time.monotonic() < deadline, "the run does not get on"
            time.sleep(0.01)
        time.sleep(kill.after_s)
        if process.poll() is None:
            process.kill()

    def runs(self) -> list[RunFolder]:
        return list_runs(self.shell.folder / "runs")

    def arrived(self) -> int:
        return self.server.summary()["requests"]

    def requests(self) -> list[dict]:
        """All requests in the order of their arrival, when the last of them has ended.

        What a killed client had sent may still wait in a socket: the server must have answered
        several further questions before nothing new counts as nothing more.
        """
        deadline = time.monotonic() + PATIENCE_S
        looks: list[tuple[int, int]] = []
        while len(looks) < 4 or len(set(looks[-4:])) > 1 or looks[-1][1]:
            assert time.monotonic() < deadline, "the server still answers a killed client"
            summary = self.server.summary()
            looks.append((summary["requests"], summary["in_flight"]))
            time.sleep(0.02)
        return sorted(self.server.requests(None), key=lambda request: request["number"])

    def check(self) -> None:
        """Compare what the server has seen since the last look with what is stored now."""
        everything = self.requests()
        asked = [request for request in everything[self.seen :] if request["digest"]]
        self.seen = len(everything)
        if not self.runs():
            assert not asked
            return
        digest_of = {request["request_id"]: request["digest"] for request in everything}
        table = self.runs()[0].responses(["trial_key", "request_id"]).to_pydict()
        now = dict(zip(table["trial_key"], table["request_id"], strict=True))
        assert len(now) == len(table["trial_key"]), "a trial is there twice"
        kept = {key: now.get(key) for key in self.committed}
        assert kept == self.committed, "a committed answer was lost or replaced"
        answered = {digest_of[name] for name in self.committed.values()}
        assert not answered & {request["digest"] for request in asked}, "asked again"
        new = {now[key] for key in now.keys() - self.committed.keys()}
        assert new <= {request["request_id"] for request in asked if request["answered"]}
        in_flight = [request for request in asked if request["request_id"] not in new]
        assert len(in_flight) <= CONCURRENCY, f"more was lost than was in flight: {in_flight}"
        self.repeated += len(in_flight)
        self.committed = now

    def check_the_end(self) -> None:
        last = self.shell("resume", "--json")
        assert last.code == 0, last.err
        self.check()
        (run,) = self.runs()
        trials = last.json["trials"]
        assert last.json["status"] == "complete"
        assert trials["ok"] == trials["planned"] == len(self.committed)
        assert not list(run.path.glob("journal*")) and not list(run.path.rglob("*.tmp"))
        # Every request belongs to a stored answer, or was in flight when a kill came.
        asked = [request for request in self.requests() if request["digest"]]
        answers = {request["request_id"] for request in asked if request["answered"]}
        assert set(self.committed.values()) <= answers
        assert len({request["digest"] for request in asked}) == trials["planned"]
        assert len(asked) == trials["planned"] + self.repeated
        assert self.repeated <= self.kills * CONCURRENCY


def kills_of(chance: random.Random, places: tuple[str, ...]) -> Iterator[Kill]:
    """Sittings that die at these places or, at the latest, some requests on."""
    for place in cycle(places):
        requests = chance.randint(6, 18)
        if place == OUTSIDE:
            # A third of them before the first request.
            requests = chance.choice([0, requests, requests])
            yield Kill(place, 0, requests, chance.uniform(0, 0.05 if requests else 1.5))
        else:
            most = 0.01 if place == "part" else 40
            yield Kill(place, round(chance.uniform(0, 1) ** 2 * most, 4), requests)


def kill_many_times(folder: Path, n_cases: int, n_kills: int, seed: int) -> Watched:
    chance = random.Random(seed)
    with simulated_server("--answers", DATASET, "--api-key", KEY, "--latency", "0.03") as server:
        shell = Shell(folder, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY=KEY)
        shell.suite(SUITE.replace("limit: 10", f"limit: {n_cases}"))
        watched = Watched(shell, server)
        places = (*STARTING, OUTSIDE, *SEALING, OUTSIDE, *GOING_ON, OUTSIDE)
        n_ending = max(1, n_kills // 6)
        for kill in islice(kills_of(chance, places), 3 * n_kills):
            if watched.kills >= n_kills - n_ending:
                break
            watched.kill_once(kill)
        for place in islice(cycle(ENDING), 3 * n_ending):
            if watched.kills >= n_kills:
                break
            # With no kill from outside it gets to its end, where there are few lines to count.
            watched.kill_once(Kill(place, chance.randint(1, 9)))
        assert watched.kills >= n_kills
        watched.check_the_end()
    return watched


def test_the_places_to_die_at_are_functions_of_today():
    files = Path(writer.__file__).parents[1].rglob("*.py")
    names = {
        code.co_qualname
        for file in files
        for code in functions_in(compile(file.read_text(), file, "exec"))
    }
    assert {*STARTING, *GOING_ON, *SEALING, *ENDING} - {"part"} <= names


def functions_in(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from functions_in(inner)


def test_killed_at_random_moments_nothing_is_lost_or_asked_again(tmp_path):
    kill_many_times(tmp_path, n_cases=12, n_kills=5, seed=11)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_killed_sixty_times_nothing_is_lost_or_asked_again(tmp_path, seed):
    watched = kill_many_times(tmp_path, n_cases=150, n_kills=60, seed=seed)
    died_at = set(watched.died_at)
    for places in (STARTING, SEALING, ENDING):
        assert len(died_at & set(places)) >= 2, died_at
