"""Judges from the command line: killed, interrupted, capped, refused; nothing asked twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end_shell import DATASET, KEY, Shell
from servers import RunningServer, simulated_server
from test_crashes import DYING

from evalkit.store.judges import judge_store
from evalkit.store.runs import RunFolder, list_runs

pytestmark = pytest.mark.slow

JUDGE = "claude-sonnet-4-6"
SUITE = f"""\
name: judged
dataset: {{path: {DATASET}, id: id, target: answer, limit: 12}}
prompts:
  plain: "{{{{ question }}}}"
  number: {{system: Answer with a single number., user: "{{{{ question }}}}"}}
models: [claude-haiku-4-5]
answer_tokens: 64
scorers:
  - number
  - type: judge
    name: clarity
    model: {JUDGE}
    rubric: Is it clear?
    structure: text
    votes: 2
    max_tokens: 128
retries: {{attempts: 3, within_s: 20}}
"""
FAST = {"EVALKIT_PROGRESS": "none"}


@pytest.fixture(scope="module")
def slow_server() -> Iterator[RunningServer]:
    with simulated_server("--answers", DATASET, "--api-key", KEY, "--latency", "0.05") as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, slow_server: RunningServer) -> Shell:
    slow_server.reset()
    slow_server.log_path.write_text("")
    shell = Shell(tmp_path, ANTHROPIC_BASE_URL=slow_server.base_url, ANTHROPIC_API_KEY=KEY, **FAST)
    shell.suite(SUITE, "judged.yaml")
    return shell


def only_run(shell: Shell) -> RunFolder:
    (run,) = list_runs(shell.folder / "runs")
    return run


def verdicts(shell: Shell) -> dict[str, str]:
    """What is stored of the judge: request ids by question."""
    table = judge_store(only_run(shell), "clarity").responses(["trial_key", "request_id"])
    found = table.to_pydict()
    assert len(set(found["trial_key"])) == table.num_rows
    return dict(zip(found["trial_key"], found["request_id"], strict=True))


def asked(server: RunningServer, model: str = JUDGE) -> list[dict]:
    deadline = time.monotonic() + 10
    while True:
        found, summary = server.requests(), server.summary()
        if len(found) == summary["requests"] or time.monotonic() > deadline:
            return [one for one in found if one["model"] == model]
        time.sleep(0.02)


# Functions whose lines are places to die at while a judge is at work, and how many of them.
PLACES = {
    "Sitting.run": 16,
    "Sitting._ask": 20,
    "Journal._write": 60,
    "RunWriter._seal_part": 40,
    "RunWriter.close": 20,
    "write_atomically": 60,
    "write_verdicts": 2,
}


def kill_judging(shell: Shell, server: RunningServer, chance: random.Random) -> bool:
    """Go on with the run and kill it somewhere in its judging: at a line, or from outside."""
    waits = chance.random() < 0.4
    place = chance.choice(list(PLACES))
    point = "" if waits else f"{place}:{chance.randint(1, PLACES[place])}"
    seen = server.summary()["requests"]
    process = subprocess.Popen(
        [sys.executable, DYING, "resume", "-j", "4"],
        cwd=shell.folder,
        env={**shell.environ, "DIE_AT": point, "DIE_LOG": "died.txt"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while waits and process.poll() is None:
        if server.summary()["requests"] > seen:
            time.sleep(chance.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        time.sleep(0.01)
    return process.wait(timeout=120) == -signal.SIGKILL


def kill_many_times(shell: Shell, server: RunningServer, n_kills: int, seed: int) -> None:
    first = shell("run", "judged.yaml", "-y", "--no-judges")
    assert first.code == 0, first.err
    assert not asked(server)
    server.reset()
    server.log_path.write_text("")
    chance, kills, known = random.Random(seed), 0, {}
    for _ in range(3 * n_kills):
        kills += kill_judging(shell, server, chance)
        now = verdicts(shell)
        assert {key: now.get(key) for key in known} == known
        known = now
        if kills >= n_kills:
            break
    last = shell("resume", "--json")
    assert last.code == 0, last.err
    assert last.json["status"] == "complete"
    now = verdicts(shell)
    assert {key: now.get(key) for key in known} == known
    requests = asked(server)
    # Every stored verdict is one the server gave; what was asked twice was in flight at a kill.
    answered = {one["request_id"] for one in requests if one["answered"]}
    assert set(now.values()) <= answered
    assert len(requests) - len(now) <= kills * 4
    # No committed question was asked again: the kept verdict is the last of its draws.
    times = Counter(one["digest"] for one in requests)
    kept = Counter(one["digest"] for one in requests if one["request_id"] in set(now.values()))
    assert set(times) == set(kept)
    judge = last.json["judges"]["clarity"]
    assert judge["ok"] == judge["questions"]
    scores = only_run(shell).scores("clarity")
    assert scores is not None
    assert scores["value"].null_count == 0


def test_a_killed_judge_goes_on_and_asks_no_committed_question_again(
    shell: Shell, slow_server: RunningServer
) -> None:
    kill_many_times(shell, slow_server, n_kills=2, seed=3)


def test_a_judge_killed_fifteen_times_asks_no_committed_question_again(
    shell: Shell, slow_server: RunningServer
) -> None:
    shell.suite(SUITE.replace("limit: 12", "limit: 60"), "judged.yaml")
    kill_many_times(shell, slow_server, n_kills=15, seed=8)


def test_a_run_judges_by_itself_and_scoring_again_asks_nothing(
    shell: Shell, slow_server: RunningServer
) -> None:
    whole = shell("run", "judged.yaml", "-y", "--json")
    assert whole.code == 0, whole.err
    judge = whole.json["judges"]["clarity"]
    assert judge["questions"] == judge["ok"]
    assert judge["cost_usd"] > 0
    assert whole.json["judges_cost_usd"] == judge["cost_usd"]
    assert all("clarity" in one["scores"] for one in whole.json["variants"])
    before = asked(slow_server)
    # Equal answers to one case are one question, votes are draws of it.
    assert len({one["digest"] for one in before}) * 2 >= judge["questions"]
    again = shell("score", ANTHROPIC_API_KEY="")
    assert (again.code, asked(slow_server)) == (0, before)
    assert "clarity: 24 of 24 answers graded" in again.out


def test_ctrl_c_while_judging_keeps_what_was_said(shell: Shell, slow_server: RunningServer) -> None:
    process = shell.start("run", "judged.yaml", "-y", "-j", "2", "--json")
    deadline = time.monotonic() + 30
    while not asked_now(slow_server):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    document = json.loads(out)
    assert document["status"] == "interrupted"
    judge = document["judges"]["clarity"]
    assert 0 < judge["ok"] < judge["questions"]
    assert "evalkit resume" in err
    known = verdicts(shell)
    last = shell("resume", "--json")
    assert (last.code, last.json["status"]) == (0, "complete")
    assert known.items() <= verdicts(shell).items()
    assert len(asked(slow_server)) == len(verdicts(shell))


def asked_now(server: RunningServer) -> bool:
    return any(one["model"] == JUDGE for one in server.requests())


def test_a_judge_whose_key_is_missing_or_refused(shell: Shell) -> None:
    named = f"{{name: other, model: {JUDGE}, api_key_env: JUDGE_KEY}}"
    shell.suite(SUITE.replace(f"model: {JUDGE}", f"model: {named}"), "judged.yaml")
    missing = shell("run", "judged.yaml", "-y")
    assert missing.code == 2
    assert "JUDGE_KEY is not set" in missing.err
    assert not list_runs(shell.folder / "runs")
    refused = shell("run", "judged.yaml", "-y", "--json", JUDGE_KEY="wrong")
    assert refused.code == 3
    assert refused.json["trials"]["ok"] == 24
    assert refused.json["judges"]["clarity"]["ok"] == 0
    assert "wrong" not in refused.err
    scores = only_run(shell).scores("clarity")
    assert scores is not None
    assert set(scores["value"].to_pylist()) == {None}
    assert set(scores["reason"].to_pylist()) == {"not judged yet"}
