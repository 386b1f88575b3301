"""Things go wrong: what is told, with which exit code, and that nothing paid for is lost."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from end_to_end_shell import DATASET, KEY, SUITE, Shell
from servers import RunningServer, simulated_server


@pytest.fixture(scope="module")
def slow_server():
    with simulated_server("--answers", DATASET, "--api-key", KEY, "--latency", "0.2") as running:
        yield running


@pytest.fixture
def slow(tmp_path: Path, slow_server: RunningServer) -> Shell:
    slow_server.reset()
    return Shell(tmp_path, ANTHROPIC_BASE_URL=slow_server.base_url, ANTHROPIC_API_KEY=KEY)


def wait_for_answers(server: RunningServer, count: int) -> None:
    deadline = time.monotonic() + 60
    while server.summary()["answered"] < count:
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.05)


def stored(shell: Shell) -> pd.DataFrame:
    parts = sorted((shell.folder / "runs").rglob("part-*.parquet"))
    return pd.concat(map(pd.read_parquet, parts))


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_interrupted_once_it_finishes_what_is_in_flight(slow, slow_server, number):
    process = slow.start("run", slow.suite(), "-y", "-j", "4", "--progress", "plain")
    wait_for_answers(slow_server, 8)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    summary = slow_server.summary()
    assert summary["aborted"] == 0
    assert f"{summary['answered']} of 60 answered" in err
    assert "Next:   evalkit resume runs/sums/" in err
    rest = slow("resume", "--json")
    assert rest.code == 0, rest.err
    assert rest.json["trials"]["ok"] == 60
    assert slow_server.summary()["duplicates"] == 0
    assert stored(slow).trial_key.is_unique


def test_interrupted_twice_it_stops_at_once_and_keeps_what_came(slow, slow_server):
    process = slow.start("run", slow.suite(), "-y", "-j", "4")
    wait_for_answers(slow_server, 8)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    rest = slow("resume", "--json")
    assert rest.json["trials"]["ok"] == 60
    assert slow_server.summary()["duplicates"] == 0


def test_a_second_writer_is_told_who_holds_the_run(slow, slow_server):
    process = slow.start("run", slow.suite(), "-y", "-j", "2")
    wait_for_answers(slow_server, 2)
    second = slow("resume")
    assert second.code == 2
    assert f"being written by process {process.pid}" in second.err
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)


def test_a_refused_key_stops_the_run_and_says_what_to_do(shell, server):
    done = shell("run", shell.suite(), "-y", "--json", ANTHROPIC_API_KEY="sk-wrong-9d1")
    assert done.code == 3
    assert done.json["status"] == "stopped"
    assert done.json["trials"]["ok"] == 0
    assert server.summary()["answered"] == 0
    # One at most for each worker: no retries of what cannot succeed.
    assert server.summary()["requests"] <= 32
    assert "sk-wrong-9d1" not in done.err + done.out
    assert "Traceback" not in done.err
    rest = shell("resume", "--json")
    assert (rest.code, rest.json["trials"]["ok"]) == (0, 60)


def test_an_unknown_model_stops_the_run(shell):
    done = shell(
        "run",
        shell.suite(SUITE.replace("claude-haiku-4-5", "claude-haiku-9")),
        "-y",
        "--set",
        "thinking=[off]",
    )
    assert done.code == 3
    assert "claude-haiku-9" in done.err


def test_a_server_that_is_not_there(shell):
    done = shell(
        "run",
        shell.suite(),
        "-y",
        "-n",
        "1",
        "--set",
        "retries.within_s=2",
        "--json",
        ANTHROPIC_BASE_URL="http://127.0.0.1:9",
    )
    assert done.code == 3
    assert done.json["trials"]["failed"] == 6
    assert "6 connection" in done.err
    assert "--retry-failed" in done.err


def test_passing_faults_are_retried_and_recorded(tmp_path):
    faults = ["--fault", "500=0.1", "--fault", "529=0.1", "--fault", "cut=0.1"]
    with simulated_server("--answers", DATASET, *faults, "--seed", "3") as server:
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY="k")
        done = shell("run", shell.suite(), "-y", "--json", "--set", "retries.attempts=9")
        assert done.code == 0, done.err
        assert done.json["trials"]["ok"] == 60
        frame = stored(shell)
        attempts = frame.attempts.explode().apply(pd.Series)
        assert len(attempts) == server.summary()["requests"] > 60
        assert {"server_error", "overloaded", "stream_cut"} <= set(attempts.error_kind.dropna())
        assert (frame.backoff_s > 0).sum() > 0


def test_a_failed_trial_is_asked_again_only_when_told_to(tmp_path):
    with simulated_server("--answers", DATASET, "--fault", "500=0.5", "--seed", "3") as server:
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY="k")
        first = shell("run", shell.suite(), "-y", "--json", "--set", "retries.attempts=1")
        failed = first.json["trials"]["failed"]
        assert first.code == 3
        assert 10 < failed < 50
        asked = server.summary()["requests"]
        assert shell("resume").code == 3
        assert server.summary()["requests"] == asked
        again = shell("resume", "--retry-failed", "--json")
        assert server.summary()["requests"] == asked + failed
        assert again.json["trials"]["ok"] > first.json["trials"]["ok"]
        assert stored(shell).trial_key.is_unique


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("claude-haiku-4-5", "claude-sonnet-5-5"), "sums.yaml:7: thinking.1: claude-sonnet-5-5"),
        (("question", "questoin"), "the prompt uses 'questoin', which no row has"),
        (("number, exact", "numbr"), "no scorer is called 'numbr'; did you mean 'number'?"),
        (("target: answer, ", ""), "'number' needs a target"),
        ((str(DATASET), "nowhere.jsonl"), "nowhere.jsonl: no such file"),
        (("id: id", "id: key"), "no column 'key'"),
    ],
)
def test_a_suite_that_cannot_work_sends_nothing(shell, server, change, told):
    done = shell.inside("run", shell.suite(SUITE.replace(*change)), "-y")
    assert done.code == 2
    assert told in done.err
    assert server.summary()["requests"] == 0
    assert not list((shell.folder).glob("runs/*/*"))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("run",), "no suite was given"),
        (("run", "none.yaml"), "none.yaml: no such file"),
        (("rnu",), "Did you mean 'run'?"),
        (("resume",), "no run 'latest'"),
        (("compare", "nothing"), "no run 'nothing'"),
        (("run", "sums.yaml", "--limit", "0"), "--limit"),
        (("run", "sums.yaml", "--only", "zzz"), "matches no variant"),
        (("run", "sums.yaml", "--set", "x"), "is not path=value"),
    ],
)
def test_wrong_use_is_exit_code_2_without_a_traceback(shell, args, told):
    shell.suite()
    done = shell.inside(*args)
    assert done.code == 2
    assert told in done.err


def test_without_a_key_nothing_starts(shell, server):
    done = shell.inside("run", shell.suite(), "-y", ANTHROPIC_API_KEY="")
    assert done.code == 2
    assert "ANTHROPIC_API_KEY is not set" in done.err
    assert server.summary()["requests"] == 0


@pytest.mark.slow
def test_a_run_is_not_continued_at_another_server(slow, slow_server):
    process = slow.start("run", slow.suite(), "-y", "-j", "2")
    wait_for_answers(slow_server, 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    done = slow.inside("resume", ANTHROPIC_BASE_URL="http://gateway.example")
    assert done.code == 2
    assert "would now be asked at gateway.example" in done.err
