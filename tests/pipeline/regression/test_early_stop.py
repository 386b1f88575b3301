"""Stopping early: fed in the planned order whatever the order of arrival, and told of trouble."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import a_failure, a_response, a_result, a_trial
from stored_runs import a_run

from evalkit.pipeline.regression import early_stop
from evalkit.pipeline.regression.banking import Provenance, make_baseline
from evalkit.pipeline.regression.early_stop import EarlyStop
from evalkit.pipeline.regression.gating import Prepared, gate_policy, prepare
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.stop import Reason
from evalkit.types import Case, TrialResult

N = 120
GATE = {"rules": [{"scorer": "number", "max_drop": 0.1}]}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A run that has asked nothing yet, with a bank of three runs that were all right."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [a_run(folder, name * 6, {"off": [1.0] * N}, gate=GATE) for name in "abc"]
    bank, _ = make_baseline("b", runs, Provenance("me"))
    empty = a_run(folder, "dddddd", {"off": [1.0] * N}, gate=GATE)
    for part in empty.parts():
        part.unlink()
    return prepare(empty, bank, gate_policy(stored_suite(empty)))


def result(prepared: Prepared, place: int, outcome: Any) -> TrialResult:
    case = prepared.trials.cases.ids[place]
    trial = a_trial(
        place, case_id=case, variant=prepared.trials.variants[0], case=Case(case, {}, "12")
    )
    return a_result(outcome=outcome, trial=trial)


def fresh(prepared: Prepared) -> Prepared:
    from evalkit.analysis.gate import make_tests

    tests = make_tests([test.question for test in prepared.tests], 0.01)
    return replace(prepared, tests=tuple(tests))


def told(watch: EarlyStop, results: list[TrialResult]) -> list[Reason]:
    reasons: list[Reason] = []
    watch.begin(reasons.append)
    for one in results:
        watch.hear(one)
    watch._worker.shutdown(wait=True)
    watch.end()
    watch.raise_error()
    return reasons


def test_it_stops_where_the_order_says_not_where_answers_came(prepared: Prepared) -> None:
    order = EarlyStop(fresh(prepared)).order()
    assert sorted(order.tolist()) == list(range(N))
    answers = [result(prepared, place, a_response("12")) for place in order.tolist()]
    in_order = fresh(prepared)
    reasons = told(EarlyStop(in_order), answers)
    at = in_order.tests[0].decided_at
    assert at is not None
    assert 20 < at < N
    assert f"a pass after {at} cases" in reasons[0].message
    assert reasons[0].exit_code == 0
    # All but the first have come: nothing may be fed, however much is known.
    held = fresh(prepared)
    assert told(EarlyStop(held), answers[1:]) == []
    assert held.tests[0].seen == 0
    backwards = fresh(prepared)
    told(EarlyStop(backwards), answers[::-1])
    assert backwards.tests[0].decided_at == at


def test_wrong_answers_are_a_regression(prepared: Prepared) -> None:
    order = EarlyStop(fresh(prepared)).order()
    wrong = [result(prepared, place, a_response("13")) for place in order.tolist()]
    (reason, *_) = told(EarlyStop(fresh(prepared)), wrong)
    assert "a regression after" in reason.message


def test_so_many_failures_that_nothing_can_be_measured(prepared: Prepared) -> None:
    order = EarlyStop(fresh(prepared)).order()
    lost = [result(prepared, place, a_failure()) for place in order[:7].tolist()]
    assert told(EarlyStop(fresh(prepared)), lost[:6]) == []
    (reason,) = told(EarlyStop(fresh(prepared)), lost)
    assert reason.exit_code == 3
    assert "7 of 120 planned trials came to nothing" in reason.message


def test_another_model_than_the_banks_stops_at_once(prepared: Prepared) -> None:
    key = prepared.trials.variants[0].key
    strange = [result(prepared, 0, a_response("12", model="claude-next"))]
    watch = EarlyStop(fresh(prepared), models={key: ("claude-haiku-4-5-20251001",)})
    (reason,) = told(watch, strange)
    assert reason.exit_code == 2
    assert "is answered by claude-next" in reason.message


def test_what_goes_wrong_while_grading_is_raised(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no grading today")

    monkeypatch.setattr(early_stop, "grade", broken)
    with pytest.raises(RuntimeError, match="no grading today"):
        told(EarlyStop(fresh(prepared)), [result(prepared, 0, a_response("12"))])


def test_a_part_of_the_cases(prepared: Prepared) -> None:
    places = np.array([5, 3, 8])
    watch = EarlyStop(fresh(prepared), places=places)
    assert watch.order().tolist() == [5, 3, 8]
    watch.begin(lambda reason: None)
    watch.end()
