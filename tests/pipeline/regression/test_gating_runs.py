"""Stored runs banked and held against the bank: what voids it, what is refused, what is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from stored_runs import a_run

from evalkit.errors import UnknownRun, UsageError
from evalkit.pipeline.regression.banking import Provenance, make_baseline
from evalkit.pipeline.regression.gating import gate_policy, gate_run
from evalkit.pipeline.start import stored_suite
from evalkit.report import gate as pages
from evalkit.report.gate_report import GateReport
from evalkit.store.baselines import Baseline, write_baseline
from evalkit.store.jobs import write_job
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder, find_run

ME = Provenance("ann@host", "because")
KEY = "plain/claude-haiku-4-5/off"
GATE = {"rules": [{"scorer": "number", "max_drop": 0.1}, {"metric": "failed", "max": 0.02}]}


def grades(seed: int, drop: float = 0.0, cases: int = 200) -> list[float | None]:
    difficulty = np.random.default_rng(99).beta(2, 0.5, cases)
    chance = difficulty * (1 - drop / 0.8)
    return (np.random.default_rng(seed).random(cases) < chance).astype(float).tolist()


def some_run(folder: Path, seed: int, drop: float = 0.0, **more: Any) -> RunFolder:
    name = f"{seed:06x}"
    return a_run(folder, name, {"off": grades(seed, drop)}, gate=GATE, **more)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    folder = tmp_path_factory.mktemp("bank")
    baseline, warnings = make_baseline("nightly", [some_run(folder, s) for s in range(8)], ME)
    assert warnings == []
    return baseline


def gated(run: RunFolder, baseline: Baseline, allowed: Sequence[str] = ()) -> GateReport:
    return gate_run(run, baseline, gate_policy(stored_suite(run)), allowed=allowed)


def test_a_bank_knows_its_error_its_false_alarms_and_who_made_it(bank: Baseline) -> None:
    one = bank.variants[KEY]
    assert one.columns["score:number"].counts == (8,) * 200
    assert one.error["score:number"] == pytest.approx(0.0085, abs=0.001)
    assert one.false_alarms["score:number"]["fails"] == 0
    assert one.false_alarms["score:number"]["margin"] == 0.1
    assert (bank.by, bank.why, len(bank.runs)) == ("ann@host", "because", 8)
    assert one.models == ("claude-haiku-4-5-20251001",)


def test_no_change_passes_and_a_loss_is_a_regression(tmp_path: Path, bank: Baseline) -> None:
    good = gated(some_run(tmp_path, 100), bank)
    assert (good.verdict, good.exit_code) == ("pass", 0)
    bad = gated(some_run(tmp_path, 101, drop=0.25), bank)
    assert (bad.verdict, bad.exit_code) == ("regression", 1)
    assert bad.n_worse > 20
    assert bad.cases[0].label == "stable pass"
    again = gated(RunFolder(Path(bad.run_path)), bank)
    assert again == bad


def test_failures_leave_no_verdict(tmp_path: Path, bank: Baseline) -> None:
    lost = grades(100, drop=0.3)
    lost[::3] = [None] * len(lost[::3])
    report = gated(a_run(tmp_path, "0000aa", {"off": lost}, gate=GATE), bank)
    assert (report.verdict, report.exit_code) == ("unmeasured", 3)
    assert (report.usage.model_errors, report.usage.lost) == (0, 67)
    assert "trials asked (0 model errors, 67 lost to infrastructure)" in pages.markdown(report)
    # Nor where no rule looks at what is missing: the run is not what was asked for.
    lenient = {"rules": [{"metric": "failed", "max": 0.5}]}
    kept = gated(a_run(tmp_path, "0000ab", {"off": lost}, gate=lenient), bank)
    assert [one.outcome for one in kept.result.rules] == ["pass"]
    assert (kept.verdict, kept.exit_code) == ("unmeasured", 3)
    assert kept.headline.endswith("67 of 200 trials failed: too many to say anything of the rest")


def test_a_single_run_warns_and_its_error_is_unknown(tmp_path: Path) -> None:
    baseline, warnings = make_baseline("one", [some_run(tmp_path, 1)], ME)
    assert "a bank of a single run" in warnings[0]
    assert baseline.variants[KEY].error["score:number"] is None
    report = gated(some_run(tmp_path, 100), baseline)
    assert "single run" in report.warnings[0]


def test_a_margin_under_four_times_the_banks_error_is_refused(
    tmp_path: Path, bank: Baseline
) -> None:
    fine = {"rules": [{"scorer": "number", "max_drop": 0.03}]}
    run = a_run(tmp_path, "0000ab", {"off": grades(100)}, gate=fine)
    with pytest.raises(UsageError, match=r"too fine for the baseline.*four|4 times that"):
        gated(run, bank)


def test_changes_void_the_bank_and_are_named(tmp_path: Path, bank: Baseline) -> None:
    prompt = some_run(tmp_path, 100, prompts={"plain": "Well: {{ question }}"})
    report = gated(prompt, bank)
    assert (report.verdict, report.exit_code) == ("unmeasured", 2)
    assert "the prompt 'plain' changed (b2:" in report.void[0]
    assert gated(prompt, bank, allowed=["prompt"]).verdict == "pass"
    settings = some_run(tmp_path, 101, answer_tokens=99)
    assert "settings of plain" in gated(settings, bank).void[0]
    scorer = some_run(tmp_path, 102, scorers=[{"type": "number", "tolerance": 0.5}])
    assert "the scorer 'number' changed" in gated(scorer, bank).void[0]
    assert gated(scorer, bank, allowed=["prompt", "model", "settings"]).exit_code == 2
    model = some_run(tmp_path, 103, rows={"model_answered": "claude-haiku-4-6"})
    assert "is" not in gated(model, bank, allowed=["model"]).void
    assert "claude-haiku-4-6 (the bank has claude-haiku-4-5-2" in gated(model, bank).void[0]
    data = some_run(tmp_path, 104, question="Another?")
    assert "the data changed: cases 200 changed (c0, c1, c2, …)" in gated(data, bank).void[0]


def test_a_part_of_the_cases_will_do_where_the_suite_says_so(
    tmp_path: Path, bank: Baseline
) -> None:
    path = {"path": "rows.jsonl", "target": "answer"}
    few = a_run(
        tmp_path, "0000ac", {"off": grades(100)[:20]}, gate=GATE, dataset={**path, "limit": 20}
    )
    report = gated(few, bank)
    assert report.void == ()
    assert (report.verdict, report.exit_code) == ("inconclusive", 5)
    gone = a_run(tmp_path, "0000ad", {"off": grades(100)[:20]}, gate=GATE)
    assert "cases 180 gone" in gated(gone, bank).void[0]


def test_only_finished_runs_of_one_suite_make_a_bank(tmp_path: Path) -> None:
    one = some_run(tmp_path, 1)
    with pytest.raises(UsageError, match="given twice"):
        make_baseline("b", [one, one], ME)
    with pytest.raises(UsageError, match="with other settings"):
        make_baseline("b", [one, some_run(tmp_path, 2, answer_tokens=99)], ME)
    with pytest.raises(UsageError, match="prompt plain differs"):
        make_baseline("b", [one, some_run(tmp_path, 3, prompts={"plain": "{{ question }}!"})], ME)
    write_manifest(one.path, replace(one.manifest(), status="stopped"))
    with pytest.raises(UsageError, match="is not finished"):
        make_baseline("b", [one], ME)


def test_a_baseline_stands_for_its_newest_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [some_run(tmp_path, seed) for seed in (1, 2)]
    baseline, _ = make_baseline("two", runs, ME)
    write_baseline(tmp_path / "banks", baseline)
    monkeypatch.setenv("EVALKIT_BASELINES", str(tmp_path / "banks"))
    assert find_run("@two", tmp_path).path == runs[1].path
    runs[1].remove()
    assert find_run("@two", tmp_path).path == runs[0].path
    runs[0].remove()
    with pytest.raises(UnknownRun, match="none of the runs behind @two"):
        find_run("@two", tmp_path)


def test_every_page_tells_the_verdict(tmp_path: Path, bank: Baseline) -> None:
    report = gated(some_run(tmp_path, 101, drop=0.25), bank)
    text = "\n".join(pages.lines(report))
    assert text.startswith("REGRESSION small against @nightly: number max_drop 0.1: a loss is")
    assert "cases that did worse" in text
    data = json.loads(pages.to_json(report))
    assert (data["verdict"], data["format"]) == ("regression", 1)
    assert data["result"]["rules"][0]["e_fail"] >= 100
    suite = ET.fromstring(pages.to_junit(report))[0]
    assert (suite.get("failures"), suite.get("tests")) == ("1", "2")
    assert "case c" in suite.find("testcase/failure").text
    assert "| `number max_drop 0.1` |" in pages.markdown(report)
    (told,) = pages.workflow_commands(report)
    assert told.startswith("::error title=small%3A REGRESSION number max_drop 0.1::a loss")


def test_foreign_text_stays_text(tmp_path: Path, bank: Baseline) -> None:
    report = gated(some_run(tmp_path, 101, drop=0.25), bank)
    nasty = replace(report, void=("::error::\n\x1b[31m<script>|x",), verdict="unmeasured")
    assert all("\n" not in line and "\x1b" not in line for line in pages.workflow_commands(nasty))
    assert "\x1b" not in "\n".join(pages.lines(nasty))
    assert "<script>" not in pages.markdown(nasty)


def test_flaky_is_told_by_the_bank_and_by_quiet_runs_since(tmp_path: Path, bank: Baseline) -> None:
    """Not by runs in which a loss was found, nor by those that asked something else."""
    tonight = some_run(tmp_path, 300, drop=0.3)
    alone = gated(tonight, bank)
    for seed, verdict, more in (
        (301, "pass", {}),
        (302, "inconclusive", {}),
        (303, "regression", {}),
        (304, "pass", {"prompts": {"plain": "Another {{ question }}"}}),
    ):
        run = some_run(tmp_path, seed, **more)
        write_job(run.path, {"kind": "regress", "verdict": verdict})
    told = gated(tonight, bank)
    assert [one.n_banked for one in told.cases] == [8] * len(told.cases)
    assert {one.n_seen for one in alone.cases} == {8}
    assert {one.n_seen for one in told.cases} == {10}
    assert told.verdict == alone.verdict == "regression"
    assert told.result == alone.result  # labels decide nothing
    assert told.cases[0].surprise == pytest.approx(0.5 / 11)  # 10 of 10 before, 0 of 1 now
    assert "of 10 with quiet runs since" in "\n".join(pages.lines(told))
    (flaky,) = told.flaky
    assert f"{flaky.flaky} flaky cases" in pages.markdown(told)
