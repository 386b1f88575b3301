"""Runs of regression jobs: which go when there are too many, and who was told of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import a_run

from evalkit.errors import StoreError
from evalkit.pipeline.regression.banking import Provenance, make_baseline
from evalkit.pipeline.regression.jobs import banked_runs, is_notified, note_notified, thin_out
from evalkit.store.baselines import write_baseline
from evalkit.store.jobs import read_job, write_job
from evalkit.store.runs import list_runs

NAME = "small"


def jobs(folder: Path, ids: str, **more: str) -> None:
    for one in ids:
        run = a_run(folder, one * 6, {"off": [1.0, 0.0]})
        write_job(run.path, {"kind": "regress", "slot": one, **more})


def left(folder: Path) -> list[str]:
    return [run.manifest().run_id[0] for run in list_runs(folder)]


def test_of_each_kind_of_run_as_many_stay(tmp_path: Path) -> None:
    a_run(tmp_path, "hhhhhh", {"off": [1.0, 0.0]})
    name = list_runs(tmp_path)[0].path.parent.name
    jobs(tmp_path, "abcd", verdict="pass")
    jobs(tmp_path, "uvwx")  # never finished: nobody will ever go on with those before the last
    gone = thin_out(tmp_path, name, 2, banked={"aaaaaa"})
    assert sorted(run.path.name[0] for run in gone) == ["b", "u", "v"]
    assert sorted(left(tmp_path)) == ["a", "c", "d", "h", "w", "x"]


def test_what_a_baseline_is_made_of_is_known(tmp_path: Path) -> None:
    run = a_run(tmp_path / "runs", "aaaaaa", {"off": [1.0, 0.0]})
    baseline, _ = make_baseline("nightly", [run], Provenance("ann"))
    path = write_baseline(tmp_path / "baselines", baseline)
    assert banked_runs(tmp_path / "baselines") == {"aaaaaa"}
    assert banked_runs(tmp_path / "nowhere") == set()
    path.write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        banked_runs(tmp_path / "baselines")


def test_who_was_told_is_remembered(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": [1.0, 0.0]})
    assert not is_notified(run)
    write_job(run.path, {"kind": "regress", "verdict": "pass"})
    note_notified(run)
    assert is_notified(run)
    assert (read_job(run.path) or {})["verdict"] == "pass"
