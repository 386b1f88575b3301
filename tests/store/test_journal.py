import shutil
import sqlite3
import threading

import pytest

from evalkit.errors import StoreError
from evalkit.store.journal import GROUP, Entry, Journal, JournalWriter, read_journal


def entry(number: int, row: bytes = b"{}") -> Entry:
    return Entry(f"k{number}", row, told=number)


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.sqlite")
    yield made
    made.close()


def test_rows_come_back_in_order_and_the_last_of_a_trial_counts(journal):
    journal.commit([entry(1, b"a"), entry(2, b"b")])
    journal.commit([entry(1, b"c")])
    assert found(journal.read(0, 10)) == [("k2", b"b"), ("k1", b"c")]
    journal.remove(["k1"])
    assert found(journal.read(0, 10)) == [("k2", b"b")]


def found(rows) -> list[tuple[str, bytes]]:
    return [(item.trial_key, item.row) for item in rows]


def test_what_is_sealed_is_forgotten_and_what_came_meanwhile_is_kept(journal):
    journal.commit([entry(1, b"a"), entry(2, b"b"), entry(3, b"c")])
    sealed = journal.read(0, 2)
    journal.commit([entry(1, b"again"), entry(4, b"d")])
    journal.forget(sealed[-1].place)
    assert found(journal.read(0, 10)) == [("k3", b"c"), ("k1", b"again"), ("k4", b"d")]


def test_a_reader_sees_what_is_committed_and_disturbs_nobody(journal, tmp_path):
    path = tmp_path / "journal.sqlite"
    assert list(read_journal(path, 2)) == []
    journal.commit([entry(number, b"x") for number in range(5)])
    batches = read_journal(path, 2)
    first = next(batches)
    journal.commit([entry(9)])
    rows = [*first, *(item for batch in batches for item in batch)]
    assert [item.trial_key for item in rows] == ["k0", "k1", "k2", "k3", "k4"]
    assert list(read_journal(tmp_path / "none.sqlite", 2)) == []


def test_a_row_that_has_changed_on_disk_is_told(journal, tmp_path):
    journal.commit([entry(1, b"seven")])
    journal._database.execute(
        "UPDATE outcomes SET row = CAST(replace(hex(row), '76', '66') AS BLOB)"
    )
    with pytest.raises(StoreError, match="checksum does not match") as caught:
        journal.read(0, 1)
    assert "responses is kept" in caught.value.hint


def test_rows_of_the_first_format_are_read_without_a_checksum(journal):
    journal._database.execute("INSERT INTO outcomes VALUES ('k1', ?)", (b'{"a":1}',))
    assert found(journal.read(0, 1)) == [("k1", b'{"a":1}')]


def test_a_deleted_folder_is_noticed(tmp_path):
    (tmp_path / "run").mkdir()
    journal = Journal(tmp_path / "run" / "journal.sqlite")
    journal.commit([entry(1)])
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(StoreError, match="deleted or moved"):
        journal.commit([entry(2)])
    journal.close()


def test_a_commit_is_seen_by_others_at_once(journal, tmp_path):
    journal.commit([entry(1)])
    other = sqlite3.connect(tmp_path / "journal.sqlite")
    assert other.execute("select count(*) from outcomes").fetchone() == (1,)
    other.close()


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(StoreError, match="journal.sqlite"):
        Journal(tmp_path / "journal.sqlite")


def test_a_journal_whose_making_was_cut_short_is_read_as_empty(tmp_path):
    making = sqlite3.connect(tmp_path / "making.sqlite", isolation_level=None)
    making.execute("PRAGMA cache_size=1")  # pages go to the file before the end
    making.execute("CREATE TABLE before (a)")
    making.execute("BEGIN")
    making.execute("CREATE TABLE outcomes (trial_key TEXT PRIMARY KEY, row BLOB NOT NULL)")
    making.executemany(
        "INSERT INTO outcomes VALUES (?, ?)", ((f"k{number}", b"{" * 900) for number in range(99))
    )
    left = tmp_path / "run"
    left.mkdir()
    for suffix in ("", "-journal"):
        shutil.copy(tmp_path / f"making.sqlite{suffix}", left / f"journal.sqlite{suffix}")
    making.close()
    assert (left / "journal.sqlite-journal").stat().st_size > 4096
    assert list(read_journal(left / "journal.sqlite", 10)) == []
    journal = Journal(left / "journal.sqlite")
    assert journal.waiting == 0
    journal.close()


def test_the_writer_commits_in_groups_and_tells_afterwards():
    stored, told = [], []

    def commit(entries):
        assert 0 < len(entries) <= GROUP
        stored.extend(entries)

    def on_commit(entries):
        assert set(entries) <= set(stored)
        told.extend(item.told for item in entries)

    writer = JournalWriter(commit, on_commit, pytest.fail)
    for number in range(1000):
        writer.put(entry(number))
    writer.close()
    assert told == list(range(1000))


@pytest.mark.parametrize(
    "error", [StoreError("the disk is full"), RuntimeError("the disk is full")]
)
def test_a_failed_commit_is_told_once_and_ends_the_writing(error):
    failed = threading.Event()
    told = []

    def commit(entries):
        raise error

    def on_error(error):
        told.append(str(error))
        failed.set()

    writer = JournalWriter(commit, lambda _: pytest.fail("nothing was stored"), on_error)
    writer.put(entry(1))
    assert failed.wait(5)
    with pytest.raises(StoreError, match="the disk is full"):
        writer.put(entry(2))
    with pytest.raises(StoreError, match="the disk is full"):
        writer.close()
    assert len(told) == 1 and "the disk is full" in told[0]
