from __future__ import annotations

import pytest
from wire_samples import STREAMS

from evalkit.messages.stream import SseEvent, SseReader


def read_all(*chunks: bytes) -> list[SseEvent]:
    reader = SseReader()
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events + reader.close()


@pytest.mark.parametrize(
    ("sent", "events"),
    [
        (b"", []),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"event:ping\ndata:{}\n\n", [("ping", b"{}")]),
        (b"data: {}\n\n", [(None, b"{}")]),
        (b"data: {}\nevent: ping\n\n", [("ping", b"{}")]),
        (b"event: ping\n\n", [("ping", b"")]),
        (b"data\n\n", [(None, b"")]),
        (b"event: a\ndata: 1\ndata: 2\n\n", [("a", b"1\n2")]),
        (b"event: a\ndata:  two spaces\n\n", [("a", b" two spaces")]),
        (b": comment\n\n", []),
        (b": comment\nevent: a\n: another\ndata: 1\n\n", [("a", b"1")]),
        (b"id: 7\nretry: 100\nevent: a\ndata: 1\n\n", [("a", b"1")]),
        (b"event: first\nevent: second\ndata: 1\n\n", [("second", b"1")]),
        (b"event:\ndata: 1\n\n", [(None, b"1")]),
        (b"\n\n\nevent: a\ndata: 1\n\n\n\n\ndata: 2\n\n", [("a", b"1"), (None, b"2")]),
        (b"\xef\xbb\xbfevent: a\ndata: 1\n\n", [("a", b"1")]),
        (b"event: a\ndata: \xef\xbb\xbf1\n\n", [("a", b"\xef\xbb\xbf1")]),
        (b"event: \xff\ndata: 1\n\n", [("\ufffd", b"1")]),
        (b"unknown: field\nnonsense\ndata: 1\n\n", [(None, b"1")]),
        (b"event: a\ndata: x:y: z\n\n", [("a", b"x:y: z")]),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_events_of_a_stream_whatever_ends_its_lines(
    sent: bytes, events: list[tuple[str | None, bytes]], end: bytes
) -> None:
    assert read_all(sent.replace(b"\n", end)) == events


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_cut_in_two_gives_the_same_events(name: str, end: bytes) -> None:
    sent = STREAMS[name].replace(b"\n", end)
    whole = read_all(sent)
    assert len(whole) > 9
    assert all(read_all(sent[:at], sent[at:]) == whole for at in range(len(sent)))


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_one_byte_at_a_time_gives_the_same_events(end: bytes) -> None:
    sent = b"\xef\xbb\xbf" + STREAMS["thinking"].replace(b"\n", end)
    single = [sent[at : at + 1] for at in range(len(sent))]
    assert read_all(*single) == read_all(sent) == read_all(STREAMS["thinking"])


def test_empty_chunks_between_cr_and_lf_change_nothing() -> None:
    pieces = (b"event: a\r", b"", b"\ndata: 1\r", b"", b"\n\r", b"\n")
    assert read_all(*pieces) == [("a", b"1")]


def test_a_long_event_is_found_across_many_chunks() -> None:
    data = b'{"text":"' + b"x" * 1_000_000 + b'"}'
    sent = b"event: a\ndata: " + data + b"\n\n"
    chunks = [sent[at : at + 4096] for at in range(0, len(sent), 4096)]
    assert read_all(*chunks) == [("a", data)]


def test_the_last_event_counts_without_its_blank_line_if_it_is_whole() -> None:
    assert read_all(b'event: message_stop\ndata: {"type":"message_stop"}') == [
        ("message_stop", b'{"type":"message_stop"}')
    ]


@pytest.mark.parametrize(
    "rest", [b"event: mess", b"event: message_stop\n", b'data: {"type":"mess', b"data: ", b":", b""]
)
def test_half_an_event_at_the_end_is_dropped(rest: bytes) -> None:
    assert read_all(b"event: a\ndata: 1\n\n" + rest) == [("a", b"1")]
