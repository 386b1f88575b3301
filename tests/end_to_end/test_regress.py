"""Nights of a regression job on the simulated server: every exit code, crashes, two at once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from end_to_end_shell import KEY, Finished, Shell
from servers import RunningServer, simulated_server

from evalkit.cli.main import main
from evalkit.pipeline.regression.collecting import Collection, begun
from evalkit.store.runs import list_runs
from evalkit.suite.load import load_suite

ROWS = 240
SUITE = """\
name: sums
dataset: {path: rows.jsonl, id: id, target: answer, tags: [kind]}
prompts: {plain: "{{ question }} Only the number."}
models: [claude-haiku-4-5]
thinking: ['off']
answer_tokens: 64
scorers: [number]
limits: {concurrency: 8}
gate:
  baseline: nightly
  rules: [{scorer: number, max_drop: 0.05}, {metric: failed, max: 0.02}]
"""
OPTIONS = ("--gain", "0", "--consistency", "1.0", "--api-key", KEY)


@dataclass
class Home:
    """A folder with a suite and its bank, and the command line in it, in this process."""

    folder: Path
    run: Callable[..., Finished]

    def jobs(self) -> list[dict]:
        """What jobs have made, oldest first."""
        found = [json.loads((run.path / "job.json").read_text()) for run in self.runs()]
        return [job for job in found if job["kind"] == "regress"]

    def runs(self) -> list:
        """All runs, oldest first."""
        return list_runs(self.folder / "runs")

    def pages(self) -> Path:
        """The pages of the newest run."""
        return self.folder / "reports" / "sums" / self.runs()[-1].path.name


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "rows.jsonl").open("w") as file:
        for i in range(ROWS):
            row = {"id": f"c{i:03}", "question": f"Case {i}: {i} + {i}?", "answer": str(2 * i)}
            file.write(json.dumps({**row, "kind": "even" if i % 2 == 0 else "odd"}) + "\n")
    return folder / "rows.jsonl"


@pytest.fixture(scope="module")
def good(rows: Path) -> Iterator[RunningServer]:
    with simulated_server("--answers", rows, "--skill", "0.85", *OPTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def bad(rows: Path) -> Iterator[RunningServer]:
    with simulated_server("--answers", rows, "--skill", "0.75", *OPTIONS) as running:
        yield running


def in_process(folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(url: str, *args: str, **variables: str) -> Finished:
        with patch.context() as now:
            now.chdir(folder)
            for name in ("CI", "GITHUB_ACTIONS"):
                now.delenv(name, raising=False)
            environ = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, **variables}
            for name, value in environ.items():
                now.setenv(name, value)
            now.setattr(sys, "argv", ["evalkit", *args])
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        told = capsys.readouterr()
        return Finished(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.fixture(scope="module")
def banked(rows: Path, good: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One bank for all workers: it takes 1,200 requests."""
    temporary = tmp_path_factory.getbasetemp()  # a worker's own, in one that all share
    folder = (temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary) / "bank"
    folder.mkdir(exist_ok=True)
    bank = folder / "baselines" / "nightly.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not bank.exists():
            (folder / "rows.jsonl").write_text(rows.read_text())
            (folder / "suite.yaml").write_text(SUITE)
            shell = Shell(folder, ANTHROPIC_BASE_URL=good.base_url, ANTHROPIC_API_KEY=KEY)
            done = shell("baseline", "collect", "nightly", "suite.yaml", "--repeat", "5", "-y")
            assert done.code == 0, done.err
            assert "5 run(s) of sums, 240 cases" in done.out
    return bank


@pytest.fixture
def home(
    tmp_path: Path,
    rows: Path,
    banked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Home:
    (tmp_path / "rows.jsonl").write_text(rows.read_text())
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "nightly.json").write_text(banked.read_text())
    return Home(tmp_path, in_process(tmp_path, monkeypatch, capsys))


