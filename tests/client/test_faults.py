"""Each fault of real servers, gateways and networks, over real sockets through the whole client.

A trial ends as an answer or as a failure that can be recorded, whatever happens to it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from builders import a_request, a_trial
from servers import RunningServer, simulated_server

from evalkit.client.clock import SystemClock
from evalkit.client.stack import open_client, open_gate
from evalkit.errors import FAILURES, ApiError
from evalkit.executors.local import LocalExecutor
from evalkit.policies import Limits, Retries
from evalkit.tables import decode_row, encode_row, response_row
from evalkit.types import Endpoint, Failure, Response, Thinking, Trial, TrialResult

STREAM_EVENTS = 12
ATTEMPTS = 2
PATIENT = Limits(concurrency=16, idle_timeout_s=30, total_timeout_s=30)
HASTY = Limits(concurrency=16, idle_timeout_s=0.25, total_timeout_s=0.25)
RETRIES = Retries(attempts=ATTEMPTS, first_wait_s=0.001)
# Refusals for rate use up no attempts and make everyone wait, so the first must be the last here.
ONCE = Retries(within_s=1e-6)

both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with simulated_server() as running:
        yield running


async def results(
    base_url: str,
    *faults: str,
    stream: bool,
    limits: Limits = PATIENT,
    retries: Retries = RETRIES,
) -> list[TrialResult]:
    """One trial for each fault, all at once; the server commits it at every attempt."""
    clock, stopping = SystemClock(), asyncio.Event()
    request = a_request(max_tokens=3000, thinking=Thinking("budget", 1024))
    trials = [a_trial(number, model=fault, request=request) for number, fault in enumerate(faults)]

    async def supply() -> AsyncIterator[Trial]:
        for trial in trials:
            yield trial

    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(open_gate(limits, clock, stopping))
        clients = {}
        for fault in faults:
            headers = {"x-evalkit-fault": fault}
            endpoint = Endpoint(fault, base_url, stream=stream, headers=headers)
            opened = open_client(endpoint, "sk-test", limits, retries, gate)
            clients[fault] = await stack.enter_async_context(opened)
        executor = LocalExecutor(clients, 16, clock, stopping)
        outcomes = await stack.enter_async_context(executor.execute(supply()))
        return [result async for result in outcomes]


def recorded(result: TrialResult) -> Failure:
    """The failure of a trial, once its row has gone through the journal's form."""
    failure = result.outcome
    assert isinstance(failure, Failure), failure
    row = decode_row(encode_row(response_row(result)))
    assert (row["status"], row["error_kind"]) == ("failed", failure.kind)
    assert row["error_message"] == failure.message
    assert len(row["attempts"]) == len(failure.attempts)
    assert failure.message.isprintable()
    return failure


def answered(result: TrialResult) -> Response:
    """The answer of a trial, which can be stored as it is."""
    response = result.outcome
    assert isinstance(response, Response), response
    row = decode_row(encode_row(response_row(result)))
    assert (row["status"], row["text"]) == ("ok", response.text)
    response.text.encode()
    return response


@both
@pytest.mark.parametrize(
    ("fault", "kind", "status", "told"),
    [
        ("408", "timeout", 408, "no answer in time (408 timeout_error): Request timeout"),
        ("409", "conflict", 409, "a concurrent change (409 conflict_error): The resource was"),
        ("413", "request_too_large", 413, "the request is too large (413): Request Entity Too"),
        ("500", "server_error", 500, "the server failed (500 api_error): Internal server error"),
        ("500-openai", "server_error", 500, "the server failed (500 server_error): Internal error"),
        ("502", "server_error", 502, "(502): a web page instead of an answer: 502 Bad Gateway"),
        ("503", "server_error", 503, "the server failed (503): upstream connect error"),
        ("504", "timeout", 504, "no answer in time (504 timeout_error): The request took too"),
        ("reset", "connection", None, "the connection failed: Connection reset by peer"),
        ("html", "malformed", 200, "the answer is a web page: 200 Welcome"),
    ],
)
async def test_failures(server, fault, kind, status, told, stream):
    (result,) = await results(server.base_url, fault, stream=stream)
    failure = recorded(result)
    assert (failure.kind, failure.status) == (kind, status)
    assert told in failure.message
    expected = ATTEMPTS if FAILURES[kind].is_retryable else 1
    assert [attempt.error_kind for attempt in failure.attempts] == [kind] * expected


@both
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("429:0.05", "rate_limit"), ("429-bare", "rate_limit"), ("529", "overloaded")],
)
async def test_refusals_for_rate(server, fault, kind, stream):
    (result,) = await results(server.base_url, fault, stream=stream, retries=ONCE)
    failure = recorded(result)
    assert (failure.kind, failure.status) == (kind, int(fault[:3]))
    assert FAILURES[kind].slows_everyone
    assert failure.request_id.startswith("req_")


@both
@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        ("401", "authentication", "Check the key in the environment variable"),
        ("403", "permission", "A proxy or firewall answered instead of the API"),
        ("429-spend", "spend_limit", "Raise the limit or wait until it resets"),
    ],
)
async def test_failures_that_end_the_run(server, fault, kind, hint, stream):
    with pytest.raises(ApiError) as caught:
        await results(server.base_url, fault, stream=stream)
    error = caught.value
    assert (error.kind, error.dooms_run, error.is_retryable) == (kind, True, False)
    assert len(error.attempts) == 1
    assert hint in error.hint


