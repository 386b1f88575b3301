"""What a job's verdict is worth when its run did not end as planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import a_suite
from stored_runs import a_run

from evalkit.analysis.gate import GateResult
from evalkit.errors import EXIT_API, EXIT_BUDGET, EXIT_INCONCLUSIVE, EXIT_OK
from evalkit.pipeline.regression.weighing import weighed
from evalkit.pipeline.run import RunOutcome
from evalkit.pipeline.stop import Reason
from evalkit.report.gate_report import GateReport, Usage
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite

CODES = {"pass": 0, "regression": 1, "inconclusive": 5, "unmeasured": 3}
FINE = Usage(400, 200, 0.1, model_errors=4, lost=4, unscored=0)


SUITE = Suite.model_validate(a_suite())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return a_run(tmp_path_factory.mktemp("runs"), "aaaaaa", {"off": [1.0]})


def weigh(
    run: RunFolder,
    verdict: Any,
    *,
    decided_at: int | None = None,
    usage: Usage = FINE,
    stopped: Reason | None = None,
    **more: Any,
) -> tuple[str, int, bool]:
    manifest = replace(run.manifest(), status="complete" if stopped is None else "stopped")
    report = GateReport(
        suite="sums",
        run_id="aaaaaa",
        run_path="runs/sums/x-aaaaaa",
        verdict=verdict,
        exit_code=CODES[verdict],
        result=GateResult(verdict, (), 1, 0.05, 0.01, 7, 400, decided_at),
        usage=usage,
        started_at="2026-11-25T12:00:00+00:00",
        **more,
    )
    code = stopped.exit_code if stopped else EXIT_OK
    found, is_final = weighed(report, RunOutcome(run, manifest, stopped, code), SUITE)
    return found.verdict, found.exit_code, is_final


CAP = Reason("the cost cap is reached", EXIT_BUDGET)
LATE = Reason("the time is over", EXIT_INCONCLUSIVE)
GONE = Reason("the endpoint is gone", EXIT_API)
DECIDED = Reason("the gate is decided", EXIT_OK)


@pytest.mark.parametrize("stopped", [None, CAP, LATE, GONE, DECIDED])
@pytest.mark.parametrize("verdict", ["pass", "regression"])
def test_what_is_proven_stands_however_it_ended(
    run: RunFolder, verdict: str, stopped: Reason | None
) -> None:
    found = weigh(run, verdict, decided_at=150, stopped=stopped)
    assert found == (verdict, CODES[verdict], True)


@pytest.mark.parametrize(
    ("verdict", "stopped", "expected"),
    [
        ("pass", None, ("pass", 0, True)),
        ("pass", CAP, ("inconclusive", EXIT_BUDGET, False)),
        ("regression", CAP, ("inconclusive", EXIT_BUDGET, False)),
        ("pass", LATE, ("inconclusive", EXIT_INCONCLUSIVE, False)),
        ("pass", GONE, ("unmeasured", EXIT_API, False)),
        ("inconclusive", CAP, ("inconclusive", EXIT_BUDGET, False)),
        ("inconclusive", None, ("inconclusive", EXIT_INCONCLUSIVE, True)),
        ("unmeasured", CAP, ("unmeasured", EXIT_BUDGET, False)),
        ("unmeasured", None, ("unmeasured", EXIT_API, False)),
    ],
)
def test_what_is_kept_only_as_seen_is_open_until_all_is_asked(
    run: RunFolder,
    verdict: str,
    stopped: Reason | None,
    expected: tuple[str, int, bool],
) -> None:
    assert weigh(run, verdict, stopped=stopped) == expected


@pytest.mark.parametrize(
    "usage",
    [
        Usage(400, 100, model_errors=0, lost=21),  # more than 5 % of those planned
        Usage(
            400, 100, model_errors=30, lost=0
        ),  # more than limits.max_failed_share of those asked
    ],
)
@pytest.mark.parametrize("verdict", ["pass", "regression"])
def test_where_too_many_failed_nothing_stands(run: RunFolder, verdict: str, usage: Usage) -> None:
    found = weigh(run, verdict, decided_at=60, usage=usage, stopped=DECIDED)
    assert found == ("unmeasured", EXIT_API, False)


def test_an_alarm_over_nights_is_proven_and_a_quiet_part_of_a_night_is_not(run: RunFolder) -> None:
    alarm = weigh(run, "regression", stopped=LATE, night={"is_alarm": True})
    assert alarm == ("regression", 1, True)
    quiet = weigh(run, "pass", stopped=LATE, night={"is_alarm": False})
    assert quiet == ("inconclusive", EXIT_INCONCLUSIVE, False)
