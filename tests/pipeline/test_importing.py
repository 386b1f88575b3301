"""Answers made elsewhere, as files really are: gaps, numbers for names, both forms."""

from __future__ import annotations

import pandas as pd
import pytest

from evalkit.errors import DatasetError
from evalkit.pipeline.importing import Columns, import_answers
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
