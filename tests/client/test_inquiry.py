"""Questions beside the answers: what an endpoint knows of a model, how long a prompt is."""

import asyncio

import pytest
from builders import a_request
from odd_server import chunk, http, odd_server

from evalkit.client.inquiry import ask_about_model, count_tokens
from evalkit.errors import UsageError
from evalkit.server.local import local_server
from evalkit.server.weights import fetch_weights
from evalkit.types import Endpoint, Sampling

KEY = "sk-ant-test-000111"


async def test_a_model_is_described():
    reply = http({"id": "m/1"}, date="Mon, 23 Nov 2026 12:00:00 GMT")
    async with odd_server(reply) as server:
        told = await ask_about_model(Endpoint("m", f"{server.base_url}/v1/"), KEY, "m/1")
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("GET", "/v1/models/m%2F1")
    assert seen.headers["x-api-key"] == KEY
    assert (told.status, told.body, told.trouble) == (200, {"id": "m/1"}, "")
    assert told.date.isoformat() == "2026-11-23T12:00:00+00:00"


async def test_tokens_are_counted_for_each_prompt():
    async def reply(seen, writer):
        writer.write(http({"input_tokens": len(seen.body)}))

    prompts = [a_request("x" * size, sampling=Sampling(0.5)) for size in (1, 5)]
    async with odd_server(reply) as server:
        endpoint = Endpoint("m", server.base_url)
        first, second = await count_tokens(endpoint, KEY, prompts)
    assert second == first + 4
    assert {seen.target for seen in server.seen} == {"/v1/messages/count_tokens"}
    assert b"temperature" not in server.seen[0].body
    assert b"max_tokens" not in server.seen[0].body


@pytest.mark.parametrize(
    ("reply", "status", "trouble"),
    [
        (http({"error": {"message": "no"}}, 404), 404, ""),
        (http(b"<html>Welcome"), 200, "the answer is not JSON"),
        (http(b""), 200, ""),
        (http(b"[1]"), 200, ""),
        (http({"input_tokens": 0}), 200, ""),
        (http({"input_tokens": True}), 200, ""),
        (b"SSH-2.0\r\n", None, "the answer is not proper HTTP: Bad status line"),
    ],
)
async def test_whatever_comes_back_is_a_reply(reply, status, trouble):
    async with odd_server(reply) as server:
        endpoint = Endpoint("m", server.base_url)
        told = await ask_about_model(endpoint, KEY, "m")
        assert (told.status, told.trouble.partition(":")[0]) == (status, trouble.partition(":")[0])
        assert await count_tokens(endpoint, KEY, [a_request()]) == [None]


async def test_nobody_there():
    told = await ask_about_model(Endpoint("m", "http://127.0.0.1:9"), KEY, "m")
    assert (told.status, told.body) == (None, {})
    assert told.trouble == "cannot connect to 127.0.0.1:9: Connection refused"


async def test_an_endless_page_is_left():
    async def reply(_seen, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(chunk(b"x" * 65536))
            await writer.drain()

    async with odd_server(reply) as server, asyncio.timeout(20):
        told = await ask_about_model(Endpoint("m", server.base_url), KEY, "m")
    assert told.trouble == "the answer is not JSON"


async def test_an_address_that_cannot_be_asked():
    with pytest.raises(UsageError):
        await ask_about_model(Endpoint("m", "gateway.example"), KEY, "m")


@pytest.mark.local_model
async def test_the_embedded_model_counts_what_it_then_reads():
    fetch_weights()
    with local_server(slots=1) as server:
        endpoint = Endpoint("m", server.base_url, auth="none", is_embedded=True)
        request = a_request("Hi", model=server.model)
        longer = a_request("Hi " * 100, model=server.model)
        short, long = await count_tokens(endpoint, None, [request, longer])
    assert 0 < short < long
