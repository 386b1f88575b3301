import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from builders import WHEN, a_case, a_failure, a_response, a_result

from evalkit.errors import StoreError, UnknownRun
from evalkit.store import files, making
from evalkit.store import writer as writer_module
from evalkit.store.jobs import read_job
from evalkit.store.journal import Entry, read_journal
from evalkit.store.judges import make_judge_store
from evalkit.store.making import create_run
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder, find_run, list_runs
from evalkit.store.writer import RunWriter
from evalkit.tables import RESPONSES, encode_row, response_row


def manifest(**fields) -> Manifest:
    base = {
        "run_id": "abc123",
        "name": "sums",
        "suite": {},
        "digests": {"suite": "b2:1"},
        "versions": {},
        "endpoints": {},
        "planned": 2,
        "n_cases": 0,
        "started_at": WHEN.isoformat(),
    }
    return Manifest(**{**base, **fields})


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    cases = (a_case(f"c{number}", question=f"{number}?") for number in range(3))
    return create_run(
        tmp_path / "sums" / "20261123T120000Z-abc123", manifest(), "name: sums\n", cases
    )


def stored_keys(folder: RunFolder) -> set[str]:
    return set(folder.responses(["trial_key"])["trial_key"].to_pylist())


def _cut(rows) -> None:
    raise KeyboardInterrupt


def entries(*results) -> list[Entry]:
    return [Entry(result.trial.key, encode_row(response_row(result))) for result in results]


def test_a_new_run_holds_its_cases_and_counts_them(folder):
    assert [case.id for case in folder.cases()] == ["c0", "c1", "c2"]
    assert next(folder.cases()).inputs == {"question": "0?"}
    stored = folder.manifest()
    assert (stored.n_cases, stored.planned) == (3, 6)
    assert stored.digests["dataset"].startswith("b2:")


def test_a_run_whose_cases_fail_leaves_nothing_behind(tmp_path):
    def broken():
        yield a_case("c1")
        raise ValueError("row 2")

    with pytest.raises(ValueError, match="row 2"):
        create_run(tmp_path / "sums" / "x", manifest(), "", broken())
    assert not (tmp_path / "sums" / "x").exists()


def test_outcomes_are_readable_before_and_after_sealing(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1), a_result(2, a_failure())))
    before = folder.responses()
    assert before.schema.equals(RESPONSES)
    writer.seal()
    assert len(folder.parts()) == 1
    assert folder.responses().equals(before)
    writer.commit(entries(a_result(3)))
    assert stored_keys(folder) == {a_result(number).trial.key for number in (1, 2, 3)}
    writer.close(manifest(status="complete"), is_complete=True)
    assert not list(folder.path.glob("journal*"))
    assert folder.responses(["trial_key"]).num_rows == 3


def test_what_is_unknown_is_null(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1, a_failure())))
    row = folder.responses().to_pylist()[0]
    assert row["status"] == "failed" and row["error_kind"] == "server_error"
    for column in (
        "text",
        "input_tokens",
        "thinking_tokens",
        "cost_usd",
        "stop_reason",
        "first_token_s",
    ):
        assert row[column] is None
    assert row["attempts"][0]["status"] == 500
    assert row["started_at"] == WHEN
    writer.abandon()


def test_killed_between_sealing_and_forgetting_nothing_is_doubled(folder, monkeypatch):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1), a_result(2)))
    monkeypatch.setattr(writer._journal, "forget", _cut)
    with pytest.raises(KeyboardInterrupt):
        writer.seal()  # the part is there, the journal still has its rows: as after a kill
    writer.abandon()
    assert folder.responses().num_rows == 2
    again = RunWriter(folder)
    again.commit(entries(a_result(3)))
    again.seal()
    again.abandon()
    keys = [key for part in folder.parts() for key in pq.read_table(part)["trial_key"].to_pylist()]
    assert sorted(keys) == sorted(a_result(number).trial.key for number in (1, 2, 3))


def test_an_answer_replaces_an_earlier_failure_everywhere(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1, a_failure()), a_result(2)))
    writer.seal()
    later = replace(a_result(1, a_response("12")), started_at=WHEN + timedelta(seconds=9))
    writer.commit(entries(later))
    assert folder.responses(["status"])["status"].to_pylist() == ["ok", "ok"]
    writer.close(manifest(status="complete"), is_complete=True)
    keys = [key for part in folder.parts() for key in pq.read_table(part)["trial_key"].to_pylist()]
    assert sorted(keys) == sorted(a_result(number).trial.key for number in (1, 2))


def test_sealing_happens_by_size(folder, monkeypatch):
    monkeypatch.setattr(writer_module, "SEAL_ROWS", 10)
    writer = RunWriter(folder)
    for number in range(25):
        writer.commit(entries(a_result(number)))
    writer.abandon()
    assert folder.parts()
    assert {pq.read_metadata(part).num_rows for part in folder.parts()} == {10}
    assert len(stored_keys(folder)) == 25


def test_text_that_utf8_cannot_hold_is_kept_as_far_as_it_can(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1, a_response("a\ud800b\x00\u202e🎉"))))
    writer.seal()
    assert folder.responses(["text"])["text"].to_pylist() == ["a?b\x00\u202e🎉"]
    writer.abandon()


