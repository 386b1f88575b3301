"""The client against llama.cpp's own Messages API, with a real model behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import a_request

from evalkit.client.clock import SystemClock
from evalkit.client.stack import open_client, open_gate
from evalkit.errors import ApiError
from evalkit.policies import Limits, Retries
from evalkit.server.local import LocalServer, local_server
from evalkit.server.weights import fetch_weights
from evalkit.types import Endpoint, Request, Response, Sampling, Thinking

pytestmark = pytest.mark.local_model

OFF = Thinking("off")
BUDGET_TOKENS = 32
ANSWER_TOKENS = 24


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    fetch_weights()
    with local_server() as running:
        yield running


def question(thinking: Thinking) -> Request:
    return a_request(
        "A box holds 2 red and 2 blue pens. How many pens?",
        model="smollm2-135m",
        sampling=Sampling(temperature=0.0),
        max_tokens=ANSWER_TOKENS + (thinking.budget_tokens or 0),
        thinking=thinking,
    )


async def ask(server: LocalServer, *requests: Request, stream: bool = True) -> list[Response]:
    endpoint = Endpoint(
        "local",
        server.base_url,
        auth="none",
        stream=stream,
        thinking_switch=True,
        is_embedded=True,
    )
    limits, clock, stopping = Limits(concurrency=server.slots), SystemClock(), asyncio.Event()
    async with (
        open_gate(limits, clock, stopping) as gate,
        open_client(endpoint, None, limits, Retries(), gate) as client,
    ):
        return await asyncio.gather(*(client.send(request) for request in requests))


@pytest.mark.parametrize("stream", [True, False])
async def test_with_thinking_off_there_is_text_alone(server, stream):
    (response,) = await ask(server, question(OFF), stream=stream)
    assert response.text.strip()
    assert response.thinking == ""
    assert response.thinking_s is None
    assert response.stop_reason in ("end_turn", "max_tokens")
    assert response.model == "smollm2-135m"
    assert 0 < response.usage.output_tokens <= ANSWER_TOKENS


@pytest.mark.parametrize("stream", [True, False])
async def test_thinking_comes_apart_and_within_its_budget(server, stream):
    (response,) = await ask(server, question(Thinking("budget", BUDGET_TOKENS)), stream=stream)
    assert "So the answer is" in response.thinking
    assert "think" not in response.text
    assert response.text.startswith("Answer: ")
    assert response.usage.output_tokens <= BUDGET_TOKENS + ANSWER_TOKENS
    assert response.usage.thinking_tokens is None, "this server does not count them"
    if stream:
        assert 0 < response.first_token_s < response.elapsed_s
        assert 0 < response.thinking_s < response.elapsed_s


async def test_a_tiny_budget_cuts_the_thought(server):
    tiny, roomy = await ask(
        server, question(Thinking("budget", 3)), question(Thinking("budget", BUDGET_TOKENS))
    )
    assert tiny.thinking.endswith("... So I answer now.")
    assert len(tiny.thinking) < len(roomy.thinking)


async def test_the_prompt_costs_the_same_whatever_is_cached(server):
    request = question(OFF)
    answers = [(await ask(server, request))[0] for _ in range(2)]
    totals = {answer.usage.total_input_tokens for answer in answers}
    assert len(totals) == 1
    assert answers[1].usage.cache_read_tokens


async def test_what_it_refuses_is_told(server):
    endless = replace(question(OFF), messages=({"role": "user", "content": "word " * 4000},))
    with pytest.raises(ApiError) as caught:
        await ask(server, endless)
    assert caught.value.kind == "invalid_request"
    assert "context size" in caught.value.message
    assert caught.value.hint == "Shorten the prompt or lower answer_tokens."
