"""Questions to an endpoint that cost nothing: what it knows of a model, how long a prompt is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from evalkit.client.connection import FAILED, failure, open_http, plain, short_body
from evalkit.messages.decoding import load_json
from evalkit.messages.headers import NO_LIMITS, RateLimits, rate_limits
from evalkit.messages.redaction import header_secrets
from evalkit.messages.request import (
    COUNT_TOKENS,
    MODELS,
    api_url,
    body_bytes,
    check_base_url,
    encode_request,
    request_headers,
)
from evalkit.policies import Limits
from evalkit.types import Endpoint, Request

_TIMEOUT_S = 8.0
_LIMITS = Limits(connect_timeout_s=_TIMEOUT_S, idle_timeout_s=_TIMEOUT_S)
_AT_ONCE = 8
# What the length of a prompt depends on; fields beyond these are refused by that address.
_COUNTED = ("model", "system", "messages", "tools", "tool_choice")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: ``status`` None if nothing did, then ``trouble`` says why."""

    status: int | None
    body: Mapping[str, Any]
    date: datetime | None = None
    trouble: str = ""
    limits: RateLimits = NO_LIMITS


async def ask_about_model(endpoint: Endpoint, key: str | None, model: str) -> Reply:
    """``GET /v1/models/{id}``; never raises for what the endpoint says or fails to say."""
    path = f"{MODELS}/{quote(model, safe='')}"
    async with _client(endpoint) as http:
        return await _exchange(http, "GET", path, endpoint, key)


async def count_tokens(
    endpoint: Endpoint,
    key: str | None,
    requests: Sequence[Request],
    *,
    on_limits: Callable[[RateLimits], None] | None = None,
) -> list[int | None]:
    """Input tokens of each request by the endpoint's own count; None where it does not say.

    ``on_limits`` is given the rate limits that each answer tells of.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def count(http: httpx.AsyncClient, request: Request) -> int | None:
        body = encode_request(request, endpoint)
        content = body_bytes({name: body[name] for name in _COUNTED if name in body})
        async with limit:
            reply = await _exchange(http, "POST", COUNT_TOKENS, endpoint, key, content)
        if on_limits is not None:
            on_limits(reply.limits)
        tokens = reply.body.get("input_tokens") if reply.status == httpx.codes.OK else None
        # A count of nothing, or of less, is none.
        return tokens if type(tokens) is int and tokens > 0 else None

    async with _client(endpoint) as http:
        return list(await asyncio.gather(*(count(http, request) for request in requests)))


def _client(endpoint: Endpoint) -> httpx.AsyncClient:
    check_base_url(endpoint.base_url)
    return open_http(endpoint, _LIMITS)


async def _exchange(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    endpoint: Endpoint,
    key: str | None,
    content: bytes | None = None,
) -> Reply:
    headers = request_headers(endpoint, key)
    url = api_url(endpoint.base_url, path)
    request = httpx.Request(method, url, headers=headers, content=content)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reply = await http.send(request, stream=True)
            async with contextlib.aclosing(reply):
                told = await short_body(reply, plain(reply.headers))
    except FAILED as error:
        return Reply(None, {}, trouble=failure(error, header_secrets(headers)).message)
    try:
        body = load_json(told) if told else {}
    except ValueError:
        return Reply(reply.status_code, {}, _date(reply), "the answer is not JSON")
    body = body if isinstance(body, Mapping) else {}
    limits = rate_limits(reply.headers, datetime.now(UTC))
    return Reply(reply.status_code, body, _date(reply), limits=limits)


def _date(reply: httpx.Response) -> datetime | None:
    """The server's clock, as far as it tells."""
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else None