def test_one_writer_a_run_and_the_lock_dies_with_its_process(folder):
    program = (
        "import sys, pathlib; from evalkit.store.runs import RunFolder;"
        "from evalkit.store.writer import RunWriter;"
        f"writer = RunWriter(RunFolder(pathlib.Path({str(folder.path)!r})));"
        "print('held', flush=True);"
        "sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"being written by process {holder.pid}"):
        RunWriter(folder)
    holder.kill()
    holder.communicate()
    RunWriter(folder).abandon()


def test_a_damaged_part_is_named(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    writer.seal()
    writer.abandon()
    part = folder.parts()[0]
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(StoreError, match="part-00000.parquet"):
        folder.responses()


def test_a_folder_that_refuses_is_told(tmp_path):
    (tmp_path / "sums").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        create_run(tmp_path / "sums" / "x", manifest(), "", [a_case()])


def test_runs_are_found_by_path_name_id_and_age(tmp_path):
    made = [
        create_run(
            tmp_path / name / f"2026112{day}T000000Z-{run_id}",
            manifest(run_id=run_id),
            "",
            [a_case()],
        )
        for name, day, run_id in (
            ("sums", 1, "aaa111"),
            ("sums", 2, "abb222"),
            ("caps", 3, "ccc333"),
        )
    ]
    paths = [run.path for run in made]
    assert [run.path for run in list_runs(tmp_path)] == paths

    def found(reference: str):
        return find_run(reference, tmp_path).path

    assert found("latest") == paths[2]
    assert found("latest~1") == paths[1]
    assert found("sums") == paths[1]
    assert found("sums~1") == paths[0]
    assert found("ccc") == paths[2]
    assert found(str(paths[0])) == paths[0]
    assert found(paths[0].name) == paths[0]
    assert found(f"sums/{paths[0].name}") == paths[0]  # as it is listed
    with pytest.raises(StoreError, match="fits several runs"):
        found("a")
    with pytest.raises(UnknownRun) as caught:
        found("zzz")
    assert "caps/20261123T000000Z-ccc333" in caught.value.hint
    with pytest.raises(UnknownRun):
        found("latest~3")


def test_a_newer_format_and_a_damaged_manifest_are_told(folder):
    path = folder.path / "manifest.json"
    good = path.read_text()
    path.write_text(good.replace('"format": 1', '"format": 99, "what_is_new": 1'))
    with pytest.raises(StoreError, match="newer than this evalkit"):
        folder.manifest()
    path.write_text(good[:40])
    with pytest.raises(StoreError, match="damaged"):
        folder.manifest()


def test_of_runs_begun_in_one_second_the_later_is_the_latest(tmp_path):
    made = [
        create_run(tmp_path / name / f"20261123T000000Z-{run_id}", manifest(), "", [a_case()]).path
        for name, run_id in (("sums", "fff"), ("caps", "bbb"), ("sums", "aaa"))
    ]
    for number, path in enumerate(made):
        os.utime(path / "suite.yaml", ns=(number, number))
    assert [run.path for run in list_runs(tmp_path)] == made
    assert find_run("latest", tmp_path).path == made[2]
    assert find_run("sums~1", tmp_path).path == made[0]


def test_cases_large_and_many_are_written_in_small_groups(tmp_path):
    inputs = ["x" * 300_000] * 9 + ["y"] * 3_000
    cases = [a_case(f"c{number}", question=text) for number, text in enumerate(inputs)]
    run = create_run(tmp_path / "sums" / "r", manifest(), "", cases)
    file = pq.ParquetFile(run.cases_path)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    assert max(group.num_rows for group in groups) <= 1024
    assert groups[0].num_rows == 4
    assert list(run.cases()) == cases
    wanted = np.zeros(len(cases), dtype=bool)
    wanted[[0, 8, 2_999]] = True
    assert [case.id for case in run.cases(wanted)] == ["c0", "c8", "c2999"]
    assert [case.id for case in run.cases(wanted[:9])] == ["c0", "c8"]


def test_a_run_that_is_there_already_is_left_alone(folder):
    with pytest.raises(StoreError, match="File exists"):
        create_run(folder.path, manifest(), "", [a_case("other")])
    assert [case.id for case in folder.cases()] == ["c0", "c1", "c2"]


def test_what_a_run_is_for_is_said_before_it_is_one(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(making, "write_manifest", lambda path, told: said.append(read_job(path)))
    create_run(tmp_path / "sums" / "r", manifest(), "", [a_case()], {"kind": "bank"})
    assert said == [{"kind": "bank"}]


def test_every_folder_on_the_way_to_a_run_survives_a_power_cut(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    path = tmp_path / "new" / "runs" / "sums" / "r"
    store = make_judge_store(create_run(path, manifest(), "", [a_case()]), "clarity")
    # A new name is on the disk once the folder that holds it is.
    made = [path.parents[2], path.parents[1], path.parent, path, store.path.parent, store.path]
    assert {one.parent for one in made} <= set(synced)


@pytest.mark.parametrize(
    "gone", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_killed_while_the_journal_goes_though_somebody_reads_it(folder, monkeypatch, gone):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(0), a_result(1)))
    reading = read_journal(folder.journal_path, 1)
    next(reading)  # keeps the log from being folded in
    left, unlink_now = [gone], Path.unlink

    def unlink(path, missing_ok=False):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink_now(path)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(KeyboardInterrupt):
        writer.close(manifest(), is_complete=True)
    monkeypatch.undo()
    reading.close()
    RunWriter(folder).close(manifest(), is_complete=True)
    assert stored_keys(folder) == {a_result(0).trial.key, a_result(1).trial.key}
    assert not list(folder.path.glob("journal*"))


@pytest.mark.parametrize("name", ["x" * 5_000, "~nobody-of-that-name", "../..", "", "/root/x"])
def test_a_name_that_can_be_no_run_is_told_like_any_other(folder, name, monkeypatch):
    with pytest.raises(UnknownRun, match="no run"):
        find_run(name, folder.path.parents[1])

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(UnknownRun, match="no run"):
        find_run(name, folder.path.parents[1])
