"""Where rows come from: packed files, folders, standard input, the hub; and how they are read."""

import datetime
import gzip
import io
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import datasets
from evalkit.errors import DatasetError
from evalkit.suite import opening
from evalkit.suite.dataset import draw_rows, read_rows
from evalkit.suite.json_rows import read_json
from evalkit.suite.opening import Source
from evalkit.suite.rows_schema import RowsSpec

ROWS = [{"id": "a", "text": "one\ntwo"}, {"id": "b", "text": "drei, „vier“"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def read(path, **spec):
    return [dict(row.values) for row in read_rows(RowsSpec(path=str(path), **spec))]


def where(path, **spec):
    return [
        row.where.replace(str(path), "F") for row in read_rows(RowsSpec(path=str(path), **spec))
    ]


def packed(data: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data)
    return pa.Codec("zstd").compress(data, asbytes=True) if suffix == ".zst" else data


def zstd_file(path, data: bytes) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(data)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "yaml", "csv", "tsv"])
def test_packed_files_read_as_plain_ones(tmp_path, kind, suffix):
    mark = {"csv": ",", "tsv": "\t"}.get(kind)
    if mark:
        cells = [["id", "text"], *([row["id"], f'"{row["text"]}"'] for row in ROWS)]
        text = "".join(mark.join(line) + "\r\n" for line in cells)
    else:
        text = LINES if kind == "jsonl" else json.dumps(ROWS)
    path = tmp_path / f"d.{kind}{suffix}"
    if suffix == ".zst":
        zstd_file(path, text.encode())
    else:
        path.write_bytes(packed(text.encode(), suffix))
    assert read(path) == ROWS


def test_a_name_that_says_nothing_needs_a_format(tmp_path):
    (tmp_path / "export.data").write_text(LINES)
    with pytest.raises(DatasetError, match="unknown dataset format '.data'"):
        read(tmp_path / "export.data")
    assert read(tmp_path / "export.data", format="jsonl") == ROWS


def test_other_encodings_are_read_when_named(tmp_path):
    path = tmp_path / "d.csv"
    for encoding in ("latin-1", "utf-16"):
        path.write_bytes("id,text\n1,café\n".encode(encoding))
        assert read(path, encoding=encoding) == [{"id": "1", "text": "café"}]
    with pytest.raises(DatasetError) as caught:
        read(path)
    assert "It begins like UTF-16" in caught.value.hint


