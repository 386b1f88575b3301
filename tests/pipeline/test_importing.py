"""Answers made elsewhere, as files really are: gaps, numbers for names, both forms."""

from __future__ import annotations

import signal
import subprocess
import sys

import pandas as pd
import pytest

from evalkit.errors import DatasetError, UsageError
from evalkit.pipeline.continuing import newest_run, refuse_import
from evalkit.pipeline.importing import Columns, import_answers
from evalkit.store.runs import leftovers, list_runs
from evalkit.suite.load import load_suite

SUITE = """\
name: imp
dataset: {path: rows.csv, id: id, target: answer}
prompts: {plain: "{{ question }}"}
models: [claude-haiku-4-5]
thinking: [off, 1024]
answer_tokens: 64
scorers: [number]
"""


@pytest.fixture
def bring(tmp_path):
    """Import a file of these columns; what the run then holds, by case and thinking setting."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "rows.csv").write_text("id,question,answer\n1,1+1,2\n2,2+2,4\n3,3+3,6\n")
    loaded = load_suite(tmp_path / "suite.yaml", (), {})

    def call(name: str, data: dict, **columns):
        frame, path = pd.DataFrame(data), tmp_path / name
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        elif path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_json(path, orient="records", lines=True)
        made = import_answers(loaded, path, Columns(**columns), tmp_path / "runs", {})
        rows = made.folder.responses().to_pylist()
        found = {(row["case_id"], row["variant_key"].split("/")[2]): row for row in rows}
        assert len(found) == len(rows)
        return found, made

    return call


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_the_long_form_in_every_kind_of_file(bring, name):
    found, made = bring(
        name,
        {
            "id": [1, 1, 2],
            "variant": ["off", "think-1024", "off"],
            "text": ["2", "two", "=4"],
            "output_tokens": [3.0, None, 5.0],
            "cost_usd": [None, 0.5, 0.25],
        },
    )
    assert {place: row["text"] for place, row in found.items()} == {
        ("1", "off"): "2",
        ("1", "think-1024"): "two",
        ("2", "off"): "=4",
    }
    assert [found["1", "off"][name] for name in ("output_tokens", "cost_usd")] == [3, None]
    assert found["1", "think-1024"]["output_tokens"] is None
    assert {row["source"] for row in found.values()} == {"import"}
    assert made.missing == 3
    manifest = made.folder.manifest()
    assert manifest.status == "stopped" and "no answer for 3 trials" in manifest.stopped_because


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_gaps_of_the_wide_form_are_no_answers(bring, name):
    found, made = bring(
        name,
        {"id": [1, 2, 3], "a": ["2", None, "6"], "b": ["1", "2", "3"]},
        wide={"off": "a", "think-1024": "b"},
    )
    assert ("2", "off") not in found and made.missing == 1
    assert found["2", "think-1024"]["text"] == "2"


def test_ids_that_became_fractions_are_known(bring):
    data = {"id": [1.0, 2.0], "variant": "off", "text": ["2", "4"]}
    found, _ = bring("a.parquet", data)
    assert set(found) == {("1", "off"), ("2", "off")}
    with pytest.raises(DatasetError, match="row 2: 'id' is empty"):
        bring("b.parquet", {"id": [1.0, None], "variant": "off", "text": ["2", "4"]})


def test_an_empty_text_of_the_long_form_is_an_empty_answer(bring):
    found, _ = bring("a.jsonl", {"id": [1], "variant": "off", "text": [""]})
    assert found["1", "off"]["text"] == "" and found["1", "off"]["status"] == "ok"


@pytest.mark.parametrize(
    ("column", "value"),
    [("input_tokens", 1e30), ("output_tokens", 2**63), ("cost_usd", 1e300), ("elapsed_s", "-1")],
)
def test_a_number_that_cannot_be_is_told_with_its_line(bring, tmp_path, column, value):
    with pytest.raises(DatasetError, match=rf"a\.jsonl:1: '{column}' is .* no such number"):
        bring("a.jsonl", {"id": [1], "variant": ["off"], "text": ["2"], column: [value]})
    assert not list((tmp_path / "runs").rglob("manifest.json"))


def test_what_is_no_text_is_kept_as_text(bring):
    found, _ = bring(
        "a.jsonl",
        {
            "id": [1, 2],
            "variant": ["off", "off"],
            "text": [4, {"sum": "é"}],
            "thinking": [["one", 2], None],
            "stop_reason": [{"kind": "end"}, "end_turn"],
            "model": [5, "m"],
        },
    )
    first, second = found["1", "off"], found["2", "off"]
    assert (first["text"], second["text"]) == ("4", '{"sum": "é"}')
    assert first["thinking_text"] == '["one", 2]' and first["stop_reason"] == '{"kind": "end"}'
    assert first["model_answered"] == "5"


KILLED = """
import os, signal, sys
from pathlib import Path
from evalkit.pipeline.importing import Columns, import_answers
from evalkit.suite.load import load_suite

place, names = sys.argv[1].split(":"), sys.argv[2:]
owner = __import__(place[0], fromlist=["x"])
for name in place[1].split(".")[:-1]:
    owner = getattr(owner, name)
setattr(owner, place[1].split(".")[-1], lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
import_answers(load_suite(Path("suite.yaml"), (), {}), Path("a.jsonl"), Columns(), Path("runs"), {})
"""


@pytest.mark.parametrize(
    "place", ["evalkit.store.writer:write_table", "evalkit.store.writer:write_manifest"]
)
def test_an_import_that_was_killed_has_left_no_run(bring, tmp_path, place):
    answers = {"id": [1, 2], "variant": ["off", "off"], "text": ["2", "4"]}
    pd.DataFrame(answers).to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    done = subprocess.run([sys.executable, "-c", KILLED, place], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not list_runs(tmp_path / "runs")
    (left,) = leftovers(tmp_path / "runs")
    assert left.path.parent == tmp_path / "runs" / "imp"
    found, made = bring("a.jsonl", answers)
    assert len(found) == 2 and [run.path for run in list_runs(tmp_path / "runs")] == [
        made.folder.path
    ]


def test_nobody_goes_on_with_an_import_unasked(bring, tmp_path):
    _, made = bring("a.jsonl", {"id": [1], "variant": ["off"], "text": ["2"]})
    assert made.missing == 2 and made.folder.manifest().status == "stopped"
    with pytest.raises(UsageError, match=r"holds the answers of a\.jsonl") as told:
        refuse_import(made.folder)
    assert "--ask-missing" in told.value.hint
    assert newest_run(tmp_path / "runs", "imp") is None  # what `run --resume` goes on with
