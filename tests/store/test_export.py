"""A run given away: whole, in flat memory, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest
from builders import a_case, a_failure, a_response, a_result
from store.test_runs import entries, manifest

from evalkit.errors import StoreError
from evalkit.store.export import FORMATS, export_run
from evalkit.store.making import create_run
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter

TEXTS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "12", "", "'quoted", " =1"),
    *("a\x00b", "\x00=1", "\x1b[31mred", 'say "hi", twice\r\nand more', "\u202eabc", "🎉", "a;b"),
]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """A sealed part, rows in the journal, a failure, and grades of all but the first."""
    run = create_run(tmp_path / "sums" / "r-1", manifest(), "", [a_case()])
    writer = RunWriter(run)
    results = [a_result(number, a_response(text)) for number, text in enumerate(TEXTS)]
    writer.commit(entries(*results[:9]))
    writer.seal()
    writer.commit(entries(*results[9:], a_result(99, a_failure())))
    graded = [*results[:0:-1], a_result(99)]
    rows = [
        {"trial_key": item.trial.key, "case_id": "c", "variant_key": "v", "sample": 0}
        | {"value": None if item.trial.case_id == "c99" else 1 / (1 + place)}
        for place, item in enumerate(graded)
    ]
    run.write_scores("=odd", rows)
    writer.abandon()
    return run


def expected() -> dict[str, float | None]:
    order = [f"c{number}" for number in range(len(TEXTS) - 1, 0, -1)]
    return {**{name: 1 / (1 + place) for place, name in enumerate(order)}, "c0": None, "c99": None}


def test_csv_runs_nothing_and_keeps_the_rest(folder, tmp_path):
    assert export_run(folder, "csv", tmp_path / "a.csv") == len(TEXTS) + 1
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {row["case_id"]: row for row in rows}
    for number, text in enumerate(TEXTS):
        cell, plain = found[f"c{number}"]["text"], text.replace("\x00", "")
        is_formula = number < 8 or plain == "=1"
        assert cell == (f"'{plain}" if is_formula else plain)
    scores = {name: row["score:=odd"] for name, row in found.items()}
    assert {name: float(value) if value else None for name, value in scores.items()} == expected()
    assert found["c99"]["text"] == "" and found["c99"]["error_kind"] == "server_error"
    assert json.loads(found["c1"]["attempts"])[0]["status"] == 200
    assert found["c1"]["started_at"] == "2026-11-23T12:00:00+00:00"


def test_jsonl_and_parquet_keep_every_character(folder, tmp_path):
    export_run(folder, "jsonl", tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    export_run(folder, "parquet", tmp_path / "a.parquet")
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    for found in (lines, rows):
        texts = {row["case_id"]: row["text"] for row in found}
        assert texts == {**{f"c{n}": text for n, text in enumerate(TEXTS)}, "c99": None}
        assert {row["case_id"]: row["score:=odd"] for row in found} == expected()


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_run_without_outcomes_and_a_folder_that_refuses(tmp_path, kind):
    run = create_run(tmp_path / "sums" / "r-2", manifest(), "", [a_case()])
    assert export_run(run, kind, tmp_path / "none") == 0
    assert (tmp_path / "none").exists()
    with pytest.raises(StoreError, match="cannot be written"):
        export_run(run, kind, tmp_path / "nowhere" / "file")


def test_a_link_is_followed_and_a_pipe_written_to(folder, tmp_path):
    export_run(folder, "jsonl", tmp_path / "a.jsonl")
    whole = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "there.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("there.jsonl")
    export_run(folder, "jsonl", tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "there.jsonl").read_bytes() == whole
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        assert export_run(folder, "jsonl", tmp_path / "pipe") == len(TEXTS) + 1
        assert read.result(timeout=60) == whole
    assert (tmp_path / "pipe").is_fifo()
