import json

import httpx
import pytest
from builders import a_request
from fakes import FakeClock

from evalkit.client.http import HttpClient
from evalkit.errors import ApiError
from evalkit.policies import Limits
from evalkit.types import Endpoint, Thinking

KEY = "sk-ant-test-000111"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m-1",
    "content": [{"type": "text", "text": "12"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 3},
}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "12"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def sse(events) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events
    )


async def send(handler, limits: Limits | None = None, **endpoint):
    where = Endpoint("m", "http://127.0.0.1:1", **endpoint)
    transport = httpx.MockTransport(handler)
    async with HttpClient(
        where, KEY, limits or Limits(), FakeClock(), transport=transport
    ) as client:
        return await client.send(a_request(thinking=Thinking("budget", 1024), max_tokens=1088))


def replying(status=200, body=b"", **headers):
    def handler(request):
        return httpx.Response(status, content=body, headers=headers)

    return handler


async def test_a_streamed_answer():
    def handler(request):
        sent = json.loads(request.content)
        assert sent["stream"] is True
        assert sent["thinking"] == {"type": "enabled", "budget_tokens": 1024}
        assert request.headers["x-api-key"] == KEY
        headers = {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_7"}
        return httpx.Response(200, content=sse(EVENTS), headers=headers)

    answer = await send(handler)
    assert (answer.text, answer.stop_reason, answer.request_id) == ("12", "end_turn", "req_7")
    assert answer.usage.total_input_tokens == 9
    assert answer.elapsed_s == 0.0


async def test_a_whole_answer_also_when_a_stream_was_asked_for():
    body = json.dumps(MESSAGE).encode()
    for stream in (True, False):
        answer = await send(
            replying(200, body, **{"content-type": "application/json"}), stream=stream
        )
        assert answer.text == "12"


@pytest.mark.parametrize("cut", range(len(EVENTS)))
async def test_a_stream_without_its_end_is_no_answer(cut):
    handler = replying(200, sse(EVENTS[:cut]), **{"content-type": "text/event-stream"})
    with pytest.raises(ApiError) as caught:
        await send(handler)
    assert caught.value.kind in ("stream_cut", "malformed")
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            401,
            b'{"type":"error","error":{"type":"authentication_error","message":"bad"}}',
            "authentication",
        ),
        (
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}',
            "rate_limit",
        ),
        (502, b"<html>Bad gateway</html>", "server_error"),
        (
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}',
            "overloaded",
        ),
        (200, b"<html>hello</html>", "malformed"),
        (200, b"", "malformed"),
        (200, b'{"id": "msg', "malformed"),
    ],
)
async def test_failures_are_classified(status, body, kind):
    with pytest.raises(ApiError) as caught:
        await send(replying(status, body, **{"retry-after": "3"}))
    assert caught.value.kind == kind
    if status == 429:
        assert caught.value.retry_after_s == 3.0


async def test_an_answer_beyond_the_limit_is_refused():
    body = json.dumps({**MESSAGE, "content": [{"type": "text", "text": "x" * 5000}]}).encode()
    with pytest.raises(ApiError) as caught:
        await send(replying(200, body), Limits(max_response_bytes=1000))
    assert caught.value.kind == "response_too_large"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), "connection"),
        (httpx.ReadError("reset"), "connection"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectTimeout("slow"), "timeout"),
        (httpx.RemoteProtocolError("garbage"), "connection"),
    ],
)
async def test_broken_connections_are_classified(error, kind):
    def handler(request):
        raise error

    with pytest.raises(ApiError) as caught:
        await send(handler)
    assert (caught.value.kind, caught.value.is_retryable) == (kind, True)


async def test_the_key_is_never_told():
    body = json.dumps({"error": {"message": f"the key {KEY} is wrong"}}).encode()
    with pytest.raises(ApiError) as caught:
        await send(replying(401, body))
    assert KEY not in str(caught.value)

    def handler(request):
        raise httpx.ConnectError(f"no route for {KEY}")

    with pytest.raises(ApiError) as caught:
        await send(handler)
    assert KEY not in str(caught.value)
