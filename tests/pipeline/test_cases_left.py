"""How many more cases the dataset of a run would have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stored_runs import a_run

from evalkit.pipeline import reserve
from evalkit.pipeline.reserve import cases_left
from evalkit.pipeline.stored import StoredRun, load_run


def stored(folder: Path, rows: int, **dataset: Any) -> StoredRun:
    folder.mkdir(exist_ok=True)
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": n, "even": n % 2 == 0}) + "\n" for n in range(rows)))
    spec = {"path": str(path), "id": "id", "target": "id", **dataset}
    return load_run(a_run(folder / "runs", "aaaaaa", {"off": [1.0] * 20}, dataset=spec))


def test_of_a_limited_run(tmp_path: Path) -> None:
    run = stored(tmp_path, 50, limit=20)
    assert run.manifest.n_cases == 20
    assert cases_left(run) == 30


def test_only_what_passes_the_filter_counts(tmp_path: Path) -> None:
    assert cases_left(stored(tmp_path, 100, limit=20, filter="even")) == 30


def test_a_sample_leaves_the_rest(tmp_path: Path) -> None:
    assert cases_left(stored(tmp_path, 60, sample=20)) == 40


def test_a_whole_dataset_leaves_none(tmp_path: Path) -> None:
    assert cases_left(stored(tmp_path, 20)) == 0
    # The limit was never reached.
    assert cases_left(stored(tmp_path / "again", 20, limit=500)) == 0


@pytest.mark.parametrize("damage", ["gone", "broken", "large"])
def test_what_cannot_be_told_is_unknown(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored(tmp_path, 50, limit=20)
    path = tmp_path / "rows.jsonl"
    if damage == "gone":
        path.unlink()
    elif damage == "broken":
        path.write_text("{\n")
    else:
        monkeypatch.setattr(reserve, "MAX_BYTES", 10)
    assert cases_left(run) is None