@pytest.mark.slow
def test_a_bank_that_could_not_be_written_is_not_collected_again(
    home: Home, good: RunningServer
) -> None:
    command = ("baseline", "collect", "few", "suite.yaml", "--repeat", "2", "-y", "-q")
    small = ("--set", "dataset.limit=4")
    in_the_way = home.folder / "baselines" / ".few.json.tmp"
    in_the_way.mkdir()
    refused = home.run(good.base_url, *command, *small)
    assert refused.code == 2 and "few.json: cannot be written" in refused.err
    in_the_way.rmdir()
    seen = len(good.requests())
    done = home.run(good.base_url, *command, *small)
    assert done.code == 0, done.err
    assert len(good.requests()) == seen
    assert len(json.loads((home.folder / "baselines" / "few.json").read_text())["runs"]) == 2
    # Noting that may be cut short: one run that says so speaks for both, and none is asked again.
    job = next((home.folder / "runs" / "sums").glob("*/job.json"))
    job.write_text(json.dumps({**json.loads(job.read_text()), "is_banked": False}))
    plan = Collection(
        load_suite(home.folder / "suite.yaml", small[1:], {}), "few", 2, home.folder / "runs", {}
    )
    assert begun(plan, plan.loaded)[0] == []


def test_a_quiet_night_then_a_loss(home: Home, good: RunningServer, bad: RunningServer) -> None:
    quiet = home.run(good.base_url, "regress", "suite.yaml", "--slot", "n1")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    told = json.loads((home.pages() / "gate.json").read_text())
    assert told["verdict"] == "pass"
    assert told["usage"]["asked"] < ROWS  # it stopped as soon as that was proven
    assert told["result"]["decided_at"] <= told["usage"]["asked"]

    seen = len(good.requests())
    again = home.run(good.base_url, "regress", "suite.yaml", "--slot", "n1", "-v")
    assert again.code == 0
    assert "has its result already" in again.err
    assert len(good.requests()) == seen

    lost = home.run(bad.base_url, "regress", "suite.yaml", "--slot", "n2", "--junit", "j.xml")
    assert lost.code == 1
    assert lost.out.startswith("REGRESSION sums against @nightly: number max_drop 0.05: a loss")
    assert "tags that lost most" in lost.out
    assert "even: −" in lost.out
    assert "c0" in lost.out
    assert "cause: prompts, settings, scorers and data are those of the bank" in lost.out
    suite = ET.parse(home.folder / "j.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "tag even" in (failure.text or "")
    assert [(job["slot"], job["verdict"]) for job in home.jobs()] == [
        ("n1", "pass"),
        ("n2", "regression"),
    ]
    asked = json.loads((home.pages() / "gate.json").read_text())["usage"]["asked"]
    assert asked < ROWS
    # The stored run says the same again, and nothing is sent.
    seen = len(bad.requests())
    assert home.run(bad.base_url, "gate", "latest").code == 1
    assert len(bad.requests()) == seen


def test_failures_are_no_verdict(home: Home, rows: Path) -> None:
    options = ("--answers", rows, "--skill", "0.75", "--fault", "500=0.3", *OPTIONS)
    with simulated_server(*options) as broken:
        done = home.run(broken.base_url, "regress", "suite.yaml", "--set", "retries.attempts=1")
    assert done.code == 3
    assert done.out.startswith("COULD NOT MEASURE")
    assert "the same command goes on" in done.err
    assert 'errors="1"' in (home.pages() / "gate.junit.xml").read_text()


def test_too_few_cases_and_the_cap(home: Home, good: RunningServer) -> None:
    few = home.run(good.base_url, "regress", "suite.yaml", "-n", "20")
    assert few.code == 5
    assert "more cases, or a wider margin" in few.out
    capped = home.run(
        good.base_url, "regress", "suite.yaml", "--slot", "c", "--max-cost-usd", "0.004"
    )
    assert capped.code == 4
    assert "stopped: the cost cap is reached" in capped.out
    assert "the same command goes on" in capped.err
    seen = len(good.requests())
    more = home.run(good.base_url, "regress", "suite.yaml", "--slot", "c")
    assert more.code == 0
    assert len(home.jobs()) == 2  # it went on with the run that it had begun
    assert len({one["digest"] for one in good.requests()[seen - 20 :]}) == (
        len(good.requests()) - seen + 20
    )
    # A job that could not even begin has its pages, too: CI and webhooks hear of it.
    job = ("regress", "suite.yaml", "--slot", "k", "--junit", "k.xml")
    refused = home.run(good.base_url, *job, ANTHROPIC_API_KEY="sk-wrong-key")
    assert refused.code == 3
    assert "stopped: the key was refused" in refused.out
    assert 'name="verdict" value="unmeasured"' in (home.folder / "k.xml").read_text()


def test_what_voids_the_bank_is_said_before_anything_is_sent(
    home: Home, good: RunningServer
) -> None:
    seen = len(good.requests())
    suite = home.folder / "suite.yaml"
    suite.write_text(SUITE.replace("Only the number.", "Only a number."))
    done = home.run(good.base_url, "regress", "suite.yaml")
    assert done.code == 2
    assert "baseline @nightly is void: the prompt 'plain' changed" in done.err
    assert len(good.requests()) == seen
    assert home.runs() == []
    missing = home.run(good.base_url, "regress", "suite.yaml", "--baseline", "weekly")
    assert missing.code == 2
    assert "no baseline 'weekly' in baselines (there are: nightly)" in missing.err
    fine = home.run(
        good.base_url, "regress", "suite.yaml", "--set", "gate.rules=[]", "--allow", "prompt"
    )
    assert fine.code == 0  # without rules: no loss of 5 points, and the change is allowed
    (canary,) = list_runs(home.folder / "runs" / "sums" / ".canary")
    assert canary.manifest().totals["ok"] == 20
    assert "Only the number." in canary.manifest().suite["prompts"]["plain"]["user"]
    told = json.loads((home.pages() / "gate.json").read_text())["cause"]
    assert "the prompt 'plain' changed" in told
    assert "no sign of provider drift: the bank's own prompt" in told
    assert len(home.runs()) == 1  # a canary is no run of the suite
    # One cap holds for both: the canary alone takes all of this one.
    capped = ["regress", "suite.yaml", "--slot", "c", "--set", "gate.rules=[]", "--allow", "prompt"]
    assert home.run(good.base_url, *capped, "--max-cost-usd", "0.002").code == 4
    spent = sum(
        run.manifest().totals["cost_usd"] or 0
        for run in (home.runs()[-1], list_runs(home.folder / "runs" / "sums" / ".canary")[-1])
    )
    assert spent <= 0.002


def test_in_actions_it_annotates_and_summarises(home: Home, bad: RunningServer) -> None:
    summary, output = home.folder / "summary.md", home.folder / "output.txt"
    done = home.run(
        bad.base_url,
        "regress",
        "suite.yaml",
        GITHUB_ACTIONS="true",
        CI="true",
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_OUTPUT=str(output),
    )
    assert done.code == 1
    assert "\n::error title=sums%3A REGRESSION number max_drop 0.05::a loss is proven" in done.out
    assert summary.read_text().startswith("### REGRESSION sums against")
    assert output.read_text() == "verdict=regression\nexit-code=1\n"


@pytest.mark.slow
def test_evidence_adds_up_over_nights(home: Home, good: RunningServer, bad: RunningServer) -> None:
    suite = home.folder / "suite.yaml"
    suite.write_text(SUITE + "  nights: {rows: 60, more: 40}\n")
    plan = home.run(good.base_url, "gate", "--plan", "suite.yaml").out
    assert "false alarms a year, about 6" in plan
    assert "at a loss of 0.05      found in " in plan
    asked = []
    for night in range(3):
        quiet = home.run(good.base_url, "regress", "suite.yaml", "--slot", f"q{night}")
        assert (quiet.code, quiet.out) == (0, ""), quiet.err
        told = json.loads((home.pages() / "gate.json").read_text())
        assert told["night"]["nights"] == night + 1
        assert not told["night"]["is_alarm"]
        asked.append(set(_cases(home)))
    assert [len(cases) for cases in asked] == [60, 60, 60]
    assert len(set.union(*asked)) == 180  # every night other cases, until all have been asked
    for night in range(3):
        lost = home.run(bad.base_url, "regress", "suite.yaml", "--slot", f"l{night}")
        if lost.code:
            break
    assert lost.code == 1
    assert "a loss over the nights (evidence" in lost.out
    state = json.loads((home.folder / "baselines" / "nightly.nights.json").read_text())
    assert list(state["w"].values()) == [1.0]  # it begins anew after an alarm
    assert state["count"] == 3 + night + 1
    # The same slot again adds nothing to the evidence.
    again = home.run(bad.base_url, "regress", "suite.yaml", "--slot", f"l{night}")
    assert again.code == 1
    assert json.loads((home.folder / "baselines" / "nightly.nights.json").read_text()) == state


def test_what_stands_around_the_job(home: Home, good: RunningServer) -> None:
    plan = home.run(good.base_url, "gate", "--plan", "suite.yaml")
    assert (plan.code, "It can conclude." in plan.out) == (0, True)
    fine = home.run(good.base_url, "gate", "--plan", "suite.yaml", "--baseline", "weekly")
    assert fine.code == 2
    banks = home.run(good.base_url, "baseline", "list", "--json").json
    assert [(one["name"], len(one["runs"]), one["cases"]) for one in banks] == [
        ("nightly", 5, ROWS)
    ]
    assert home.run(good.base_url, "history", "suite.yaml").code == 2
    assert home.run(good.base_url, "regress", "suite.yaml", "--full").code == 0
    told = home.run(good.base_url, "history", "suite.yaml", "--json").json
    assert [(one["kind"], one["verdict"], one["answered"]) for one in told["runs"]] == [
        ("regress", "pass", ROWS)
    ]
    shown = home.run(good.base_url, "history", "sums", "--html", "h.html")
    assert shown.code == 0
    assert "<svg" in (home.folder / "h.html").read_text()
    asked = ["schedule", "suite.yaml", "--every", "1d", "--as", "github"]
    workflow = home.run(good.base_url, *asked, ANTHROPIC_API_KEY="sk-secret").out
    assert "cron: 0 0 * * *" in workflow
    assert "sk-secret" not in workflow
    assert home.run(good.base_url, "schedule", "suite.yaml", "--as", "cron").code == 2


def _cases(home: Home) -> list[str]:
    return home.runs()[-1].responses(["case_id"])["case_id"].to_pylist()


@pytest.mark.slow
def test_old_runs_of_the_job_are_thinned_out_and_others_stay(
    home: Home, good: RunningServer
) -> None:
    assert home.run(good.base_url, "run", "suite.yaml", "-n", "4", "-q").code == 0
    by_hand = home.runs()[0].path
    for slot in "abc":
        code = home.run(good.base_url, "regress", "suite.yaml", "--slot", slot, "--keep", "2").code
        assert code == 0
    assert [json.loads((run.path / "job.json").read_text())["slot"] for run in home.runs()[1:]] == [
        "b",
        "c",
    ]
    assert home.runs()[0].path == by_hand


@pytest.mark.slow
def test_a_missed_night_is_noticed(home: Home, good: RunningServer) -> None:
    assert home.run(good.base_url, "regress", "suite.yaml", "--every", "1d").code == 0
    path = home.runs()[-1].path / "job.json"
    job = json.loads(path.read_text())
    path.write_text(json.dumps({**job, "slot": "2026-01-01T00:00+00:00"}))
    done = home.run(good.base_url, "regress", "suite.yaml", "--every", "1d")
    assert done.code == 0
    assert "scheduled runs before this one are missing" in done.err


@pytest.mark.slow
def test_killed_it_goes_on_and_a_second_job_is_refused(home: Home, rows: Path) -> None:
    options = ("--answers", rows, "--skill", "0.85", "--latency", "0.25", *OPTIONS)
    command = [sys.executable, "-m", "evalkit", "regress", "suite.yaml", "-j", "4", "--slot", "k"]
    with simulated_server(*options) as slow:
        env = {**os.environ, "ANTHROPIC_BASE_URL": slow.base_url, "ANTHROPIC_API_KEY": KEY}
        first = subprocess.Popen(command, cwd=home.folder, env=env)
        try:
            deadline = time.monotonic() + 60
            while len(slow.requests()) < 12 and time.monotonic() < deadline:
                time.sleep(0.1)
            second = home.run(slow.base_url, "regress", "suite.yaml", "--slot", "k")
            assert second.code == 2
            assert f"is running already (process {first.pid}" in second.err
        finally:
            first.send_signal(signal.SIGKILL)
            first.wait()
        assert 12 <= len(slow.requests()) < ROWS
        done = home.run(slow.base_url, "regress", "suite.yaml", "-j", "64", "--slot", "k")
        assert done.code == 0, done.err
        (job,) = home.jobs()
        assert (job["slot"], job["verdict"]) == ("k", "pass")
        asked = [one["digest"] for one in slow.requests()]
        assert len(asked) - len(set(asked)) <= 4  # only what was in flight at the kill
