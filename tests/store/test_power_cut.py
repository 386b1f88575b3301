"""Files cut off or full of garbage: a consistent run, or an error that names the file."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from builders import a_case, a_response, a_result
from store.test_runs import entries, manifest

from evalkit.errors import StoreError
from evalkit.store.making import create_run
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter

PAGE = 4096
FRAME = PAGE + 24
WAL_HEAD = 32


@pytest.fixture(scope="module")
def crashed(tmp_path_factory) -> Path:
    """A run as a kill leaves it: a part, a folded-in journal, and a write-ahead log."""
    folder = tmp_path_factory.mktemp("runs") / "sums" / "20261123T120000Z-abc123"
    run = create_run(folder, manifest(), "", [a_case(f"c{number}") for number in range(40)])
    writer = RunWriter(run)
    writer.commit(entries(*(result(number) for number in range(10))))
    writer.seal()
    for number in range(10, 20):
        writer.commit(entries(result(number)))
    writer._journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(20, 30):
        writer.commit(entries(result(number)))
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    writer.abandon()
    assert (copy / "journal.sqlite-wal").stat().st_size > 10 * FRAME
    return copy


def result(number: int):
    return a_result(number, a_response(f"answer {number} " + "x" * 900))


WHOLE = {result(number).trial.key: result(number).outcome.text for number in range(30)}
SEALED = {result(number).trial.key for number in range(10)}
FOLDED = {result(number).trial.key for number in range(20)}


def texts(run: RunFolder) -> dict[str, str]:
    table = run.responses(["trial_key", "text"])
    assert table.num_rows == len(set(table["trial_key"].to_pylist()))
    return dict(zip(table["trial_key"].to_pylist(), table["text"].to_pylist(), strict=True))


def outcome_of(crashed: Path, tmp_path: Path, name: str, data: bytes) -> set[str] | None:
    """The keys of a run with one file replaced, read and opened to be gone on with.

    None if it was refused, which must name the file and leave everything as it was.
    """
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(crashed, folder)
    (folder / name).write_bytes(data)
    try:
        found = texts(RunFolder(folder))
        RunWriter(RunFolder(folder)).abandon()
        assert texts(RunFolder(folder)) == found
    except StoreError as error:
        assert Path(name).name.removesuffix("-wal") in error.message
        assert "kept" in error.hint or "whole" in error.hint
        for part in (folder / "responses").iterdir():
            if part.name != Path(name).name:
                assert part.read_bytes() == (crashed / "responses" / part.name).read_bytes()
        return None
    assert found.items() <= WHOLE.items()  # no answer but those that were stored
    return set(found)


def test_the_whole_run_opens(crashed, tmp_path):
    name = "journal.sqlite-wal"
    assert outcome_of(crashed, tmp_path, name, (crashed / name).read_bytes()) == set(WHOLE)


def test_a_log_cut_anywhere_keeps_what_was_committed_before(crashed, tmp_path):
    data = (crashed / "journal.sqlite-wal").read_bytes()
    frames = range(WAL_HEAD, len(data), 2 * FRAME)
    cuts = {0, 1, WAL_HEAD - 1, *(at + by for at in frames for by in (0, 24, 2000))}
    sizes = []
    for cut in sorted(cuts):
        found = outcome_of(crashed, tmp_path, "journal.sqlite-wal", data[:cut])
        assert found is not None and found >= FOLDED
        sizes.append(len(found))
    assert sizes == sorted(sizes)
    assert sizes[0] == len(FOLDED) and set(sizes) >= {21, 25, 29}


def test_garbage_in_the_log_ends_it_there(crashed, tmp_path):
    chance = random.Random(3)
    data = (crashed / "journal.sqlite-wal").read_bytes()
    for at in range(0, len(data) - 64, FRAME + 1500):
        spoilt = data[:at] + chance.randbytes(64) + data[at + 64 :]
        found = outcome_of(crashed, tmp_path, "journal.sqlite-wal", spoilt)
        assert found is not None and found >= FOLDED


def test_a_journal_cut_or_spoilt_anywhere_is_consistent_or_named(crashed, tmp_path):
    chance = random.Random(4)
    data = (crashed / "journal.sqlite").read_bytes()
    offsets = sorted({1, 16, 99, 100, 108, *range(0, len(data), PAGE // 2 + 100)})
    told = 0
    for at in offsets:
        spoilt = data[:at] + chance.randbytes(48) + data[at + 48 :]
        for changed in (data[:at], spoilt):
            found = outcome_of(crashed, tmp_path, "journal.sqlite", changed)
            told += found is None
            assert found is None or found >= SEALED
    assert told > 10


def test_a_part_cut_or_spoilt_anywhere_is_whole_or_named(crashed, tmp_path):
    chance = random.Random(5)
    name = "responses/part-00000.parquet"
    data = (crashed / name).read_bytes()
    offsets = sorted({1, 3, 4, len(data) - 8, len(data) - 4, *range(0, len(data) - 1, 997)})
    told = 0
    for at in offsets:
        assert outcome_of(crashed, tmp_path, name, data[:at]) is None
        spoilt = data[:at] + chance.randbytes(8) + data[at + 8 :]
        told += outcome_of(crashed, tmp_path, name, spoilt) is None
    assert told > len(offsets) // 3


def test_a_stranger_among_the_parts_is_ignored_or_named(crashed, tmp_path):
    assert outcome_of(crashed, tmp_path, "responses/part-old.parquet", b"mine") == set(WHOLE)
    assert outcome_of(crashed, tmp_path, "responses/notes.txt", b"mine") == set(WHOLE)
    cases = (crashed / "cases.parquet").read_bytes()
    assert outcome_of(crashed, tmp_path, "responses/part-00007.parquet", cases) is None


def test_a_part_moved_away_and_a_journal_moved_away_leave_the_rest(crashed, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(crashed, folder)
    (folder / "responses" / "part-00000.parquet").unlink()
    assert set(texts(RunFolder(folder))) == set(WHOLE) - SEALED
    for left in folder.glob("journal*"):
        left.unlink()
    assert texts(RunFolder(folder)) == {}
    RunWriter(RunFolder(folder)).abandon()


def test_killed_before_the_journal_had_its_table(crashed, tmp_path):
    for left in crashed.glob("journal*"):
        assert left.exists()
    folder = tmp_path / "run"
    shutil.copytree(crashed, folder, ignore=shutil.ignore_patterns("journal*"))
    for data in (b"", None):
        if data is None:
            sqlite3.connect(folder / "journal.sqlite").execute("PRAGMA journal_mode=WAL").close()
        else:
            (folder / "journal.sqlite").write_bytes(data)
        assert set(texts(RunFolder(folder))) == SEALED


def test_reading_needs_no_writable_folder(crashed, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(crashed, folder)
    monkeypatch.setattr("evalkit.store.journal.os.access", lambda path, mode: False)
    assert set(texts(RunFolder(folder))) >= FOLDED


def test_the_index_of_the_log_is_made_anew_whatever_is_in_it(crashed, tmp_path):
    chance = random.Random(6)
    name = "journal.sqlite-shm"
    data = (crashed / name).read_bytes()
    for spoilt in (b"", data[:1], data[:136], data[:-1], chance.randbytes(len(data)), b"\xff" * 99):
        assert outcome_of(crashed, tmp_path, name, spoilt) == set(WHOLE)


def test_what_was_cut_off_while_being_written_aside_is_swept_away(crashed, tmp_path):
    part = (crashed / "responses" / "part-00000.parquet").read_bytes()
    for left in (b"", part[:100], part):
        name = "responses/.part-00001.parquet.tmp"
        assert outcome_of(crashed, tmp_path, name, left) == set(WHOLE)
        assert not (tmp_path / "run" / name).exists()


@pytest.mark.parametrize("name", ["manifest.json", "cases.parquet"])
def test_a_file_of_the_run_cut_anywhere_is_whole_or_named(crashed, tmp_path, name):
    data = (crashed / name).read_bytes()
    for cut in range(0, len(data) - 2, max(1, len(data) // 40)):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(crashed, folder)
        (folder / name).write_bytes(data[:cut])
        with pytest.raises(StoreError, match=name):
            RunFolder(folder).manifest()
            list(RunFolder(folder).cases())
        assert texts(RunFolder(folder)) == WHOLE