def test_a_folder_of_texts_is_a_row_a_file(tmp_path):
    for name, text in {"pos/b.txt": "good", "neg/a.md": "bad", "c.TXT": "so so"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.bin").write_bytes(b"\xff")
    (tmp_path / ".checkpoints").mkdir()
    (tmp_path / ".checkpoints" / "c.txt").write_text("so so")
    (tmp_path / "pos" / "._b.txt").write_bytes(b"\xff")
    assert read(tmp_path) == [
        {"file": "c.TXT", "name": "c", "folder": "", "text": "so so"},
        {"file": "neg/a.md", "name": "a", "folder": "neg", "text": "bad"},
        {"file": "pos/b.txt", "name": "b", "folder": "pos", "text": "good"},
    ]


def test_a_folder_is_not_left_by_a_link(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DatasetError, match="leads outside the dataset's folder"):
        read(folder)
    (folder / "a.txt").unlink()
    with pytest.raises(DatasetError, match="no text files"):
        read(folder)


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_standard_input_is_read_more_than_once(monkeypatch, pack):
    opening.stdin_copy.cache_clear()
    pipe = io.TextIOWrapper(io.BytesIO(pack(LINES.encode())))
    monkeypatch.setattr("sys.stdin", pipe)
    assert read("-") == ROWS
    assert read("-") == ROWS
    assert where("-") == ["stdin:1", "stdin:2"]
    opening.stdin_copy.cache_clear()


def test_lines_are_those_of_the_file(tmp_path):
    (tmp_path / "d.csv").write_text('id,text\n1,"a\nb\nc"\n\n2,d\n')
    assert where(tmp_path / "d.csv") == ["F:2", "F:6"]
    (tmp_path / "d.yaml").write_text("# ours\n- id: 1\n  text: a\n- {id: 2}\n")
    assert where(tmp_path / "d.yaml") == ["F:2", "F:4"]
    (tmp_path / "d.json").write_text('[\n  {"id": 1},\n\n  {"id":\n 2}\n]\n')
    assert where(tmp_path / "d.json") == ["F:2", "F:4"]


def test_values_are_as_json_has_them(tmp_path):
    path = tmp_path / "d.parquet"
    day = datetime.date(2026, 11, 23)
    pq.write_table(pa.table({"d": [day], "x": [float("nan")], "l": [[1.5, float("nan")]]}), path)
    assert read(path) == [{"d": "2026-11-23", "x": None, "l": [1.5, None]}]
    path = tmp_path / "d.jsonl"
    path.write_text('{"n": NaN, "big": 123456789012345678901234567890, "m": [1, "x", null]}\n')
    assert read(path) == [{"n": None, "big": "123456789012345678901234567890", "m": [1, "x", None]}]


def test_words_in_yaml_stay_words(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_text("- {answer: no, really: yes, flag: true}\n")
    assert read(path) == [{"answer": "no", "really": "yes", "flag": True}]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_a_json_list_reads_the_same_in_any_pieces(tmp_path, monkeypatch, chunk):
    rows = [{"id": n, "t": 'a "quoted" \\ brace } ' * n, "x": [n, {"y": None}]} for n in range(9)]
    path = tmp_path / "d.json"
    path.write_text(json.dumps(rows, indent=1))
    monkeypatch.setattr("evalkit.suite.json_rows._CHUNK", chunk)
    assert [dict(row.values) for row in read_json(Source(path, "d"))] == rows


@pytest.mark.parametrize(
    "kind", ["jsonl", "json", "csv", pytest.param("yaml", marks=pytest.mark.slow)]
)
def test_rows_are_streamed_not_held(tmp_path, kind):
    rows = [{"id": str(n), "text": "x" * 1000} for n in range(6000 if kind != "yaml" else 1000)]
    path = tmp_path / f"d.{kind}"
    match kind:
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case "json":
            path.write_text(json.dumps(rows))
        case "yaml":
            path.write_text(yaml.safe_dump(rows))
        case "csv":
            path.write_text("id,text\n" + "".join(f"{r['id']},{r['text']}\n" for r in rows))
    size = path.stat().st_size
    next(iter(read_rows(path)))  # what is loaded once is not counted
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == len(rows)
    assert peak < (size if kind != "json" else 0.9 * size)


def test_drawn_rows_follow_from_the_seed_and_not_from_the_order(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps({"n": n}) + "\n" for n in range(50)))
    rows = list(read_rows(path))
    assert draw_rows(rows, 5, 1) == draw_rows(reversed(rows), 5, 1)
    assert draw_rows(rows, 5, 1) != draw_rows(rows, 5, 2)
    assert len(draw_rows(rows, 99, 1)) == 50


@pytest.fixture
def saved(tmp_path):
    """A dataset with two splits, as the package saves it."""
    train, test = (datasets.Dataset.from_list([{"q": f"{name} {n}", "a": n} for n in range(3)])
                   for name in ("train", "test"))  # fmt: skip
    whole = datasets.DatasetDict({"train": train, "test": test})
    whole.save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_a_hugging_face_dataset_saved_in_a_folder(saved):
    rows = read(f"hf:{saved}", split="test")
    assert rows == [{"q": f"test {n}", "a": n} for n in range(3)]
    with pytest.raises(DatasetError, match="has several splits: train, test"):
        read(f"hf:{saved}")
    with pytest.raises(DatasetError, match="has no split 'dev': train, test"):
        read(f"hf:{saved}", split="dev")


def test_a_hugging_face_dataset_of_data_files(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "test.jsonl").write_text(LINES)
    assert read(f"hf:{folder}") == ROWS
    assert read(f"hf:{folder}", split="test") == ROWS


def test_a_hub_that_cannot_be_reached_is_told(tmp_path):
    with pytest.raises(DatasetError) as caught:
        read(f"hf:{tmp_path}/nothing-here")
    assert "nothing-here" in str(caught.value)
    assert "name a folder: hf:./folder" in caught.value.hint
