"""What a run has, read by parts: formats of the past, doubles, cases, and what is finished."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import WHEN, a_case, a_failure, a_response, a_result, a_trial
from store.test_runs import entries, manifest

from evalkit.errors import StoreError
from evalkit.store import writer as writer_module
from evalkit.store.making import create_run
from evalkit.store.parts import Rows, counting, key_digests
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.tables import FORMAT, RESPONSES

VARIANT = a_trial().variant.key


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    cases = [a_case(f"c{number}") for number in range(6)]
    return create_run(tmp_path / "sums" / "20261123T120000Z-abc123", manifest(), "", cases)


def test_a_part_of_the_first_format_opens_with_nulls_for_what_it_lacks(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1)))
    writer.finish()
    writer.abandon()
    (part,) = folder.parts()
    new = pq.read_table(part)
    old = new.drop_columns(["original_cost_usd"]).replace_schema_metadata({"evalkit.format": "1"})
    pq.write_table(old, part)
    table = folder.responses()
    assert table.schema.equals(RESPONSES)
    assert table.drop_columns(["original_cost_usd"]).equals(new.drop_columns(["original_cost_usd"]))
    assert table["original_cost_usd"].null_count == 1
    pq.write_table(new.replace_schema_metadata({"evalkit.format": str(FORMAT + 1)}), part)
    with pytest.raises(StoreError, match="newer than this evalkit reads"):
        folder.responses()


def test_what_is_finished_is_found_by_case_variant_and_sample(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(0), a_result(1, a_failure())))
    writer.finish()
    second = a_result(1, trial=a_trial(77, case_id="c3", sample=1))
    writer.commit(entries(second))
    for with_failed in (True, False):
        done = folder.finished(["other", VARIANT], 2, with_failed=with_failed)
        assert done.shape == (6, 2, 2)
        places = {(0, 1, 0), (3, 1, 1)} | ({(1, 1, 0)} if with_failed else set())
        assert {tuple(place) for place in np.argwhere(done).tolist()} == places
    writer.abandon()


@pytest.mark.parametrize("other", [{"case_id": "c9"}, {"case_id": "c1", "sample": 2}])
def test_an_answer_nobody_asked_for_is_told_with_its_file(folder, other):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(0), a_result(1)))
    writer.seal()
    writer.commit(entries(a_result(9, trial=a_trial(9, **other))))
    with pytest.raises(StoreError, match=r"journal\.sqlite: holds an answer.*not ask for: case"):
        folder.finished([VARIANT], 2)
    writer.seal()
    writer.abandon()
    with pytest.raises(StoreError, match=r"part-00001\.parquet: holds an answer.*not ask for"):
        folder.finished([VARIANT], 2)


def test_cases_are_picked_by_place_and_by_name(folder):
    wanted = np.array([False, True, False, False, True, False])
    assert [case.id for case in folder.cases(wanted)] == ["c1", "c4"]
    assert [case.id for case in folder.cases(wanted[:3])] == ["c1"]
    named = folder.cases_named(pa.chunked_array([["c5", "c0", "c5", "zz"]]))
    assert set(named) == {"c0", "c5"} and named["c5"].id == "c5"


def test_the_last_row_of_a_trial_counts_wherever_it_is(folder):
    writer = RunWriter(folder)
    writer.commit(entries(a_result(1, a_failure()), a_result(2)))
    writer.seal()
    again = replace(a_result(1, a_response("later")), started_at=WHEN + timedelta(seconds=1))
    writer.commit(entries(again))
    texts = [table["text"].to_pylist() for table in folder.outcomes(["text"])]
    assert texts == [["12"], ["later"]]
    writer.abandon()


def test_digests_tell_keys_apart_also_in_slices():
    keys = [a_trial(number).key for number in range(50)]
    column = pa.chunked_array([keys[:20], keys[20:]])
    assert len(set(key_digests(column).tolist())) == 50
    assert key_digests(column.slice(7, 30)).tolist() == key_digests(column).tolist()[7:37]
    assert len(key_digests(pa.chunked_array([[]], pa.string()))) == 0
    with pytest.raises(StoreError, match="35 bytes"):
        key_digests(pa.chunked_array([["k1"]]))


def test_the_latest_of_several_files():
    def rows(**trials: bool) -> Rows:
        return Rows(np.array([key.encode() for key in trials], "S16"), np.array([*trials.values()]))

    assert counting([rows(a=True, b=True), rows(c=False)]) is None and counting([]) is None
    kept = counting([rows(a=True, b=True), rows(b=True, c=True)])
    assert [mask.tolist() for mask in kept] == [[True, False], [True, True]]
    kept = counting([rows(a=False, b=False), rows(b=False), rows(a=True)])
    assert [mask.tolist() for mask in kept] == [[False, False], [True], [True]]


def test_an_answer_counts_before_a_later_failure():
    digests = np.array([b"a", b"b"], "S16")
    older, newer = Rows(digests, np.array([True, False])), Rows(digests, np.array([False, False]))
    assert [mask.tolist() for mask in counting([older, newer])] == [[True, False], [False, True]]


def test_a_run_of_more_parts_than_files_may_be_open(folder, monkeypatch):
    monkeypatch.setattr(writer_module, "SEAL_ROWS", 1)
    writer = RunWriter(folder)
    writer.commit(entries(*(a_result(number) for number in range(60))))
    writer.finish()
    writer.abandon()
    assert len(folder.parts()) == 60
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 30, hard))
        assert folder.responses(["text"]).num_rows == 60
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
