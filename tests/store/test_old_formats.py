"""A run of format 1, as an older evalkit left it when it was killed (``format1/``)."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from builders import a_result, a_trial
from store.test_runs import entries

from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.remaining import remaining_trials
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.totals import count_totals
from evalkit.plan.matrix import plan_variants
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.tables import FORMAT, RESPONSES

OLD = Path(__file__).with_name("format1")


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(OLD, tmp_path / "sums" / "20261125T231052Z-7c24d4")))


def test_it_is_of_the_first_format_and_has_unsealed_rows():
    (part,) = RunFolder(OLD).parts()
    assert pq.read_schema(part).metadata[b"evalkit.format"] == b"1"
    assert FORMAT > 1
    assert pq.read_metadata(part).num_rows == 4


def test_it_is_read_with_nulls_for_what_it_did_not_have(folder):
    table = folder.responses()
    assert table.schema.equals(RESPONSES) and table.num_rows == 7
    assert table["original_cost_usd"].null_count == 7
    assert table["text"].null_count == 0 and table["output_tokens"].null_count == 0
    assert table["started_at"].to_pylist()[0].date() == datetime(2026, 11, 25, tzinfo=UTC).date()
    assert len(list(folder.cases())) == 4


def test_what_it_lacks_is_found_and_it_is_gone_on_with(folder):
    suite, manifest = stored_suite(folder), folder.manifest()
    variants = plan_variants(suite, resolve_endpoints(suite, {}), manifest.only)
    writer = RunWriter(folder)
    done = folder.finished([item.variant.key for item in variants], suite.samples)
    (left,) = remaining_trials(folder, variants, suite.samples, done)
    assert np.count_nonzero(~done) == 1
    assert left.key not in folder.responses(["trial_key"])["trial_key"].to_pylist()
    trial = a_trial(key=left.key, case_id=left.case_id, variant=left.variant)
    writer.commit(entries(a_result(trial=trial)))
    writer.close(manifest, is_complete=True)
    assert count_totals(folder, 8)["ok"] == 8
    formats = [pq.read_schema(part).metadata[b"evalkit.format"] for part in folder.parts()]
    assert formats == [b"1", str(FORMAT).encode()]


def test_its_keys_are_those_that_are_planned_today(folder):
    suite = stored_suite(folder)
    variants = plan_variants(suite, resolve_endpoints(suite, {}), folder.manifest().only)
    everything = np.zeros((4, len(variants), 1), dtype=bool)
    planned = {trial.key for trial in remaining_trials(folder, variants, 1, everything)}
    stored = set(folder.responses(["trial_key"])["trial_key"].to_pylist())
    assert stored < planned and len(planned) == 8
