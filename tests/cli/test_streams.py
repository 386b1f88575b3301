"""What becomes of a command whose output nobody reads: it ends as it would have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from stored_runs import a_run

PROGRAM = """
import sys
from evalkit.cli.streams import go_on_unwatched
from evalkit.errors import StoreError
go_on_unwatched()
try:
    for stream in (sys.stderr, sys.stdout):
        print("x" * 100_000, file=stream, flush=True)
        print("more", file=stream, flush=True)
except StoreError as error:
    print(error.message, file=sys.stderr)
    sys.exit(2)
sys.exit(7)
"""


def ends(**streams: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, timeout=60, check=False, text=True, **streams)


@pytest.fixture
def unread():
    """The end of a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_a_reader_that_left_changes_no_exit_code(unread):
    assert ends(stdout=unread, stderr=unread).returncode == 7


def test_a_terminal_that_was_hung_up_changes_no_exit_code():
    here, there = os.openpty()
    os.close(here)
    assert ends(stdout=there, stderr=there).returncode == 7
    os.close(there)


def test_results_that_find_no_room_are_an_error_and_notes_are_not():
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = ends(stdout=full.fileno(), stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert "the output cannot be written: No space left on device" in done.stderr
        assert ends(stdout=subprocess.PIPE, stderr=full.fileno()).returncode == 7


def test_a_command_ends_as_it_would_when_its_reader_left(tmp_path, unread):
    """click and rich would end it with 1, which is a failed gate's."""
    a_run(tmp_path / "runs", "abc123", {"off": [1, 0]})
    command = [sys.executable, "-m", "evalkit", "list"]
    done = subprocess.run(command, cwd=tmp_path, stdout=unread, timeout=60, check=False)
    assert done.returncode == 0
