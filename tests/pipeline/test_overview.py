"""The means a large run ends with are those that comparing it gives."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored_runs import a_run

from evalkit.pipeline import overview as overviews
from evalkit.pipeline.compare import compare_run
from evalkit.pipeline.overview import overview
from evalkit.store.runs import RunFolder
from evalkit.tables import RESPONSES


def a_mixed_run(folder: Path, seed: int) -> RunFolder:
    """Failures of both kinds, cut and empty answers, cases nobody could grade, twins."""
    odds = random.Random(seed)
    grades = {
        thinking: [odds.choice([0.0, 0.25, 1.0, 1.0, None]) for _ in range(60)]
        for thinking in ("off", "1024")
    }
    run = a_run(folder, "aaaaaa", grades)
    part = run.responses_path / "part-00000.parquet"
    rows = pq.read_table(part).to_pylist()
    scores = run.scores("number").to_pylist()
    for row, score in zip(rows, scores, strict=True):
        what = odds.random()
        if row["status"] == "failed":
            row["error_kind"] = odds.choice(["timeout", "not_found"])
        elif what < 0.15:
            row["stop_reason"], score["value"] = "max_tokens", odds.choice([None, 0.25])
        elif what < 0.25:
            row["text"], score["value"] = "", None
        elif what < 0.35 or row["case_id"] in ("c3", "c4"):
            score["value"] = None
    halves = rows[:50], rows[50:]
    for number, half in enumerate(halves):
        table = pa.Table.from_pylist(half, schema=RESPONSES)
        pq.write_table(table, run.responses_path / f"part-{number:05}.parquet")
    run.write_scores("number", scores)
    return run


def same_as_compared(run: RunFolder) -> None:
    means = {one.variant: one for one in overview(run)}
    compared = compare_run(run).analysis.variants
    assert list(means) == [one.variant for one in compared]
    for summary in compared:
        mine, theirs = means[summary.variant].scores["number"], summary.scores["number"].mean
        assert (mine.n, mine.units) == (theirs.n, theirs.units)
        assert mine.value == pytest.approx(theirs.value, abs=1e-12)
        assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_means_and_intervals_are_those_of_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(overviews, "_BATCH_ROWS", 17)
    same_as_compared(a_mixed_run(tmp_path, seed))


def test_grades_in_another_order_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "_BATCH_ROWS", 17)
    run = a_mixed_run(tmp_path, 1)
    scores = run.scores("number").to_pylist()
    random.Random(0).shuffle(scores)
    run.write_scores("number", scores)
    same_as_compared(run)


def test_a_run_nobody_graded_has_no_means(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": [1.0, 0.0]})
    (run.scores_path / "number.parquet").unlink()
    assert [dict(one.scores) for one in overview(run)] == [{}]
