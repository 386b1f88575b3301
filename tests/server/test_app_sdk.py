"""The official SDK talks to the server and accepts every object; its errors are the right ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import Message, ModelInfo
from anthropic.types.messages import MessageBatch
from servers import RunningServer, simulated_server

KEY = "sk-test"
MODEL = "claude-haiku-4-5"
TURNS: Any = [{"role": "user", "content": "How many primes lie below 60?"}]
BOTH_THOUGHT: Any = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with simulated_server("--api-key", KEY, "--batch-delay", "0.3") as running:
        yield running


@pytest.fixture(scope="module")
def sdk(server: RunningServer) -> Iterator[Anthropic]:
    with Anthropic(
        api_key=KEY,
        base_url=server.base_url,
        max_retries=0,
        timeout=20,
        _strict_response_validation=True,
    ) as made:
        yield made


def ask(sdk: Anthropic, **fields: Any) -> Message:
    asked: dict[str, Any] = {"model": MODEL, "max_tokens": 3000, "messages": TURNS, **fields}
    message = sdk.messages.create(**asked)
    assert isinstance(message, Message)
    return message


def test_create(sdk: Anthropic) -> None:
    message = ask(sdk)
    assert message.stop_reason == "end_turn"
    assert [block.type for block in message.content] == ["text"]
    assert message.usage.output_tokens > 0
    assert message.usage.service_tier == "standard"
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_create_with_thinking_tools_and_structured_output(sdk: Anthropic) -> None:
    thought = ask(sdk, thinking=BOTH_THOUGHT)
    assert [block.type for block in thought.content] == ["thinking", "text"]
    assert thought.usage.output_tokens_details is not None
    assert thought.usage.output_tokens_details.thinking_tokens > 0
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools = [{"name": "add", "input_schema": form}]
    called = ask(sdk, tools=tools, tool_choice={"type": "tool", "name": "add"})
    assert called.stop_reason == "tool_use"
    (block,) = called.content
    assert block.type == "tool_use"
    assert isinstance(block.input["n"], int)
    shaped = ask(sdk, output_config={"format": {"type": "json_schema", "schema": form}})
    assert shaped.content[0].type == "text"


def test_stream_with_thinking(sdk: Anthropic) -> None:
    with sdk.messages.stream(
        model=MODEL, max_tokens=3000, messages=TURNS, thinking=BOTH_THOUGHT
    ) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert {"message_start", "thinking", "signature", "text", "message_stop"} <= set(kinds)
    thinking, text = message.content
    assert thinking.type == "thinking"
    assert thinking.thinking
    assert thinking.signature
    assert text.type == "text"
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens > 0


def test_stream_of_a_tool_call(sdk: Anthropic) -> None:
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools: Any = [{"name": "add", "input_schema": form}]
    with sdk.messages.stream(
        model=MODEL,
        max_tokens=300,
        messages=TURNS,
        tools=tools,
        tool_choice={"type": "any"},
    ) as stream:
        message = stream.get_final_message()
    (block,) = message.content
    assert block.type == "tool_use"
    assert isinstance(block.input["n"], int)


def test_raw_stream_events(sdk: Anthropic) -> None:
    stream = sdk.messages.create(model=MODEL, max_tokens=300, messages=TURNS, stream=True)
    with stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]


def test_omitted_thinking_streams_only_its_signature(sdk: Anthropic) -> None:
    with sdk.messages.stream(
        model="claude-opus-5", max_tokens=40000, messages=TURNS, thinking={"type": "adaptive"}
    ) as stream:
        message = stream.get_final_message()
    block = message.content[0]
    assert block.type == "thinking"
    assert block.thinking == ""
    assert block.signature


def test_count_tokens(sdk: Anthropic) -> None:
    counted = sdk.messages.count_tokens(model=MODEL, messages=TURNS, system="Be brief.")
    assert counted.input_tokens == ask(sdk, system="Be brief.").usage.input_tokens


def test_models(sdk: Anthropic) -> None:
    models = list(sdk.models.list(limit=4))
    assert len(models) > 10
    for model in models:
        assert isinstance(model, ModelInfo)
        assert model.lifecycle in ("active", "deprecated")
        assert model.capabilities is not None
        assert model.capabilities.thinking.types is not None
    haiku = sdk.models.retrieve(MODEL)
    assert haiku.id.startswith(MODEL)
    assert haiku.capabilities is not None
    assert haiku.capabilities.thinking.types.enabled.supported
    retired = sdk.models.list(lifecycle=["retired"])
    assert {model.lifecycle for model in retired} == {"retired"}


def test_batches(sdk: Anthropic) -> None:
    requests: Any = [
        {
            "custom_id": f"r{n}",
            "params": {"model": MODEL, "max_tokens": 100, "messages": TURNS},
        }
        for n in range(3)
    ]
    requests.append({"custom_id": "bad", "params": {"model": MODEL, "messages": TURNS}})
    batch = sdk.messages.batches.create(requests=requests)
    assert isinstance(batch, MessageBatch)
    assert batch.processing_status == "in_progress"
    assert batch.id in [listed.id for listed in sdk.messages.batches.list()]
    for _ in range(100):
        if sdk.messages.batches.retrieve(batch.id).processing_status == "ended":
            break
        time.sleep(0.05)
    results = {line.custom_id: line.result for line in sdk.messages.batches.results(batch.id)}
    assert {name: result.type for name, result in results.items()} == {
        "r0": "succeeded",
        "r1": "succeeded",
        "r2": "succeeded",
        "bad": "errored",
    }
    bad, good = results["bad"], results["r0"]
    assert bad.type == "errored"
    assert bad.error.error.message == "max_tokens: Field required"
    assert good.type == "succeeded"
    assert good.message.usage.service_tier == "batch"
    assert sdk.messages.batches.delete(batch.id).type == "message_batch_deleted"


def test_cancelling_a_batch(sdk: Anthropic) -> None:
    requests: Any = [
        {"custom_id": "a", "params": {"model": MODEL, "max_tokens": 100, "messages": TURNS}}
    ]
    batch = sdk.messages.batches.create(requests=requests)
    assert sdk.messages.batches.cancel(batch.id).cancel_initiated_at is not None


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        (
            {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 1000}},
            anthropic.BadRequestError,
            "greater than or equal to 1024",
        ),
        (
            {"max_tokens": 1024, "thinking": {"type": "enabled", "budget_tokens": 1024}},
            anthropic.BadRequestError,
            "must be greater than `thinking.budget_tokens`",
        ),
        (
            {"model": "claude-opus-5", "thinking": BOTH_THOUGHT},
            anthropic.BadRequestError,
            "thinking.type.enabled",
        ),
        (
            {"extra_body": {"foo": 1}},
            anthropic.BadRequestError,
            "foo: Extra inputs are not permitted",
        ),
        (
            {"extra_body": {"temperature": 0.5}, "thinking": BOTH_THOUGHT},
            anthropic.BadRequestError,
            "temperature: Extra inputs are not permitted",
        ),
        (
            {
                "extra_body": {"temperature": 0.5},
                "extra_headers": {"anthropic-version": "2023-06-01"},
                "thinking": BOTH_THOUGHT,
            },
            anthropic.BadRequestError,
            "`temperature` may only be set to 1",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            anthropic.BadRequestError,
            "text content blocks must be non-empty",
        ),
        ({"model": "claude-nonesuch"}, anthropic.NotFoundError, "model: claude-nonesuch"),
        (
            {"extra_headers": {"anthropic-version": ""}},
            anthropic.BadRequestError,
            "anthropic-version: header is required",
        ),
        (
            {"extra_headers": {"anthropic-beta": "made-up-2025-01-01"}},
            anthropic.BadRequestError,
            "Unexpected value(s) `made-up-2025-01-01`",
        ),
        (
            {"extra_headers": {"x-api-key": "sk-wrong"}},
            anthropic.AuthenticationError,
            "invalid x-api-key",
        ),
    ],
)
def test_errors(sdk: Anthropic, fields: Any, error: type[anthropic.APIError], text: str) -> None:
    with pytest.raises(error) as caught:
        ask(sdk, **fields)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", anthropic.AuthenticationError),
        ("409", anthropic.ConflictError),
        ("429", anthropic.RateLimitError),
        ("500", anthropic.InternalServerError),
        ("502", anthropic.InternalServerError),
        ("529", anthropic.InternalServerError),
        ("reset", anthropic.APIConnectionError),
    ],
)
def test_faults(sdk: Anthropic, fault: str, error: type[anthropic.APIError]) -> None:
    with pytest.raises(error):
        ask(sdk, extra_headers={"x-evalkit-fault": fault})


def test_an_error_event_raises(sdk: Anthropic) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        sdk.messages.stream(
            model=MODEL,
            max_tokens=300,
            messages=TURNS,
            extra_headers={"x-evalkit-fault": "error-event:3"},
        ) as stream,
    ):
        stream.until_done()