@both
async def test_nobody_listens(stream):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (result,) = await results(f"http://127.0.0.1:{port}", "500", stream=stream)
    failure = recorded(result)
    assert (failure.kind, failure.status, len(failure.attempts)) == ("connection", None, ATTEMPTS)
    assert failure.message == f"cannot connect to 127.0.0.1:{port}: Connection refused"


@both
@pytest.mark.parametrize("fault", ["hang", "hang-mid-body"])
async def test_silence(server, fault, stream):
    (result,) = await results(server.base_url, fault, stream=stream, limits=HASTY)
    failure = recorded(result)
    assert (failure.kind, len(failure.attempts)) == ("timeout", ATTEMPTS)
    assert failure.message in (
        "no answer in time: the server fell silent",
        "no whole answer within 0.25 s",
    )


async def test_an_empty_answer(server):
    (result,) = await results(server.base_url, "empty", stream=False)
    assert (recorded(result).kind, recorded(result).message) == ("malformed", "the answer is empty")
    (result,) = await results(server.base_url, "empty", stream=True)
    assert recorded(result).message == "the stream was empty"
    assert recorded(result).kind == "stream_cut"


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("cut", {"stream_cut"}),
        ("truncated", {"malformed", "stream_cut"}),
        ("reset-mid-body", {"connection"}),
    ],
)
async def test_a_stream_broken_after_each_event(server, fault, kinds):
    faults = [f"{fault}:{count}" for count in range(STREAM_EVENTS)]
    broken = await results(server.base_url, *faults, stream=True)
    assert len(broken) == STREAM_EVENTS
    for result in broken:
        assert recorded(result).kind in kinds
        assert len(recorded(result).attempts) == ATTEMPTS


async def test_a_stream_that_hangs_after_some_events(server):
    faults = [f"hang-mid-body:{count}" for count in (0, 1, 3, 7, STREAM_EVENTS - 1)]
    broken = await results(server.base_url, *faults, stream=True, limits=HASTY)
    assert {recorded(result).kind for result in broken} == {"timeout"}


async def test_an_error_event_after_each_event(server):
    for count in range(STREAM_EVENTS):
        (result,) = await results(
            server.base_url, f"error-event:{count}", stream=True, retries=ONCE
        )
        failure = recorded(result)
        assert (failure.kind, failure.status) == ("overloaded", 200)
        assert "overloaded_error): Overloaded" in failure.message


async def test_a_whole_answer_that_breaks_off(server):
    cut, reset = await results(server.base_url, "truncated", "reset-mid-body", stream=False)
    kinds = {result.trial.variant.model: recorded(result).kind for result in (cut, reset)}
    assert kinds == {"truncated": "malformed", "reset-mid-body": "connection"}


ODD_TEXT = (
    "nul \x00 bell \x07 rtl \u202e\u05e9\u05dc\u05d5\u05dd\u202c zero\u200bwidth "
    "e\u0301 \U0001f9ea\U0001f469\u200d\U0001f52c "
)


@both
@pytest.mark.parametrize(
    ("fault", "odd"),
    [
        ("wrong-type", ""),
        ("gzip", ""),
        ("drip:0.001", ""),
        ("odd-stream", ""),
        ("surrogate", "\ufffd "),
        ("invalid-utf8", "\ufffd\ufffd\ufffd "),
        ("odd-text", ODD_TEXT),
        ("huge:5000000", ("So it goes on. " * 400_000)[:5_000_000] + "\n"),
    ],
    ids=[
        "wrong-type",
        "gzip",
        "drip",
        "odd-stream",
        "surrogate",
        "invalid-utf8",
        "odd-text",
        "5MB",
    ],
)
async def test_answers_all_the_same(server, fault, odd, stream):
    server.reset()  # so that both are the first draw
    (result,) = await results(server.base_url, fault, stream=stream)
    server.reset()
    (plain,) = await results(server.base_url, "cut", stream=False)  # which is for streams alone
    response, expected = answered(result), answered(plain)
    assert response.text.startswith(odd)
    assert (response.text.replace(odd, "") if odd else response.text) == expected.text
    assert (response.stop_reason, response.thinking) == ("end_turn", expected.thinking)
    assert [attempt.error_kind for attempt in response.attempts] == [None]


@both
@pytest.mark.parametrize(
    ("fault", "stop_reason", "has_text"),
    [
        ("refusal", "refusal", False),
        ("no-content", "end_turn", False),
        ("pause-turn", "pause_turn", True),
        ("redacted", "end_turn", True),
    ],
)
async def test_answers_of_an_unusual_kind(server, fault, stop_reason, has_text, stream):
    (result,) = await results(server.base_url, fault, stream=stream)
    response = answered(result)
    assert (response.stop_reason, bool(response.text)) == (stop_reason, has_text)
    assert response.redacted_blocks == (fault == "redacted")
    assert response.usage.total_input_tokens


async def test_what_is_for_streams_alone_leaves_whole_answers_alone(server):
    whole = await results(server.base_url, "cut", "error-event", "odd-stream", stream=False)
    assert len({answered(result).text for result in whole}) == 1
