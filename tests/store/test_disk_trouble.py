"""The disk is full, the folder gone or closed: told clearly, and what was stored stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from builders import a_case, a_result
from store.test_runs import entries, manifest, stored_keys

from evalkit.errors import EXIT_USAGE, StoreError
from evalkit.store import writer as writer_module
from evalkit.store.making import create_run
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter

# A limit on a file's size stands for a full disk: the kernel refuses to write further.
PROGRAM = """
import json, pathlib, resource, sys
sys.path[:0] = ["tests"]
from builders import a_response, a_result
from store.test_runs import entries
from evalkit.errors import StoreError
from evalkit.store import writer
from evalkit.store.runs import RunFolder
writer.SEAL_ROWS = int(sys.argv[2])
run = writer.RunWriter(RunFolder(pathlib.Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
stored = []
try:
    for number in range(2000):
        result = a_result(number, a_response("x" * 3000 + str(number * 7919)))
        run.commit(entries(result))
        stored.append(result.trial.key)
    run.seal()
    told = "no error"
except StoreError as error:
    told = f"{error.exit_code} {error.message} {error.hint}"
run.abandon()
print(json.dumps({"stored": stored, "told": told}))
"""


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return create_run(
        tmp_path / "sums" / "20261123T120000Z-abc123", manifest(), "name: sums\n", [a_case()]
    )


@pytest.mark.parametrize(
    ("seal_rows", "limit", "names"),
    [(10_000, 400_000, "journal.sqlite"), (40, 4_000, "")],
)
def test_a_full_disk_ends_the_writing_and_keeps_what_was_stored(folder, seal_rows, limit, names):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder.path), str(seal_rows), str(limit)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["told"].startswith(f"{EXIT_USAGE} "), told["told"]
    assert names in told["told"] and str(folder.path) in told["told"]
    assert set(told["stored"]) <= stored_keys(folder)
    assert len(stored_keys(folder)) <= len(told["stored"]) + 1
    again = RunWriter(folder)
    again.commit(entries(a_result(5000)))
    again.finish()
    again.abandon()
    assert set(told["stored"]) < stored_keys(folder)


def test_a_folder_deleted_while_sealing_is_told(folder, monkeypatch):
    monkeypatch.setattr(writer_module, "SEAL_ROWS", 5)
    writer = RunWriter(folder)
    shutil.rmtree(folder.path)
    with pytest.raises(StoreError, match="deleted or moved|unable to open|disk I/O"):
        for number in range(20):
            writer.commit(entries(a_result(number)))
    writer.abandon()
    assert not folder.path.exists()


def test_a_part_that_cannot_be_written_leaves_the_rows_in_the_journal(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    folder.responses_path.rmdir()
    folder.responses_path.write_text("a file where the folder was")
    with pytest.raises(StoreError, match="cannot be written"):
        writer.seal()
    writer.abandon()
    folder.responses_path.unlink()
    assert stored_keys(folder) == {a_result(1).trial.key}


def test_a_manifest_that_cannot_be_written_leaves_the_old_one(folder, monkeypatch):
    before = folder.manifest()

    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(StoreError, match="No space left on device"):
        write_manifest(folder.path, manifest(status="complete"))
    assert folder.manifest() == before
    assert not list(folder.path.glob(".*.tmp"))
