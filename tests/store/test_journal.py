import sqlite3
import threading

import pytest

from evalkit.errors import StoreError
from evalkit.store.journal import GROUP, Entry, Journal, JournalWriter


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
    assert sorted(journal.rows()) == [("k1", b"c"), ("k2", b"b")]
    journal.remove(["k1"])
    assert (len(journal), list(journal.rows())) == (1, [("k2", b"b")])


def test_a_commit_is_seen_by_others_at_once(journal, tmp_path):
    journal.commit([entry(1)])
    other = sqlite3.connect(tmp_path / "journal.sqlite")
    assert other.execute("select count(*) from outcomes").fetchone() == (1,)
    other.close()


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(StoreError, match="journal.sqlite"):
        Journal(tmp_path / "journal.sqlite")


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


def test_a_failed_commit_is_told_once_and_ends_the_writing():
    failed = threading.Event()
    told = []

    def commit(entries):
        raise StoreError("the disk is full")

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
    assert told == ["the disk is full"]
