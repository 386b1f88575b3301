import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.errors import DatasetError
from evalkit.suite.dataset import read_rows


def rows(path: Path) -> list[dict]:
    return [dict(row.values) for row in read_rows(path)]


def file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


EXPECTED = [{"q": "one, two", "n": 1}, {"q": "three\nfour", "n": 2}]


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.yaml", "d.parquet"])
def test_typed_formats_read_the_same(tmp_path, name):
    path = tmp_path / name
    match path.suffix:
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, EXPECTED)) + "\n\n")
        case ".json" | ".yaml":
            path.write_text(json.dumps(EXPECTED))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(EXPECTED), path)
    assert rows(path) == EXPECTED


@pytest.mark.parametrize(("name", "mark"), [("d.csv", ","), ("d.tsv", "\t")])
def test_delimited_formats_keep_quotes_newlines_and_a_bom_apart(tmp_path, name, mark):
    text = f'\ufeffq{mark}n\r\n"one, two"{mark}1\r\n"three\nfour"{mark}2\r\n'
    assert rows(file(tmp_path, name, text)) == [
        {"q": "one, two", "n": "1"},
        {"q": "three\nfour", "n": "2"},
    ]


def test_nan_is_missing(tmp_path):
    assert rows(file(tmp_path, "d.jsonl", '{"a": NaN}')) == [{"a": None}]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("d.jsonl", '{"a": 1}\n{"a": \n', "d.jsonl:2: not valid JSON"),
        ("d.jsonl", "[1]\n", "d.jsonl:1: a row is an object"),
        ("d.json", "{}", "expected a list of rows"),
        ("d.csv", "a,b\n1,2\n1,2,3\n", "d.csv:3: 3 cells, but the header names 2 columns"),
        ("d.csv", "a,a\n", "the column 'a' is there twice"),
        ("d.csv", "", "no header"),
        ("d.csv", b"a\n\xff\xfe\n", "d.csv:2: byte 0xff is not utf-8"),
        ("d.parquet", "PAR", "not a Parquet file"),
        ("d.xlsx", "", "unknown dataset format '.xlsx'"),
    ],
)
def test_bad_data_names_the_line(tmp_path, name, text, told):
    path = file(tmp_path, name, text)
    with pytest.raises(DatasetError, match=told.replace("'", ".")):
        rows(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        rows(tmp_path / "none.csv")


def test_a_number_of_any_length_is_read(tmp_path):
    digits = "9" * 6000
    for name, text in [
        ("d.jsonl", f'{{"a": {digits}}}'),
        ("d.json", f'[{{"a": {digits}}}]'),
        ("d.yaml", f"- a: {digits}\n"),
    ]:
        assert rows(file(tmp_path, name, text)) == [{"a": digits}]


def test_a_name_that_is_also_a_value_is_no_key_given_twice(tmp_path):
    given = [{"a": '"a": "a"', "b": {"a": [{"a": 1}, {"a": 2}]}}, {"": ":", "\u00e9": "\u00e9"}]
    text = "\n".join(map(json.dumps, given))
    assert rows(file(tmp_path, "d.jsonl", text)) == given
    assert rows(file(tmp_path, "d.json", json.dumps(given))) == given
