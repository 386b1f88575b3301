"""Several processes at one run: one writes, others read, and all know who it is."""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import sys
import threading
import time

import pytest
from builders import a_case, a_result
from store.test_runs import entries, manifest, stored_keys

from evalkit.errors import StoreError
from evalkit.store.journal import Journal, read_journal
from evalkit.store.lock import RunLock, holder
from evalkit.store.making import create_run
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter

# Commits, seals and ends a run, with small parts, and answers failures anew meanwhile.
WRITING = """
import pathlib, sys
sys.path[:0] = ["tests"]
from dataclasses import replace
from datetime import timedelta
from builders import WHEN, a_failure, a_result
from store.test_runs import entries, manifest
from evalkit.store import writer
from evalkit.store.runs import RunFolder
writer.SEAL_ROWS = 20
run = writer.RunWriter(RunFolder(pathlib.Path(sys.argv[1])))
for number in range(0, 1200, 4):
    run.commit(entries(*(a_result(number + i, a_failure()) for i in range(4))))
    again = replace(a_result(number), started_at=WHEN + timedelta(seconds=1))
    run.commit(entries(again))
run.close(manifest(status="complete"), is_complete=True)
"""


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return create_run(tmp_path / "sums" / "20261123T120000Z-a1", manifest(), "", [a_case()])


def test_reading_is_safe_while_another_process_commits_seals_and_ends(folder):
    writer = subprocess.Popen([sys.executable, "-c", WRITING, str(folder.path)])
    seen: dict[str, str] = {}
    looks = 0
    while writer.poll() is None:
        table = folder.responses(["trial_key", "status"]).to_pydict()
        now = dict(zip(table["trial_key"], table["status"], strict=True))
        assert len(now) == len(table["trial_key"])
        assert now.keys() >= seen.keys()
        assert all(now[key] == "ok" for key, status in seen.items() if status == "ok")
        looks += bool(now)
        seen = now
    assert writer.returncode == 0
    assert looks > 3
    last = folder.responses(["status"])["status"].to_pylist()
    assert (len(last), last.count("ok")) == (1200, 300)
    assert not list(folder.path.glob("journal*"))


def test_a_reader_that_meets_the_end_of_the_journal_finds_nothing_wrong(folder, monkeypatch):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    real = os.access

    def gone(path, mode):
        writer.close(manifest(status="complete"), is_complete=True)
        monkeypatch.setattr("evalkit.store.journal.os.access", real)
        return real(path, mode)

    # The journal was there when the reader looked, and is removed before it is opened.
    monkeypatch.setattr("evalkit.store.journal.os.access", gone)
    assert list(read_journal(folder.journal_path, 10)) == []
    assert stored_keys(folder) == {a_result(1).trial.key}


def test_who_holds_a_run_is_told_with_process_host_and_time(folder):
    lock = RunLock(folder.path / "lock")
    told = holder(folder.path / "lock")
    assert told.startswith(f"process {os.getpid()} on {platform.node()} since 20")
    with pytest.raises(StoreError, match=f"written by process {os.getpid()} on .* UTC") as caught:
        RunWriter(folder)
    assert "evalkit status" in caught.value.hint
    assert folder.standing(manifest(status="running")) == "running"
    lock.release()
    assert holder(folder.path / "lock") is None
    assert folder.standing(manifest(status="running")) == "interrupted"
    assert folder.standing(manifest(status="complete")) == "complete"


def test_asking_who_holds_a_run_does_not_keep_a_writer_out(folder, monkeypatch):
    monkeypatch.setattr("evalkit.store.lock._TRIES", 1000)  # for slow machines
    path = folder.path / "lock"
    path.touch()
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        threading.Timer(0.07, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        start = time.monotonic()
        RunLock(path).release()
        assert time.monotonic() - start > 0.05


def test_a_journal_that_has_lost_its_file_but_not_its_log_is_told(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    log = folder.path / "journal.sqlite-wal"
    kept = log.read_bytes()
    writer.abandon()
    folder.journal_path.unlink()
    log.write_bytes(kept)
    with pytest.raises(StoreError, match="it is gone, though its log"):
        Journal(folder.journal_path)
    assert log.read_bytes() == kept
    log.write_bytes(b"")
    Journal(folder.journal_path).close()


def test_a_folder_that_cannot_be_written_is_read_with_what_is_not_sealed(folder, monkeypatch):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    writer.seal()
    writer.commit(entries(a_result(2)))
    monkeypatch.setattr("evalkit.store.journal.os.access", lambda path, mode: False)
    before = sorted(path.name for path in folder.path.iterdir())
    assert stored_keys(folder) == {a_result(1).trial.key, a_result(2).trial.key}
    assert sorted(path.name for path in folder.path.iterdir()) == before
    writer.abandon()
