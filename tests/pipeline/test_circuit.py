"""When a run gives up on its endpoint."""

from __future__ import annotations

from dataclasses import replace

from builders import a_failure, a_result

from evalkit.errors import EXIT_API, ApiError
from evalkit.pipeline.circuit import Circuit

RESET = ApiError("connection", "cannot connect")


def failed(kind: str = "timeout"):
    return a_result(1, replace(a_failure(), kind=kind))


def test_an_endpoint_that_is_not_there_is_given_up_in_half_a_minute():
    circuit = Circuit(50)
    assert all(circuit.strained_by(RESET, second / 10) is None for second in range(199))
    reason = circuit.strained_by(RESET, 20.0)
    assert reason is not None
    assert reason.exit_code == EXIT_API
    assert "none of 200 attempts was answered, the last: connection: cannot connect" in (
        reason.message
    )


def test_few_attempts_are_not_enough_however_long_they_take():
    circuit = Circuit(50)
    assert all(circuit.strained_by(RESET, 100.0 * number) is None for number in range(7))


def test_a_server_that_only_falls_silent_is_given_up_after_two_rounds_of_timeouts():
    circuit, silence = Circuit(50), ApiError("timeout", "no answer in time")
    assert all(circuit.strained_by(silence, 120.0) is None for _ in range(4))
    assert all(circuit.strained_by(silence, 240.0) is None for _ in range(3))
    assert circuit.strained_by(silence, 240.0) is not None


def test_an_outage_on_the_way_is_left_to_the_trials_patience():
    circuit = Circuit(3)
    assert circuit.broken_by(a_result(1)) is None
    assert all(circuit.strained_by(RESET, float(number)) is None for number in range(500))
    assert [circuit.broken_by(failed()) is None for _ in range(3)] == [True, True, False]


def test_being_asked_to_slow_down_is_no_sign_of_death():
    circuit = Circuit(50)
    for kind in ("rate_limit", "overloaded", "invalid_request"):
        error = ApiError(kind, "no")
        assert all(circuit.strained_by(error, float(number)) is None for number in range(500))


def test_an_answer_between_failures_begins_the_row_anew():
    circuit = Circuit(3)
    for _ in range(5):
        assert circuit.broken_by(failed()) is None
        assert circuit.broken_by(failed()) is None
        assert circuit.broken_by(a_result(1)) is None


def test_nothing_but_refusals_from_the_start():
    circuit = Circuit(50)
    told = [circuit.broken_by(failed("invalid_request")) for _ in range(20)]
    assert told[:-1] == [None] * 19
    assert told[-1] is not None and "none of the first 20 requests was accepted" in told[-1].message
