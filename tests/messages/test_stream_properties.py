"""Whatever the network does to the bytes: the same message or an ApiError, never half an answer."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from itertools import pairwise

import orjson
from hypothesis import assume, given
from hypothesis import strategies as st
from wire_samples import (
    STOP,
    STREAMS,
    block_start,
    block_stop,
    delta,
    ending,
    read_stream,
    sse,
    start,
    text_events,
)

from evalkit.errors import FAILURES, ApiError
from evalkit.messages.response import parse_error, parse_response
from evalkit.types import Response

ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
NAMES = st.sampled_from(sorted(STREAMS))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def outcome(data: bytes) -> Response | str:
    """The answer, or the kind of the ApiError; anything else that is raised fails the test."""
    try:
        return read_stream(data)
    except ApiError as error:
        assert error.kind in FAILURES
        return error.kind


@given(NAMES, ENDS, st.lists(st.integers(0, 10**6), max_size=12))
def test_every_cut_of_the_same_bytes_gives_the_same_message(
    name: str, end: bytes, places: list[int]
) -> None:
    sent = STREAMS[name].replace(b"\n", end)
    assert read_stream(*cut(sent, places)) == read_stream(STREAMS[name])


@given(NAMES, ENDS, st.data())
def test_a_stream_that_ends_early_is_never_an_answer(
    name: str, end: bytes, data: st.DataObject
) -> None:
    sent = STREAMS[name].replace(b"\n", end)
    last = sent.rindex(b'{"type":"message_stop"}') + len(b'{"type":"message_stop"}')
    kept = data.draw(st.integers(0, last - 1))
    assert outcome(sent[:kept]) == "stream_cut"


@given(NAMES, st.integers(0, 20))
def test_a_stream_without_one_of_its_frame_events_is_never_an_answer(name: str, at: int) -> None:
    events = [block for block in STREAMS[name].split(b"\n\n") if block]
    at %= len(events)
    assume(events[at].startswith((b"event: message_", b"event: content_block_start")))
    rest = b"\n\n".join(events[:at] + events[at + 1 :]) + b"\n\n"
    assert isinstance(outcome(rest), str)


@given(NAMES, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5))
def test_corrupted_bytes_end_as_an_answer_or_an_api_error(
    name: str, changes: list[tuple[int, int]]
) -> None:
    sent = bytearray(STREAMS[name])
    for place, value in changes:
        sent[place % len(sent)] = value
    outcome(bytes(sent))


@given(st.binary(max_size=400))
def test_noise_is_never_an_answer(noise: bytes) -> None:
    assert isinstance(outcome(noise), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ("type", "index", "delta", "message", "content_block", "usage", "error", "content")


@given(st.data())
def test_events_with_fields_of_any_type_end_as_an_answer_or_an_api_error(
    data: st.DataObject,
) -> None:
    events = [
        start(),
        block_start(0, type="thinking", thinking=""),
        delta(0, "thinking_delta", thinking="a"),
        delta(0, "citations_delta", citation={}),
        block_stop(0),
        block_start(1, type="tool_use", id="x", name="f"),
        delta(1, "input_json_delta", partial_json="{}"),
        ending(),
        STOP,
    ]
    at = data.draw(st.integers(0, len(events) - 1))
    victim = orjson.loads(orjson.dumps(events[at]))
    places = [victim, *(value for value in victim.values() if isinstance(value, dict))]
    place = data.draw(st.sampled_from(places))
    names = sorted({*place, *FIELDS})
    place[data.draw(st.sampled_from(names))] = data.draw(JSON)
    assume(fits(victim))
    frame = b"event: %s\ndata: %s\n\n" % (events[at]["type"].encode(), orjson.dumps(victim))
    outcome(sse(*events[:at]) + frame + sse(*events[at + 1 :]))


def fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


@given(st.text(), st.lists(st.integers(0, 10**6), max_size=6))
def test_any_text_survives_any_cut(text: str, places: list[int]) -> None:
    assert read_stream(*cut(sse(*text_events(text)), places)).text == text


@given(st.dictionaries(st.sampled_from([*FIELDS, "stop_reason"]), JSON) | JSON)
def test_any_json_is_a_response_or_an_api_error(document: object) -> None:
    assume(fits(document))
    try:
        response = parse_response(orjson.dumps(document))
    except ApiError as error:
        assert error.kind in FAILURES
    else:
        assert response.stop_reason


@given(
    st.integers(100, 999),
    st.dictionaries(
        st.sampled_from(["retry-after", "Retry-After-Ms", "x-should-retry", "request-id"]),
        st.text(max_size=20),
    ),
    st.binary(max_size=300) | JSON.filter(fits).map(orjson.dumps),
)
def test_any_error_answer_is_classified(status: int, headers: dict[str, str], body: bytes) -> None:
    error = parse_error(status, headers, body, datetime(2026, 11, 23, tzinfo=UTC))
    assert error.kind in FAILURES
    assert not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl") for sign in error.message)
    assert error.retry_after_s is None or error.retry_after_s >= 0
