"""The official SDK as a second reader of what we read, and a second writer of what we write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import anthropic
import httpx2
import orjson
import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.model import Model
from pydantic import TypeAdapter
from wire_samples import (
    MESSAGE,
    STOP,
    THINKING_STREAM,
    TOOL_STREAM,
    assemble,
    block_start,
    block_stop,
    delta,
    ending,
    read_stream,
    sse,
    start,
)

from evalkit.messages.capabilities import find_capabilities, from_models_endpoint
from evalkit.messages.request import encode_request, request_headers
from evalkit.messages.response import parse_error, parse_response
from evalkit.messages.sse import SseReader
from evalkit.types import Endpoint, Request, Response, Sampling, Thinking

CITATION = {
    "type": "char_location",
    "cited_text": "x",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 1,
    "file_id": None,
}
RICH_STREAM = sse(
    start(usage={"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 90}),
    block_start(0, type="redacted_thinking", data="b3BhcXVl"),
    block_stop(0),
    block_start(1, type="thinking", thinking="", signature=""),
    delta(1, "signature_delta", signature="Er8="),
    block_stop(1),
    block_start(2, type="text", text="", citations=[]),
    delta(2, "citations_delta", citation=CITATION),
    delta(2, "text_delta", text="é🦊 "),
    block_stop(2),
    block_start(3, type="text", text=""),
    delta(3, "text_delta", text="done"),
    block_stop(3),
    ending("max_tokens", cache_read_input_tokens=91, input_tokens=None),
    STOP,
)
REFUSED_STREAM = sse(
    start(),
    {
        "type": "message_delta",
        "delta": {
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"type": "refusal", "category": "bio", "explanation": "no"},
        },
        "usage": {"input_tokens": 10, "output_tokens": 2},
    },
    STOP,
)
STREAMS = {
    "thinking": THINKING_STREAM,
    "tool": TOOL_STREAM,
    "rich": RICH_STREAM,
    "refused": REFUSED_STREAM,
}


class Wire:
    """An SDK client whose network is one canned answer; it keeps the requests it was sent."""

    def __init__(self, body: bytes, *, status: int = 200, content_type: str, **options: Any):
        self.requests: list[httpx2.Request] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            headers = {"content-type": content_type, "request-id": "req_1"}
            return httpx2.Response(status, headers=headers, content=body)

        self.client = anthropic.Anthropic(
            api_key="sk-ant-oracle",
            base_url="https://api.example",
            max_retries=0,
            http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
            **options,
        )


def ask(client: anthropic.Anthropic) -> Message:
    return client.messages.create(
        model="claude-haiku-4-5", max_tokens=10, messages=[{"role": "user", "content": "q"}]
    )


def same(ours: Response, theirs: Message) -> None:
    blocks = [block.to_dict() for block in theirs.content]
    assert ours.text == "".join(b["text"] for b in blocks if b["type"] == "text")
    assert ours.thinking == "".join(b["thinking"] for b in blocks if b["type"] == "thinking")
    assert ours.redacted_blocks == sum(b["type"] == "redacted_thinking" for b in blocks)
    assert list(ours.tool_calls) == [b for b in blocks if b["type"] == "tool_use"]
    assert (ours.id, ours.model) == (theirs.id, theirs.model)
    assert (ours.stop_reason, ours.stop_sequence) == (theirs.stop_reason, theirs.stop_sequence)
    details = theirs.stop_details
    assert ours.refusal_category == (details.category if details else None)
    assert ours.usage.input_tokens == theirs.usage.input_tokens
    assert ours.usage.output_tokens == theirs.usage.output_tokens
    assert ours.usage.cache_read_tokens == theirs.usage.cache_read_input_tokens
    assert ours.usage.cache_write_tokens == theirs.usage.cache_creation_input_tokens
    thought = theirs.usage.output_tokens_details
    assert ours.usage.thinking_tokens == (thought.thinking_tokens if thought else None)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_means_the_same_to_both(name: str) -> None:
    wire = Wire(STREAMS[name], content_type="text/event-stream")
    with wire.client.messages.stream(
        model="claude-haiku-4-5", max_tokens=10, messages=[{"role": "user", "content": "q"}]
    ) as stream:
        theirs = stream.get_final_message()
    same(read_stream(STREAMS[name]), theirs)
    # Every field of every block too: signatures, citations, what the answer does not keep.
    ours = assemble(STREAMS[name]).message()["content"]
    assert ours == [block.to_dict() for block in theirs.content]


@pytest.mark.parametrize("name", STREAMS)
def test_our_samples_are_events_by_the_sdk_s_types(name: str) -> None:
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    events = [event for event in SseReader().feed(STREAMS[name]) if event.name != "ping"]
    assert len(events) > 2
    for event in events:
        assert adapter.validate_json(event.data).type == event.name


def test_an_unstreamed_answer_means_the_same_to_both() -> None:
    body = orjson.dumps(MESSAGE)
    same(parse_response(body), ask(Wire(body, content_type="application/json").client))
    Message.model_validate(MESSAGE)


@pytest.mark.parametrize("name", STREAMS)
def test_an_assembled_message_is_a_message_by_the_sdk_s_types(name: str) -> None:
    message = assemble(STREAMS[name]).message()
    same(parse_response(message), Message.model_validate(message))


TURNS = [{"role": "user", "content": [{"type": "text", "text": "é🦊"}]}]
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "budget": (
        {"thinking": Thinking("budget", 4096, display="summarized")},
        {"thinking": {"type": "enabled", "budget_tokens": 4096, "display": "summarized"}},
    ),
    "off": ({"thinking": Thinking("off")}, {"thinking": {"type": "disabled"}}),
    "adaptive": (
        {"thinking": Thinking("adaptive", effort="high")},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
    ),
    "everything": (
        {
            "system": ({"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}},),
            "stop_sequences": ("\n\n",),
            "sampling": Sampling(top_k=3),
            "options": {
                "metadata": {"user_id": "u"},
                "tools": [{"name": "f", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "auto"},
            },
        },
        {
            "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            "stop_sequences": ["\n\n"],
            "extra_body": {"top_k": 3},
            "metadata": {"user_id": "u"},
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto"},
        },
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_we_write_the_body_that_the_sdk_writes(name: str) -> None:
    ours, theirs = SETTINGS[name]
    wire = Wire(orjson.dumps(MESSAGE), content_type="application/json")
    wire.client.messages.create(model="claude-sonnet-5", max_tokens=5120, messages=TURNS, **theirs)
    request = Request(model="claude-sonnet-5", messages=tuple(TURNS), max_tokens=5120, **ours)
    body = encode_request(request, Endpoint("x", "https://api.example", stream=False))
    assert body == orjson.loads(wire.requests[0].content)


def test_we_send_the_headers_that_the_sdk_sends() -> None:
    wire = Wire(orjson.dumps(MESSAGE), content_type="application/json")
    ask(wire.client)
    endpoint = Endpoint("x", "https://api.example", auth="bearer", version="2026-10-21")
    ours = request_headers(endpoint, "sk-ant-oracle")
    theirs = wire.requests[0].headers
    assert str(wire.requests[0].url) == "https://api.example/v1/messages"
    assert {name: theirs[name] for name in ours if name != "user-agent"} == {
        name: value for name, value in ours.items() if name != "user-agent"
    }


# The SDK's exception for a status, and the kind that we give it.
STATUSES = {
    400: (anthropic.BadRequestError, "invalid_request"),
    401: (anthropic.AuthenticationError, "authentication"),
    403: (anthropic.PermissionDeniedError, "permission"),
    404: (anthropic.NotFoundError, "not_found"),
    409: (anthropic.ConflictError, "conflict"),
    422: (anthropic.UnprocessableEntityError, "invalid_request"),
    429: (anthropic.RateLimitError, "rate_limit"),
    500: (anthropic.InternalServerError, "server_error"),
    529: (anthropic.InternalServerError, "overloaded"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_is_an_error_to_both(status: int) -> None:
    body = b'{"type":"error","error":{"type":"t","message":"said so"},"request_id":"req_1"}'
    theirs, kind = STATUSES[status]
    with pytest.raises(theirs, match="said so"):
        ask(Wire(body, status=status, content_type="application/json").client)
    error = parse_error(status, {}, body, datetime(2026, 11, 23, tzinfo=UTC))
    assert (error.kind, error.request_id) == (kind, "req_1")


def test_a_model_of_the_sdk_s_form_tells_its_capabilities() -> None:
    yes, no = {"supported": True}, {"supported": False}
    info = {
        "id": "claude-opus-5",
        "type": "model",
        "display_name": "Claude Opus 5",
        "created_at": "2026-07-24T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": "opus",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
        "capabilities": {
            "batch": yes,
            "citations": yes,
            "code_execution": yes,
            "context_management": {
                "supported": True,
                "clear_thinking_20251015": yes,
                "clear_tool_uses_20250919": yes,
                "compact_20260112": yes,
            },
            "effort": {
                "supported": True,
                "low": yes,
                "medium": yes,
                "high": yes,
                "max": yes,
                "xhigh": yes,
            },
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": True, "web_search": yes, "code_execution": yes},
            "structured_outputs": yes,
            "thinking": {
                "supported": True,
                "types": {"adaptive": yes, "enabled": no, "disabled": yes, "between_tools": no},
            },
        },
    }
    theirs = anthropic.types.ModelInfo.model_validate(info)
    assert from_models_endpoint(theirs.model_dump(mode="json")) == find_capabilities(
        "claude-opus-5"
    )


def test_the_table_knows_the_models_that_the_sdk_knows() -> None:
    literal = next(part for part in get_args(Model) if get_args(part))
    names = get_args(literal)
    assert "claude-haiku-4-5" in names
    assert [name for name in names if find_capabilities(name) is None] == []


def test_the_table_agrees_with_the_sdk_on_what_is_retired() -> None:
    for model in DEPRECATED_MODELS:
        facts = find_capabilities(model)
        assert facts is None or facts.lifecycle in ("deprecated", "retired")
    assert any(find_capabilities(model) for model in DEPRECATED_MODELS)
