"""A suite over its runs: points, changes, deleted runs remembered, pages harmless."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from stored_runs import a_run

from evalkit.analysis.history import Amount, changes, point_document, point_of
from evalkit.pipeline.compare import compare_run
from evalkit.pipeline.history import suite_history
from evalkit.report import history
from evalkit.store.history import HISTORY
from evalkit.store.jobs import write_job

GOOD, WORSE = [1.0] * 18 + [0.0] * 2, [1.0] * 12 + [0.0] * 8


def test_points_changes_and_verdicts(tmp_path: Path) -> None:
    a_run(tmp_path, "aaaaaa", {"off": GOOD})
    changed = a_run(
        tmp_path,
        "bbbbbb",
        {"off": WORSE},
        prompts={"plain": "Now: {{ question }}"},
        rows={"model_answered": "claude-haiku-4-6"},
    )
    write_job(changed.path, {"kind": "regress", "told": "regression", "verdict": "regression"})
    points, damaged = suite_history(tmp_path, "small")
    assert damaged == []
    assert [(one.run_id, one.kind, one.verdict) for one in points] == [
        ("aaaaaa", "hand", None),
        ("bbbbbb", "regress", "regression"),
    ]
    level = points[1].variants["plain/claude-haiku-4-5/off"].scores["number"]
    assert (level.value, level.n_cases) == (0.6, 20)
    assert level.low is not None
    assert level.low < 0.6
    told = [one.what for one in changes(points)]
    assert any(what.startswith("prompt plain changed (b2:") for what in told)
    assert any("answered by claude-haiku-4-6 (before: claude-haiku-4-5-2" in what for what in told)
    text = "\n".join(history.lines(points, changes(points)))
    assert "  number   █▁  60.0% (" in text
    assert "  latency  ▄▄  " in text
    assert "verdicts   ·R" in text


def test_deleted_runs_are_remembered_and_damage_is_told(tmp_path: Path) -> None:
    old, new = (a_run(tmp_path, name * 6, {"off": GOOD}) for name in "ab")
    first, _ = suite_history(tmp_path, "small")
    old.remove()
    path = tmp_path / "small" / HISTORY
    path.write_bytes(path.read_bytes() + b'\n{"run": "cccccc", "at": 1}\n{"run": "dd')
    size = path.stat().st_size
    again, damaged = suite_history(tmp_path, "small")
    assert [one.run_id for one in again] == ["aaaaaa", "bbbbbb"]
    assert again == first
    assert damaged == ["cccccc: its line in history.jsonl is damaged"]
    assert path.stat().st_size == size  # what is known is not worked out again
    (new.path / "manifest.json").write_text("{")
    _, damaged = suite_history(tmp_path, "small")
    assert "manifest.json: damaged" in damaged[-1]


def test_a_score_made_anew_is_read_anew(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": GOOD})
    suite_history(tmp_path, "small")
    rows = run.scores("number").to_pylist()
    run.write_scores("number", [{**row, "value": 0.0} for row in rows])
    (point,), _ = suite_history(tmp_path, "small")
    assert point.variants["plain/claude-haiku-4-5/off"].scores["number"].value == 0.0


def test_cost_and_latency_have_intervals_also_in_lines_of_earlier_versions(tmp_path: Path) -> None:
    a_run(tmp_path, "aaaaaa", {"off": GOOD}, rows={"elapsed_s": 1.5})
    part = a_run(tmp_path, "bbbbbb", {"off": GOOD}).responses_path / "part-00000.parquet"
    table = pq.read_table(part)
    place = table.column_names.index("cost_usd")
    pq.write_table(table.set_column(place, table.field(place), [[0.01, 0.03] * 10]), part)
    (first, second), _ = suite_history(tmp_path, "small")
    one = second.variants["plain/claude-haiku-4-5/off"]
    # The mean 0.02 of 20 answers, t(19) = 2.093, sd = 0.01 x sqrt(20 / 19).
    assert one.cost_usd is not None
    assert one.cost_usd.value == pytest.approx(0.02)
    assert one.cost_usd.high == pytest.approx(0.02 + 2.093 * 0.01 / 19**0.5, abs=1e-5)
    page = history.page("small", [first, second], [])
    titles = re.findall(r"<title id=[^>]*>([^<]*)<", page)
    assert titles == ["Score over the runs", "Cost over the runs", "Latency over the runs"]
    data = point_document(second)
    for name in ("cost_usd_low", "cost_usd_high", "latency_p50_s_low", "latency_p50_s_high"):
        del data["variants"]["plain/claude-haiku-4-5/off"][name]
    old = point_of(data).variants["plain/claude-haiku-4-5/off"].cost_usd
    assert old == Amount(one.cost_usd.value)


def test_a_run_is_noted_by_its_report(tmp_path: Path) -> None:
    """Runs made by hand are in the history of later pages with nothing else to be typed."""
    run = a_run(tmp_path, "aaaaaa", {"off": GOOD})
    compare_run(run, with_cases=False)
    path = tmp_path / "small" / HISTORY
    line = path.read_bytes()
    compare_run(run, with_cases=False)
    assert path.read_bytes() == line
    assert suite_history(tmp_path, "small")[0][0].n_answered == 20
    assert path.read_bytes() == line  # what the report noted is what history would


def test_the_page_is_whole_and_harmless(tmp_path: Path) -> None:
    a_run(tmp_path, "aaaaaa", {"off": GOOD})
    a_run(tmp_path, "bbbbbb", {"off": WORSE}, rows={"model_answered": "<script>alert(1)</script>"})
    points, _ = suite_history(tmp_path, "small")
    page = history.page("small", points, changes(points))
    assert "<script" not in page
    assert "default-src 'none'" in unescape(page)
    assert "script-src 'none'" in unescape(page)
    drawn = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    kinds = [one.get("class") or "" for one in drawn.iter()]
    assert sum("mark" in kind for kind in kinds) == 3  # two runs, and one in the legend
    assert kinds.count("change") == 1
    assert "&lt;script&gt;" in page
    json.dumps([one.run_id for one in points])
