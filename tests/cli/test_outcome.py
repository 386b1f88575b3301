"""What a run tells at its end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from stored_runs import a_run

from evalkit.cli import outcome
from evalkit.pipeline.run import RunOutcome


def ended(folder: Path) -> RunOutcome:
    run = a_run(folder, "aaaaaa", {"off": [1.0, 0.0, 1.0], "1024": [1.0, 1.0, 1.0]})
    totals = {"planned": 6, "ok": 6, "failed": 0, "cached": 0, "cost_usd": 0.006}
    return RunOutcome(run, replace(run.manifest(), planned=6, totals=totals), None, 0)


def test_a_large_run_tells_the_means_that_comparing_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ended(tmp_path)
    assert outcome.finish(run, tmp_path / "reports", as_json=True, quiet=True) == 0
    compared = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(outcome, "MOST_COMPARED", 5)
    assert outcome.finish(run, tmp_path / "none", as_json=True, quiet=True) == 0
    assert json.loads(capsys.readouterr().out) == compared
    assert not (tmp_path / "none").exists()


def test_a_large_run_points_to_its_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ended(tmp_path)
    monkeypatch.setattr(outcome, "MOST_COMPARED", 5)
    outcome.finish(run, tmp_path / "none", as_json=False, quiet=False)
    told = capsys.readouterr()
    assert "plain/claude-haiku-4-5/think-1024" in told.out
    assert "not compared" in told.out
    assert f"Next:   evalkit compare {run.folder.path}" in told.err
