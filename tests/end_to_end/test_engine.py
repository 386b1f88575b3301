"""Pace, live state and logs, through the real command line."""

from __future__ import annotations

import json
import time

import pytest
from end_to_end_shell import DATASET, KEY, SUITE, Shell
from servers import simulated_server


@pytest.mark.parametrize("told", [True, False])
def test_a_rate_limit_is_used_and_not_overstepped(tmp_path, told):
    limits = ["--requests-per-minute", "900", "--burst", "15", "--latency", "0.05"]
    with simulated_server("--answers", DATASET, *limits) as server:
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY="k")
        args = ["--set", "limits.requests_per_minute=900"] if told else []
        started = time.monotonic()
        done = shell("run", shell.suite(), "-y", "-j", "50", "--json", *args)
        took_s = time.monotonic() - started
        assert done.json["trials"] == {"planned": 60, "ok": 60, "failed": 0, "cached": 0}
        assert server.summary()["statuses"] == {"200": 60}
        # 60 requests at 15 a second, 15 of them at once: three seconds, and start-up.
        assert took_s > 3.0


def wait_for_live(shell: Shell) -> dict:
    deadline = time.monotonic() + 60
    while True:
        status = shell("status", "--json")
        if status.code == 0 and status.json["live"] and status.json["live"]["done"] > 0:
            return status.json
        assert time.monotonic() < deadline, status.err
        time.sleep(0.2)


@pytest.mark.slow
def test_a_run_is_watched_paused_slowed_and_continued_from_another_shell(tmp_path):
    with simulated_server("--answers", DATASET, "--latency", "0.4") as server:
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY="k")
        suite = shell.suite(SUITE.replace("limit: 10", "limit: 40"))
        process = shell.start("run", suite, "-y", "-j", "6", "--progress", "json")
        seen = wait_for_live(shell)
        assert seen["status"] == "running"
        assert seen["writer"].startswith(f"process {process.pid} on ")
        live = seen["live"]
        assert (live["planned"], live["limit"]) == (240, 6)
        assert len(live["variants"]) == 6
        assert live["spent_usd"] > 0

        assert shell("status", "--pause").code == 0
        time.sleep(1.5)
        paused = shell("status", "--json").json["live"]
        assert paused["is_paused"] and paused["in_flight"] == 0
        asked = server.summary()["requests"]
        time.sleep(1.0)
        assert server.summary()["requests"] == asked

        assert shell("status", "--continue", "-j", "2").code == 0
        time.sleep(1.5)
        slow = shell("status", "--json").json["live"]
        assert not slow["is_paused"]
        assert slow["limit"] == 2 >= slow["in_flight"]
        assert shell("status", "-j", "60").code == 0
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert server.summary()["answered"] == 240

        events = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        kinds = [event["event"] for event in events]
        assert kinds[0] == "started"
        assert kinds.count("trial") == 240
        snapshots = [event for event in events if event["event"] == "snapshot"]
        assert max(event["in_flight"] for event in snapshots) > 20  # it began with six
        last = snapshots[-1]
        assert last["done"] == last["planned"] == 240

        after = shell("status", "--json").json
        assert (after["status"], after["live"], after["writer"]) == ("complete", None, None)
        assert shell("status", "--pause").code == 2


def test_the_log_holds_every_attempt_but_no_key_and_no_prompt(shell):
    done = shell("run", shell.suite(), "-y", "-n", "2", "--log-file", "run.log", "-v")
    assert done.code == 0
    assert "longest stall of the event loop" in done.err
    text = (shell.folder / "run.log").read_text()
    events = [json.loads(line) for line in text.splitlines()]
    trials = [event for event in events if event["event"] == "trial"]
    assert len(trials) == 12
    assert all(event["attempts"][0]["status"] == 200 for event in trials)
    question = json.loads(DATASET.read_text().splitlines()[0])["question"]
    assert KEY not in text
    assert question not in text
    shell("run", shell.suite(), "-y", "-n", "1", "--log-file", "full.log", "--log-prompts")
    assert question in (shell.folder / "full.log").read_text()
