"""Nights as one stream of tests: each has its level before it begins, and the next counts on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stored_runs import a_run

from evalkit.analysis.gate import GateResult
from evalkit.analysis.verdicts import RuleResult
from evalkit.pipeline.regression.alarms import (
    as_told,
    at_its_level,
    is_alarm,
    next_in_stream,
    stream_of,
)
from evalkit.pipeline.regression.jobs import Earlier, earlier_jobs, thin_out
from evalkit.policies import GatePolicy
from evalkit.stats.multiplicity import e_lond_level
from evalkit.store.jobs import read_job, write_job
from evalkit.suite.gate_schema import GateSpec


def job(folder: Path, name: str, share: float, **told: Any) -> Earlier:
    """Another night in the folder; all of them."""
    run = a_run(folder, name * 6, {"off": [1.0, 0.0]})
    home = run.path.parent
    before = [one for one in earlier_jobs(folder, home.name) if one[0].path != run.path]
    stream = as_told(next_in_stream(share, before))
    write_job(run.path, {"kind": "regress", "stream": stream, **told})
    return earlier_jobs(folder, home.name)


def test_every_night_is_tested_at_the_level_of_its_place(tmp_path: Path) -> None:
    assert next_in_stream(0.1, []).level == pytest.approx(0.1 * e_lond_level(1, 0, 1.0))
    job(tmp_path, "a", 0.1, verdict="pass", is_alarm=False)
    job(tmp_path, "b", 0.1, verdict="regression", is_alarm=True)
    jobs = job(tmp_path, "c", 0.1)  # killed, and never gone on with: its place is spent
    found = next_in_stream(0.1, jobs)
    assert (found.night, found.alarms) == (4, 1)
    assert found.level == e_lond_level(4, 1, 0.1)
    assert next_in_stream(0.2, jobs).night == 1  # another share is another stream
    run = jobs[1][0]
    assert stream_of(run) == replace(found, night=2, alarms=0, level=e_lond_level(2, 0, 0.1))
    assert at_its_level(GatePolicy(), run).a_fail == e_lond_level(2, 0, 0.1)
    write_job(run.path, {"kind": "regress"})
    assert at_its_level(GatePolicy(), run).a_fail == 0.01


def test_the_count_outlives_the_runs(tmp_path: Path) -> None:
    for name in "abcd":
        jobs = job(tmp_path, name, 0.1, verdict="pass")
    thin_out(tmp_path, jobs[0][0].path.parent.name, 1)
    left = earlier_jobs(tmp_path, jobs[0][0].path.parent.name)
    assert len(left) == 1
    assert next_in_stream(0.1, left).night == 5
    assert (read_job(left[0][0].path) or {})["stream"]["night"] == 4


def test_failed_requests_are_no_alarm_of_a_test() -> None:
    lost = RuleResult("score:number", "max_drop", 0.05, "v", "regression", "", "betting")
    failed = replace(lost, subject="failed", bound="max")
    result = GateResult("regression", (failed,), 1, 0.05, 0.01, 7, 10, None)
    assert not is_alarm(result)
    assert is_alarm(replace(result, rules=(failed, lost)))


def test_nights_have_an_alarm_of_their_own() -> None:
    assert GateSpec.model_validate({"false_alarms": 0.1}).false_alarms == 0.1
    with pytest.raises(ValidationError, match="both say how rare"):
        GateSpec.model_validate({"false_alarms": 0.1, "nights": 100})
