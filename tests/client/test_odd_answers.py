"""Answers that are right in an unusual way, or wrong in a way that still says enough."""

import asyncio
import gzip
import json
import random
import tracemalloc
from collections import Counter

import pytest
from builders import a_request
from fakes import FakeClock
from odd_server import (
    EVENTS,
    LAST_CHUNK,
    MESSAGE,
    STREAM_HEAD,
    chunk,
    http,
    odd_server,
    raw_server,
    sse,
)

from evalkit.client.clock import SystemClock
from evalkit.client.http import HttpClient
from evalkit.client.inquiry import ask_about_model
from evalkit.errors import FAILURES, ApiError, UsageError
from evalkit.policies import Limits
from evalkit.types import Endpoint

KEY = "sk-ant-test-000111"
QUICK = Limits(connect_timeout_s=5, idle_timeout_s=0.3, total_timeout_s=0.6)


def client(base_url, limits=None, **endpoint):
    return HttpClient(Endpoint("m", base_url, **endpoint), KEY, limits or Limits(), SystemClock())


async def ask(reply, limits=None, **endpoint):
    async with (
        odd_server(reply) as server,
        client(server.base_url, limits, **endpoint) as http_client,
    ):
        return await http_client.send(a_request())


async def refused(reply, limits=None, **endpoint) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await ask(reply, limits, **endpoint)
    return caught.value


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "Text/Event-Stream", "x/y"])
async def test_a_stream_is_known_by_its_events(kind):
    assert (await ask(http(sse(), kind=kind))).text == "12"
    nameless = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in EVENTS)
    assert (await ask(http(b": hello\n\n" + nameless, kind=kind))).text == "12"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/event-stream"])
async def test_a_whole_answer_is_known_by_its_brace(kind):
    body = json.dumps(MESSAGE).encode()
    assert (await ask(http(body, kind=kind))).text == "12"
    assert (await ask(http(b"\r\n\n  \n" + body, kind=kind))).text == "12"
    assert (await ask(http(b"\xef\xbb\xbf" + body, kind=kind))).text == "12"


async def test_an_error_in_place_of_a_stream():
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    error = await refused(http(body, kind="text/event-stream"))
    assert (error.kind, error.status) == ("overloaded", 200)


async def test_blank_lines_that_keep_a_connection_alive():
    async def reply(_seen, writer):
        head, _, body = http(MESSAGE).partition(b"\r\n\r\n")
        writer.write(head.replace(b"content-length", b"x-length") + b"\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(5):
            await asyncio.sleep(0.01)
            writer.write(chunk(b"\n"))
        writer.write(chunk(body) + LAST_CHUNK)

    assert (await ask(reply)).text == "12"


async def test_hints_that_come_before_the_answer():
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    assert (await ask(early + http(MESSAGE))).text == "12"


async def test_a_connection_is_used_again_after_a_stream():
    clock = FakeClock()

    async def reply(_seen, writer):
        writer.write(STREAM_HEAD + chunk(sse()))
        await writer.drain()
        await asyncio.sleep(0.02)  # the end of the body comes in a packet of its own
        clock.time_s += 100
        writer.write(LAST_CHUNK)

    async with odd_server(reply) as server:
        endpoint = Endpoint("m", server.base_url)
        async with HttpClient(endpoint, KEY, Limits(), clock) as http_client:
            answers = [await http_client.send(a_request()) for _ in range(3)]
    assert server.connections == 1
    assert [answer.elapsed_s for answer in answers] == [0, 0, 0], "what follows is not service"


async def test_a_server_that_does_not_end_its_stream_holds_nobody_up():
    async def reply(_seen, writer):
        writer.write(STREAM_HEAD + chunk(sse()))
        await asyncio.sleep(30)

    async with asyncio.timeout(10):
        assert (await ask(reply)).text == "12"


@pytest.mark.parametrize("then", ["leaves", "falls silent"])
async def test_a_status_counts_even_if_its_body_does_not_come(then):
    async def reply(_seen, writer):
        writer.write(b"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 999\r\n\r\n{")
        await writer.drain()
        if then == "falls silent":
            await asyncio.sleep(30)
        writer.close()

    error = await refused(reply, QUICK)
    assert (error.kind, error.status, error.retry_after_s) == ("rate_limit", 429, 7.0)


async def test_a_status_counts_even_if_its_body_cannot_be_decoded():
    for encoding in ("gzip", "gzip, gzip", "br"):
        error = await refused(http(b"nonsense", 503, content_encoding=encoding))
        assert (error.kind, error.status) == ("server_error", 503)


async def test_only_what_was_offered_is_decoded():
    packed = gzip.compress(json.dumps(MESSAGE).encode())
    reply = http(packed, content_encoding="GZIP")
    async with odd_server(reply) as server, client(server.base_url) as http_client:
        assert (await http_client.send(a_request())).text == "12"
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"
    error = await refused(http(gzip.compress(packed), content_encoding="gzip, gzip"))
    assert (error.kind, error.is_retryable) == ("malformed", True)
    error = await refused(http(b"nonsense", content_encoding="gzip"))
    assert (error.kind, error.is_retryable) == ("connection", True)


async def test_a_bomb_is_stopped_while_it_is_small():
    bomb = gzip.compress(b" " * 100_000_000)
    tracemalloc.start()
    try:
        error = await refused(
            http(bomb, content_encoding="gzip"), Limits(max_response_bytes=1_000_000)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.kind == "response_too_large"
    assert error.message == "the answer exceeds 1,000,000 bytes"
    assert peak < 60_000_000


@pytest.mark.parametrize("status", [200, 500])
async def test_an_endless_body_is_cut_off(status):
    async def reply(_seen, writer):
        kind = b"text/event-stream" if status == 200 else b"text/html"
        writer.write(b"HTTP/1.1 %d X\r\ncontent-type: %s\r\n" % (status, kind))
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk(b"data: " + b"x" * 65536))
            await writer.drain()

    error = await refused(reply, Limits(max_response_bytes=2_000_000))
    assert error.kind == {200: "response_too_large", 500: "server_error"}[status]


async def test_a_redirect_is_told_but_not_followed():
    async with odd_server(http(MESSAGE)) as elsewhere:
        error = await refused(http(status=307, location=f"{elsewhere.base_url}/v1/messages"))
    assert elsewhere.connections == 0
    assert error.kind == "not_found"
    assert f"redirects to {elsewhere.base_url}" in error.message
    assert error.hint == "Make where it redirects the base_url."


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "the answer is not proper HTTP: Bad status line"),
        (STREAM_HEAD + b"zz\r\n", "the answer is not proper HTTP: Invalid character in chunk size"),
        (http(MESSAGE, x_y="a" * 9000), "the answer is not proper HTTP: Got more than 8190 bytes"),
        (http(MESSAGE)[:-20], "the connection ended within the answer"),
        (b"", "the server closed the connection without an answer"),
    ],
)
async def test_what_is_no_http_is_told_in_a_line(answer, told):
    async def reply(_seen, writer):
        writer.write(answer)
        await writer.drain()
        writer.close()

    error = await refused(reply)
    assert (error.kind, error.is_retryable) == ("connection", True)
    assert error.message.startswith(told)
    assert len(error.message) < 120


