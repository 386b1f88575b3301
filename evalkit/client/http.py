"""The Messages API over httpx, whole or streamed: one request, one answer, no second try.

httpx speaks through aiohttp's connection pool: its own re-examines every connection for every
request, which at a hundred in flight costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import httpx
import orjson
from httpx_aiohttp import HttpxAiohttpClient

from evalkit.client.clock import Clock
from evalkit.errors import ApiError
from evalkit.messages.headers import RateLimits, rate_limits, request_id
from evalkit.messages.redaction import redact
from evalkit.messages.request import (
    MODELS,
    api_url,
    body_bytes,
    encode_request,
    messages_url,
    request_headers,
)
from evalkit.messages.response import parse_error, parse_response
from evalkit.messages.stream import MessageAssembler, SseReader
from evalkit.policies import Limits
from evalkit.types import Endpoint, Request, Response

_ERROR_BODY_BYTES = 64 * 1024
_DESCRIBE_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 0.25


class HttpClient:
    """One endpoint. Use as an async context manager; ``key`` is kept in memory only.

    ``on_limits`` hears of the rate limits that answers tell; ``transport`` replaces the network
    (tests). Proxies and CA bundles come from the environment as
    httpx users expect (``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``), except on loopback for
    the embedded model.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: str | None,
        limits: Limits,
        clock: Clock,
        *,
        on_limits: Callable[[RateLimits], None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._on_limits = on_limits
        self._secrets = (key,) if key else ()
        self._limits = limits
        self._clock = clock
        self._url = httpx.URL(messages_url(endpoint.base_url))
        self._headers = request_headers(endpoint, key)
        idle = limits.idle_timeout_s if endpoint.stream else limits.total_timeout_s
        self._http = HttpxAiohttpClient(
            transport=transport,
            trust_env=not endpoint.is_embedded,
            timeout=httpx.Timeout(idle, connect=limits.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=0, keepalive_expiry=30.0),  # 0: no limit of its own
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        """Ask once.

        Raises ApiError, classified, for everything that is not a whole answer; no message in it
        holds the key.
        """
        body = body_bytes(encode_request(request, self._endpoint))
        total = None if self._endpoint.stream else self._limits.total_timeout_s
        try:
            async with asyncio.timeout(total):
                return await self._exchange(body, on_start)
        except TimeoutError as error:
            raise ApiError("timeout", f"no whole answer within {total:g} s") from error
        except httpx.TransportError as error:
            raise self._transport_failure(error) from error
        except (aiohttp.ClientError, httpx.DecodingError, OSError, ValueError) as error:
            # What the transport lets through untranslated: bad HTTP, bad encodings.
            raise ApiError("connection", self._told(error)) from error

    async def describe(self, model: str) -> Mapping[str, Any] | None:
        """The endpoint's own words on a model (``GET /v1/models/{id}``).

        None where it does not say, for whatever reason: asking must not keep a run from starting.
        """
        url = api_url(self._endpoint.base_url, f"{MODELS}/{quote(model, safe='')}")
        try:
            async with asyncio.timeout(_DESCRIBE_TIMEOUT_S):
                reply = await self._http.get(url, headers=self._headers)
            told = orjson.loads(reply.content) if reply.status_code == 200 else None
        except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError):
            return None
        return told if isinstance(told, Mapping) else None

    async def _exchange(self, body: bytes, on_start: Callable[[], None] | None) -> Response:
        start_s = self._clock.now_s()
        # Built by hand: merging the client's defaults into every request costs as much as sending.
        request = httpx.Request("POST", self._url, headers=self._headers, content=body)
        reply = await self._http.send(request, stream=True)
        try:
            headers = _plain(reply.headers)
            if self._on_limits is not None:
                self._on_limits(rate_limits(headers, self._clock.utc()))
            if reply.status_code != 200:
                text = await self._read(reply, _ERROR_BODY_BYTES, cut=True)
                now = self._clock.utc()
                raise parse_error(reply.status_code, headers, text, now, secrets=self._secrets)
            if headers.get("content-type", "").startswith("text/event-stream"):
                response = await self._read_stream(reply, start_s, on_start)
            else:
                whole = await self._read(reply, self._limits.max_response_bytes)
                response = parse_response(whole, secrets=self._secrets)
        finally:
            await reply.aclose()
        elapsed_s = self._clock.now_s() - start_s
        known_as = request_id(headers) or response.request_id
        return replace(response, request_id=known_as, elapsed_s=elapsed_s)

    async def _read_stream(
        self, reply: httpx.Response, start_s: float, on_start: Callable[[], None] | None
    ) -> Response:
        reader, assembler = SseReader(), MessageAssembler(start_s, secrets=self._secrets)
        size = 0
        chunks = reply.aiter_bytes()
        async for chunk in chunks:
            size += len(chunk)
            self._check_size(size)
            now_s = self._clock.now_s()
            for event in reader.feed(chunk):
                assembler.add(event, now_s)
            if on_start is not None and size:
                on_start()
                on_start = None
            if assembler.done:
                await _drain(chunks)
                return assembler.result()
        for event in reader.close():
            assembler.add(event, self._clock.now_s())
        return assembler.result()

    async def _read(self, reply: httpx.Response, limit: int, *, cut: bool = False) -> bytes:
        """The body; more than ``limit`` bytes is an ApiError, or cut off there."""
        chunks, size = [], 0
        async for chunk in reply.aiter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit and cut:
                break
            self._check_size(size)
        return b"".join(chunks)

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_response_bytes:
            raise ApiError(
                "response_too_large",
                f"the answer exceeds {self._limits.max_response_bytes:,} bytes",
            )

    def _transport_failure(self, error: httpx.TransportError) -> ApiError:
        # The transport maps aiohttp's errors coarsely; the cause tells waiting from breaking.
        cause = error.__cause__
        is_timeout = isinstance(cause, TimeoutError) or (
            cause is None and isinstance(error, httpx.TimeoutException)
        )
        if is_timeout:
            return ApiError("timeout", f"no answer in time ({self._told(error)})")
        if isinstance(cause, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
            return ApiError(
                "tls",
                f"the server's certificate is not trusted: {self._told(error)}",
                hint="Set SSL_CERT_FILE to the CA bundle of your proxy or server.",
            )
        return ApiError("connection", self._told(error))

    def _told(self, error: Exception) -> str:
        text = str(error) or str(error.__cause__ or "") or type(error).__name__
        return self._without_key(text)

    def _without_key(self, text: str) -> str:
        return redact(text, self._secrets)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Headers as a dict, names in lower case; httpx's own look-ups scan and decode each time."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end of a body whose answer is whole, so that the connection can be used again."""
    with contextlib.suppress(TimeoutError, httpx.HTTPError, aiohttp.ClientError):
        async with asyncio.timeout(_DRAIN_TIMEOUT_S):
            async for _ in chunks:
                pass
