"""Answers kept across runs: by several processes at once, killed, damaged, thinned out."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from evalkit.errors import StoreError
from evalkit.store.cache import FILE, Cache, CachedAnswer, default_folder

# Keeps answers in groups, as a run does, telling of each group once it is kept.
KEEPING = """
import pathlib, sys
from evalkit.store.cache import Cache, CachedAnswer
cache, name = Cache(pathlib.Path(sys.argv[1])), sys.argv[2]
for group in range(int(sys.argv[3])):
    keys = [f"{name}:{group}:{number}" for number in range(20)]
    cache.keep(CachedAnswer(key, b"x" * 2000, 0.5, "m", name) for key in keys)
    print(group, flush=True)
cache.close()
"""


def an_answer(key: str = "k", answer: bytes = b"{}", run_id: str = "r1") -> CachedAnswer:
    return CachedAnswer(key, answer, 0.25, "claude-haiku-4-5", run_id)


@pytest.fixture
def cache(tmp_path):
    made = Cache(tmp_path)
    yield made
    made.close()


def keeping(folder, name: str, groups: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", KEEPING, str(folder), name, str(groups)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_run_finds_what_others_have_kept_and_not_its_own(cache):
    cache.keep([an_answer("k", b"first")])
    assert cache.find("k", not_of_run="r1") is None
    found = cache.find("k", not_of_run="r2")
    assert (found.answer, found.cost_usd) == (b"first", 0.25)
    cache.keep([an_answer("k", b"second", "r3")])
    assert cache.find("k", not_of_run="r2").answer == b"second"
    assert cache.find("other", not_of_run="r2") is None


def test_two_processes_keep_at_once(tmp_path):
    writers = [keeping(tmp_path, name, 25) for name in ("a", "b")]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    cache = Cache(tmp_path)
    assert cache.info().entries == 2 * 25 * 20
    cache.close()


def test_killed_while_keeping_it_holds_whole_answers(tmp_path):
    writer = keeping(tmp_path, "a", 1_000_000)
    for _ in range(8):
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.communicate()[0].split()
    last = int(rest[-1]) if rest else told
    cache = Cache(tmp_path)
    # What it told of is there; a group is there as a whole or not at all.
    assert cache.info().entries in (20 * (last + 1), 20 * (last + 2))
    assert cache.find(f"a:{last}:19", not_of_run="b").answer == b"x" * 2000
    cache.keep([an_answer()])
    cache.close()


def test_looking_up_does_not_wait_for_who_writes(cache, tmp_path):
    cache.keep([an_answer()])
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    keeper = threading.Thread(target=cache.keep, args=([an_answer("k2")],))
    keeper.start()  # waits for the other process
    start = time.monotonic()
    assert cache.find("k", not_of_run="r2") is not None
    assert time.monotonic() - start < 10
    assert keeper.is_alive()
    other.execute("COMMIT")
    other.close()
    keeper.join(timeout=60)
    assert cache.find("k2", not_of_run="r2") is not None


def test_a_damaged_answer_is_as_good_as_none(cache):
    cache.keep([an_answer(answer=b"y" * 500)])
    cache._database.execute("UPDATE answers SET answer = x'00112233'")
    assert cache.find("k", not_of_run="r2") is None
    cache.keep([an_answer(answer=b"new", run_id="r2")])
    assert cache.find("k", not_of_run="r3").answer == b"new"


@pytest.mark.parametrize(
    "content", [b"no database at all, but some bytes" * 99, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_cache_is_told_with_the_way_out(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(
        StoreError, match=r"answers\.sqlite: the answer cache cannot be used"
    ) as told:
        Cache(tmp_path).keep([an_answer()])
    assert "--cache off" in told.value.hint
    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Cache(tmp_path / "file" / "cache")


def test_thinned_out_by_age_and_size_the_oldest_first(cache):
    for number in range(10):
        cache.keep([an_answer(f"k{number}", os.urandom(1000))])
    age = "UPDATE answers SET stored_at = stored_at - 86400 * 10 WHERE key IN ('k0', 'k1')"
    cache._database.execute(age)
    assert cache.prune(older_than_days=5, max_bytes=None) == 2
    assert cache.prune(older_than_days=None, max_bytes=3_100) == 5
    left = [number for number in range(10) if cache.find(f"k{number}", not_of_run="x")]
    assert left == [7, 8, 9]
    assert cache.info().saved_usd == 0.75
    assert cache.clear() == 3 and cache.info().entries == 0
    assert cache.info().oldest_at is None


def test_where_it_is_by_default(monkeypatch, tmp_path):
    assert default_folder({"XDG_CACHE_HOME": "/c"}).as_posix() == "/c/evalkit"
    monkeypatch.setenv("HOME", str(tmp_path))
    for env in ({}, {"XDG_CACHE_HOME": "relative"}):
        assert default_folder(env) == tmp_path / ".cache" / "evalkit"
