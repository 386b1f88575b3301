"""Every fault as a client meets it, from a real server over a real socket."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from servers import RunningServer, simulated_server

HEADERS = {"anthropic-version": "2023-06-01"}
QUESTION = "hello"
STREAM_EVENTS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with simulated_server() as running:
        yield running


def ask(
    server: RunningServer, fault: str, *, stream: bool = False, timeout_s: float = 10.0
) -> httpx.Response:
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 3000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": stream,
    }
    return httpx.post(
        f"{server.base_url}/v1/messages",
        json=body,
        headers={**HEADERS, "x-evalkit-fault": fault},
        timeout=timeout_s,
    )


def raw(server: RunningServer, fault: str, *, stream: bool) -> tuple[bytes, str]:
    """All bytes until the connection ends, and how: ``closed``, ``reset``, ``silent``."""
    body = json.dumps(
        {
            "model": "claude-haiku-4-5",
            "max_tokens": 3000,
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": stream,
        }
    )
    address = urlsplit(server.base_url)
    head = (
        f"POST /v1/messages HTTP/1.1\r\nhost: {address.netloc}\r\nconnection: close\r\n"
        f"anthropic-version: 2023-06-01\r\nx-evalkit-fault: {fault}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=0.5) as connection:
        connection.sendall((head + body).encode())
        while True:
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                return received, "reset"
            except TimeoutError:
                return received, "silent"
            if not chunk:
                return received, "closed"
            received += chunk


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("401", 401, "authentication_error"),
        ("401-after", 401, "authentication_error"),
        ("408", 408, "timeout_error"),
        ("409", 409, "conflict_error"),
        ("429", 429, "rate_limit_error"),
        ("429-bare", 429, "rate_limit_error"),
        ("429-spend", 429, "rate_limit_error"),
        ("500", 500, "api_error"),
        ("504", 504, "timeout_error"),
        ("529", 529, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_api_errors(
    server: RunningServer, fault: str, status: int, kind: str, stream: bool
) -> None:
    reply = ask(server, fault, stream=stream)
    assert reply.status_code == status
    document = reply.json()
    assert document["type"] == "error"
    assert document["error"]["type"] == kind
    assert document["request_id"] == reply.headers["request-id"]
    assert ("retry-after" in reply.headers) == (fault == "429")


def test_the_spend_limit_says_so(server: RunningServer) -> None:
    error = ask(server, "429-spend").json()["error"]
    assert error["details"] == {"error_code": "enforced_spend_limit_reached"}


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    [
        ("403", 403, "text/html", "<h1>Forbidden</h1>"),
        ("413", 413, "text/plain", "Request Entity Too Large"),
        ("502", 502, "text/html", "<h1>Bad Gateway</h1>"),
        ("503", 503, "text/plain", "upstream connect error"),
        ("html", 200, "text/html", "<h1>Welcome</h1>"),
        ("500-openai", 500, "application/json", '"type":"server_error"'),
    ],
)
def test_errors_in_other_forms(
    server: RunningServer, fault: str, status: int, content_type: str, text: str
) -> None:
    reply = ask(server, fault)
    assert reply.status_code == status
    assert reply.headers["content-type"] == content_type
    assert text in reply.text


@pytest.mark.parametrize(
    ("stream", "kind"), [(False, "application/json"), (True, "text/event-stream; charset=utf-8")]
)
def test_an_empty_answer(server: RunningServer, stream: bool, kind: str) -> None:
    reply = ask(server, "empty", stream=stream)
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-type"] == kind


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_before_the_headers(server: RunningServer, stream: bool) -> None:
    assert raw(server, "reset", stream=stream) == (b"", "reset")


def test_a_reset_within_the_body(server: RunningServer) -> None:
    received, end = raw(server, "reset-mid-body", stream=False)
    head, _, body = received.partition(b"\r\n\r\n")
    assert end == "reset"
    assert b"HTTP/1.1 200" in head or not received
    assert b'"usage"' not in body


def test_a_reset_within_a_stream(server: RunningServer) -> None:
    received, end = raw(server, "reset-mid-body:3", stream=True)
    assert end == "reset"
    assert received.count(b"event: ") in (0, 3), "a reset may swallow what is on its way"


@pytest.mark.parametrize("stream", [False, True])
def test_silence_before_the_headers(server: RunningServer, stream: bool) -> None:
    assert raw(server, "hang", stream=stream) == (b"", "silent")


def test_silence_within_the_body(server: RunningServer) -> None:
    received, end = raw(server, "hang-mid-body", stream=False)
    assert end == "silent"
    assert b"HTTP/1.1 200" in received
    assert b'"usage"' not in received


def test_silence_within_a_stream(server: RunningServer) -> None:
    received, end = raw(server, "hang-mid-body:4", stream=True)
    assert end == "silent"
    assert received.count(b"event: ") == 4


def test_who_leaves_a_silent_server_is_logged_as_aborted() -> None:
    with simulated_server("--fault", "hang=1") as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{server.base_url}/v1/messages",
                json={"model": "claude-haiku-4-5", "max_tokens": 9, "messages": []},
                headers=HEADERS,
                timeout=0.2,
            )
        server.stop()
        (record,) = server.requests()
    assert record["outcome"] == "aborted"
    assert record["fault"] == "hang"
    assert record["status"] is None


def test_json_that_ends_too_early(server: RunningServer) -> None:
    reply = ask(server, "truncated")
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_stream_that_ends_inside_an_event(server: RunningServer) -> None:
    reply = ask(server, "truncated:3", stream=True)
    lines = [line for line in reply.text.splitlines() if line.startswith("data: ")]
    assert len(lines) == 4
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[-1][6:])


@pytest.mark.parametrize("count", range(STREAM_EVENTS))
def test_a_stream_cut_after_every_event(server: RunningServer, count: int) -> None:
    reply = ask(server, f"cut:{count}", stream=True)
    assert reply.status_code == 200
    sent = events(reply.text)
    assert len(sent) == count
    assert {"type": "message_stop"} not in sent


def test_a_cut_leaves_a_whole_answer_alone(server: RunningServer) -> None:
    assert ask(server, "cut:2").json()["type"] == "message"
    assert ask(server, "error-event:2").json()["type"] == "message"
    assert ask(server, "odd-stream").json()["type"] == "message"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_error_event_ends_the_stream(server: RunningServer, count: int) -> None:
    sent = events(ask(server, f"error-event:{count}", stream=True).text)
    assert len(sent) == count + 1
    assert sent[-1]["type"] == "error"
    assert sent[-1]["error"]["type"] == "overloaded_error"


def test_an_odd_stream_holds_the_same_message(server: RunningServer) -> None:
    reply = ask(server, "odd-stream", stream=True)
    assert "\r\n\r\n" in reply.text
    assert ": keep-alive" in reply.text
    sent = [event for event in events(reply.text) if event["type"] != "news"]
    assert sent[0]["type"] == "message_start"
    assert sent[-1]["type"] == "message_stop"
    assert "event: message_start" not in reply.text


@pytest.mark.parametrize("stream", [False, True])
def test_the_wrong_content_type(server: RunningServer, stream: bool) -> None:
    reply = ask(server, "wrong-type", stream=stream)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert "message" in reply.text


@pytest.mark.parametrize("stream", [False, True])
def test_gzip(server: RunningServer, stream: bool) -> None:
    received, _ = raw(server, "gzip", stream=stream)
    head, _, packed = received.partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    assert b"content-length: %d" % len(packed) in head.lower()
    assert b'"type":"text' in gzip.decompress(packed)
    assert "message" in ask(server, "gzip", stream=stream).text


@pytest.mark.parametrize("stream", [False, True])
def test_a_drip_holds_the_same_bytes(server: RunningServer, stream: bool) -> None:
    reply = ask(server, "drip:0.001", stream=stream)
    if stream:
        assert events(reply.text)[-1] == {"type": "message_stop"}
    else:
        assert reply.json()["stop_reason"] == "end_turn"


def text_of(reply: httpx.Response, *, stream: bool) -> str:
    if not stream:
        return str(json.loads(reply.content.decode("utf-8", "replace"))["content"][-1]["text"])
    sent = events(reply.content.decode("utf-8", "replace"))
    return "".join(
        event["delta"].get("text", "") for event in sent if event["type"] == "content_block_delta"
    )


@pytest.mark.parametrize("stream", [False, True])
def test_odd_text(server: RunningServer, stream: bool) -> None:
    text = text_of(ask(server, "odd-text", stream=stream), stream=stream)
    for odd in ("\x00", "\u202e", "\u05e9", "\U0001f9ea", "\u200d"):
        assert odd in text


@pytest.mark.parametrize("stream", [False, True])
def test_lone_surrogates(server: RunningServer, stream: bool) -> None:
    text = text_of(ask(server, "surrogate", stream=stream), stream=stream)
    assert "\ud83d" in text


@pytest.mark.parametrize("stream", [False, True])
def test_bytes_that_are_not_utf8(server: RunningServer, stream: bool) -> None:
    reply = ask(server, "invalid-utf8", stream=stream)
    with pytest.raises(UnicodeDecodeError):
        reply.content.decode()
    assert "\ufffd" in text_of(reply, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_answer(server: RunningServer, stream: bool) -> None:
    assert len(text_of(ask(server, "huge", stream=stream), stream=stream)) > 5_000_000


@pytest.mark.parametrize(
    ("fault", "stop_reason", "first"),
    [
        ("refusal", "refusal", None),
        ("redacted", "end_turn", "redacted_thinking"),
        ("no-content", "end_turn", None),
        ("pause-turn", "pause_turn", "thinking"),
    ],
)
def test_odd_answers(
    server: RunningServer, fault: str, stop_reason: str, first: str | None
) -> None:
    message = ask(server, fault).json()
    assert message["stop_reason"] == stop_reason
    assert (message["content"][0]["type"] if message["content"] else None) == first
    sent = events(ask(server, fault, stream=True).text)
    starts = [event for event in sent if event["type"] == "content_block_start"]
    assert (starts[0]["content_block"]["type"] if starts else None) == first
    assert sent[-2]["delta"]["stop_reason"] == stop_reason
