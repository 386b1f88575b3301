"""The client against bytes that LiteLLM's proxy sent (see ``recorded/README.md``)."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import a_request
from odd_server import odd_server

from evalkit.client.clock import SystemClock
from evalkit.client.http import HttpClient
from evalkit.errors import ApiError
from evalkit.policies import Limits
from evalkit.types import Endpoint, Response

RECORDED = Path(__file__).with_name("recorded")


async def ask(name: str) -> Response:
    recording = (RECORDED / f"litellm_{name}.http").read_bytes()
    async with odd_server(recording) as server:
        endpoint = Endpoint("gateway", server.base_url)
        async with HttpClient(endpoint, "sk-test-1", Limits(), SystemClock()) as client:
            first = await client.send(a_request())
            second = await client.send(a_request())
    assert (second.text, second.usage) == (first.text, first.usage)
    assert server.connections == 1
    return first


@pytest.mark.parametrize("name", ["mock", "mock_asked_to_stream"])
async def test_a_whole_answer_whatever_was_asked_for(name):
    response = await ask(name)
    assert response.text == "The answer is 12."
    assert (response.stop_reason, response.thinking) == ("end_turn", "")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (2095, 503)
    assert response.usage.cache_read_tokens is None
    assert response.request_id.count("-") == 4, "the proxy's call id"


@pytest.mark.parametrize("name", ["thinking", "thinking_stream"])
async def test_thinking_translated_from_another_api(name):
    response = await ask(name)
    assert response.text == "Answer: 12"
    assert response.thinking == "7 + 5 = 12. So the answer is 12."
    assert response.stop_reason == "end_turn"
    # The same prompt, of which more was cached the second time.
    assert response.usage.total_input_tokens == 613
    assert response.usage.output_tokens == 26
    assert response.usage.thinking_tokens is None
    assert response.model == "translated"


@pytest.mark.parametrize(
    ("name", "kind", "status", "told"),
    [
        ("rate_limit", "rate_limit", 429, "this is a mock rate limit error"),
        ("context_window", "invalid_request", 400, "ContextWindowExceededError"),
        ("unknown_model", "unknown_model", 400, "Invalid model name passed in model=nosuch"),
        ("wrong_key", "authentication", 400, "No connected db."),
        ("upstream_away", "server_error", 500, "Cannot connect to host 127.0.0.1:9"),
    ],
)
async def test_what_it_refuses(name, kind, status, told):
    with pytest.raises(ApiError) as caught:
        await ask(name)
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert told in caught.value.message
