"""What is told of a run from outside: running, killed, over."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import pytest
from builders import a_case, a_failure, a_result
from cli.test_liveview import NOW
from click.testing import CliRunner

from evalkit.cli.failures import what_failed
from evalkit.cli.status import command, status_document
from evalkit.store.journal import Entry
from evalkit.store.making import create_run
from evalkit.store.manifest import write_manifest
from evalkit.store.status import read_control, write_status
from evalkit.store.writer import RunWriter
from evalkit.tables import encode_row, response_row


@pytest.fixture
def folder(tmp_path):
    from store.test_runs import manifest

    return create_run(tmp_path / "sums" / "20261123T120000Z-abc123", manifest(), "", [a_case()])


def commit(writer, *results) -> None:
    writer.commit(
        [Entry(result.trial.key, encode_row(response_row(result)), None) for result in results]
    )


def status(folder, *args) -> str:
    done = CliRunner().invoke(command, [str(folder.path), *args], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.output


def test_a_run_whose_process_is_gone_was_killed(folder):
    writer = RunWriter(folder)
    commit(writer, a_result(1), a_result(2, a_failure()))
    write_status(folder.path, {"at": time.time(), **asdict(NOW)})
    assert status_document(folder)["status"] == "running"
    writer.abandon()
    document = status_document(folder)
    assert (document["status"], document["live"]) == ("interrupted", None)
    assert (document["totals"]["ok"], document["totals"]["failed"]) == (1, 1)
    told = status(folder)
    assert "interrupted (its process is gone)" in told
    assert "1 of 2 answered, 1 failed" in told
    assert f"Next:   evalkit resume {folder.path}" in told


def test_a_running_run_is_shown_as_it_told_last(folder):
    writer = RunWriter(folder)
    assert "running" in status(folder)  # it has told nothing yet
    write_status(folder.path, {"at": time.time(), **asdict(NOW)})
    told = status(folder)
    assert "81/300 27%" in told
    assert "plain/claude-haiku-4-5/off  41/150   83%  74–90%" in told
    write_status(folder.path, {"at": time.time() - 60, **asdict(NOW)})
    assert "as of 60 s ago" in status(folder)
    # A wish is written down, and waited for until it is heard.
    write_status(folder.path, {"at": time.time(), "heard": time.time() + 60, **asdict(NOW)})
    status(folder, "--pause", "-j", "3")
    control = read_control(folder.path)
    assert (control["paused"], control["concurrency"]) == (True, 3)
    writer.abandon()


def test_a_stopped_run_says_why(folder):
    stopped = replace(
        folder.manifest(),
        status="stopped",
        stopped_because="the key was refused",
        totals={"ok": 1, "failed": 0},
    )
    write_manifest(folder.path, stopped)
    told = status(folder)
    assert "stopped (the key was refused)" in told
    assert "Next:   evalkit resume" in told


def test_failures_are_told_with_an_example_of_each_kind(folder):
    writer = RunWriter(folder)
    failures = [
        a_result(number, replace(a_failure(), kind=kind, message=f"{kind} \x1b[31mwas\nsaid"))
        for number, kind in enumerate(["timeout", "timeout", "invalid_request"])
    ]
    commit(writer, *failures, a_result(9))
    writer.finish()
    failed = what_failed(folder)
    writer.abandon()
    assert failed.kinds == "2 timeout, 1 invalid_request"
    assert [line.split(" (case")[0] for line in failed.lines] == [
        "timeout: timeout was said",
        "invalid_request: invalid_request was said",
    ]
