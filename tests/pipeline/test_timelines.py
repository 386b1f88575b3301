"""Several runs as lines through time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stored_runs import a_run

from evalkit.pipeline.compare import compare_run, compare_runs
from evalkit.pipeline.history import note_run
from evalkit.report import html
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder

GRADES = [1.0, 0.0] * 20


def at(run: RunFolder, day: int) -> RunFolder:
    moment = f"2026-11-{day:02d}T03:00:00+00:00"
    write_manifest(run.path, replace(run.manifest(), started_at=moment))
    return run


def test_runs_stand_in_their_order_with_what_had_changed(tmp_path: Path) -> None:
    new = at(a_run(tmp_path, "bbbbbb", {"off": [1.0] * 40, "1024": GRADES}), 20)
    old = at(a_run(tmp_path, "aaaaaa", {"off": GRADES}), 10)
    last = at(a_run(tmp_path, "cccccc", {"off": GRADES}), 30)
    report = compare_runs([new, old, last])
    (line,) = report.timelines  # the other setting is in one run only
    assert (line.variant, line.scorer) == ("plain/claude-haiku-4-5/off", "number")
    assert [point.run for point in line.points] == ["aaaaaa", "bbbbbb", "cccccc"]
    assert [point.score.value for point in line.points] == [0.5, 1.0, 0.5]
    assert [dict(point.changes) for point in line.points] == [{}, {}, {}]
    assert compare_run(old).timelines == ()
    assert "Score over the runs" in html.render(report)


def test_a_model_that_answers_by_another_name_is_a_change(tmp_path: Path) -> None:
    old = at(a_run(tmp_path, "aaaaaa", {"off": GRADES}), 10)
    other = {"model_answered": "claude-haiku-4-6"}
    new = a_run(tmp_path, "bbbbbb", {"off": GRADES}, rows=other)
    (line,) = compare_runs([old, at(new, 11)]).timelines
    assert line.points[1].changes == {
        "model answered": "claude-haiku-4-5-20251001 to claude-haiku-4-6"
    }


def test_a_run_stands_at_the_end_of_its_suites_history(tmp_path: Path) -> None:
    first = at(a_run(tmp_path, "aaaaaa", {"off": GRADES}), 10)
    second = at(a_run(tmp_path, "bbbbbb", {"off": [1.0] * 40}), 11)
    later = at(a_run(tmp_path, "cccccc", {"off": [0.0] * 40}), 12)
    assert compare_run(second).timelines == ()  # nothing is noted yet
    for run in (first, later):
        note_run(run)
    with (tmp_path / "small" / "history.jsonl").open("a") as history:
        history.write('{"run": "x", "at": 1}\n{"run": "y"')
    (line,) = compare_run(second).timelines
    assert [(point.run, point.score.value) for point in line.points] == [
        ("aaaaaa", 0.5),
        ("bbbbbb", 1.0),
    ]
    assert line.points[0].score.low is not None
    assert [dict(point.changes) for point in line.points] == [{}, {}]