@pytest.mark.parametrize("status", [407, 413])
async def test_a_status_before_the_body_was_read(status):
    async def early(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(b"no", status))
        await reader.read()

    async with raw_server(early) as server, client(server.base_url, QUICK) as http_client:
        with pytest.raises(ApiError) as caught:
            await http_client.send(a_request("x" * 900_000))
    assert caught.value.kind == {407: "proxy", 413: "request_too_large"}[status]


async def test_secrets_in_headers_are_not_repeated():
    headers = {"authorization": "Basic dXNlcjpzZWNyZXQ=", "x-team-token": "quite-secret"}
    body = {"error": {"message": "dXNlcjpzZWNyZXQ= or quite-secret is wrong", "type": "x"}}
    error = await refused(http(body, 400), headers=headers)
    assert "quite-secret" not in error.message
    assert "dXNlcjpzZWNyZXQ" not in error.message


@pytest.mark.parametrize(
    "base_url",
    [
        "api.example.com",
        "http://",
        "http://[bad",
        "ftp://host",
        "http://host:99999",
        "http://user:secret-pw@host",
        "https://host/v1?key=1",
        "",
    ],
)
def test_an_address_that_cannot_be_asked(base_url):
    with pytest.raises(UsageError) as caught:
        client(base_url)
    assert "base_url" in caught.value.message
    assert "secret-pw" not in caught.value.message + str(caught.value.hint)


async def test_describing_a_model_reads_no_endless_page():
    async def reply(seen, writer):
        assert (seen.method, seen.target) == ("GET", "/v1/models/m%2F1")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk(b" " * 65536))
            await writer.drain()

    async with odd_server(reply) as server:
        told = await ask_about_model(Endpoint("m", server.base_url), "k", "m/1")
    assert told.body == {}


async def test_whatever_is_damaged_ends_as_an_answer_or_a_failure():
    luck = random.Random(11)
    bodies = [json.dumps(MESSAGE).encode(), sse(), sse(EVENTS[:3]), http(b"<html>502", 502)]
    odd = [
        b"\r\n",
        b"\n\n",
        b"null",
        b'"',
        b"{}",
        b"-1",
        b"1e999",
        b"\xff\x00",
        b"data: ",
        b"\\ud83d",
    ]
    damaged = b""

    async def reply(_seen, writer):
        writer.write(http(damaged, luck.choice([200, 200, 400, 429, 529]), luck.choice(kinds)))

    kinds = ["text/event-stream", "application/json", "text/html"]
    ends = Counter()
    async with odd_server(reply) as server, client(server.base_url) as http_client:
        for _ in range(200):
            whole = luck.choice(bodies)
            at = luck.randrange(len(whole))
            damaged = whole[:at] + luck.choice(odd) + whole[at + luck.randrange(3) :]
            try:
                await http_client.send(a_request())
                ends["answered"] += 1
            except ApiError as error:
                ends[error.kind] += 1
                assert "\n" not in error.message
    assert ends.keys() - {"answered"} <= FAILURES.keys()
    assert len(ends) > 5
