"""The Messages API over HTTP, whole or streamed: one request, one answer, no second try."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Self

import httpx

from evalkit.client.clock import Clock
from evalkit.client.connection import (
    FAILED,
    failure,
    is_bounded,
    open_http,
    plain,
    short_body,
)
from evalkit.errors import ApiError
from evalkit.messages.headers import RateLimits, rate_limits, request_id
from evalkit.messages.redaction import header_secrets
from evalkit.messages.request import (
    body_bytes,
    check_base_url,
    encode_request,
    messages_url,
    request_headers,
)
from evalkit.messages.response import parse_error, parse_response
from evalkit.messages.sse import SseReader, looks_like_events
from evalkit.messages.stream import MessageAssembler
from evalkit.policies import Limits
from evalkit.types import Endpoint, Request, Response

_DESCRIBE_TIMEOUT_S = 10.0
_DRAIN_TIMEOUT_S = 0.25
# A stream that never falls silent may go on for so many times the limit for a whole answer.
_STREAM_PATIENCE = 10
_SNIFFED_BYTES = 8


class HttpClient:
    """One endpoint. Use as an async context manager; ``key`` is kept in memory only.

    ``on_limits`` hears of the rate limits that answers tell; ``transport`` replaces the network
    (tests). Raises UsageError for an address, a CA bundle or a proxy that cannot be used.
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
        check_base_url(endpoint.base_url)
        self._endpoint = endpoint
        self._on_limits = on_limits
        self._limits = limits
        self._clock = clock
        self._url = httpx.URL(messages_url(endpoint.base_url))
        self._headers = request_headers(endpoint, key)
        self._secrets = (*((key,) if key else ()), *header_secrets(self._headers))
        # Streams are timed byte by byte, but the longest of them ends too.
        self._longest_s = limits.total_timeout_s * (_STREAM_PATIENCE if endpoint.stream else 1)
        self._http = open_http(endpoint, limits, transport)
        # Sending has no timeout of its own: it has as long as waiting for the reply's head.
        wait_s = self._http.timeout.read or 0.0
        self._head_s = min(self._longest_s, limits.connect_timeout_s + 2 * wait_s)
        self._transport = self._http.transport_for(self._url)
        self._extensions = {"timeout": self._http.timeout.as_dict()}

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
        start_s = self._clock.now_s()
        seconds = self._head_s
        try:
            async with asyncio.timeout(seconds) as timer:
                reply = await self._ask(body)
                if seconds < self._longest_s:
                    timer.reschedule(asyncio.get_running_loop().time() + self._longest_s - seconds)
                    seconds = self._longest_s
                return await self._exchange(reply, start_s, on_start or _nothing)
        except ApiError as error:
            told = error
        except TimeoutError as error:
            told = ApiError("timeout", f"no whole answer within {seconds:g} s")
            told.__cause__ = error
        except FAILED as error:
            told = failure(error, self._secrets)
            told.__cause__ = error
        told.elapsed_s = self._clock.now_s() - start_s
        raise told

    async def _ask(self, body: bytes) -> httpx.Response:
        """The head of the reply."""
        request = httpx.Request(
            "POST", self._url, headers=self._headers, content=body, extensions=self._extensions
        )
        return await self._transport.handle_async_request(request)

    async def _exchange(
        self, reply: httpx.Response, start_s: float, on_start: Callable[[], None]
    ) -> Response:
        async with contextlib.aclosing(reply):
            headers = plain(reply.headers)
            if self._on_limits is not None:
                self._on_limits(rate_limits(headers, self._clock.utc()))
            if reply.status_code != 200:
                text = await short_body(reply, headers)
                now = self._clock.utc()
                raise parse_error(reply.status_code, headers, text, now, secrets=self._secrets)
            response, end_s = await self._read_answer(reply, headers, start_s, on_start)
        named = request_id(headers) or response.request_id
        return replace(response, request_id=named, elapsed_s=end_s - start_s)

    async def _read_answer(
        self,
        reply: httpx.Response,
        headers: Mapping[str, str],
        start_s: float,
        on_start: Callable[[], None],
    ) -> tuple[Response, float]:
        """The answer, and when its end came.

        Streamed or whole, as the body says: gateways stream as JSON and err as a stream.
        """
        if not is_bounded(headers):
            encoding = headers["content-encoding"]
            raise ApiError("malformed", f"an answer in the encoding {encoding!r}", status=200)
        chunks = self._capped(reply, is_encoded="content-encoding" in headers)
        start = b""
        async for chunk in chunks:
            # Blank lines keep connections alive and mean nothing before either form.
            start = (start + chunk).lstrip()
            if len(start) >= _SNIFFED_BYTES:
                break
        on_start()
        if looks_like_events(start, headers.get("content-type", "")):
            return await self._read_stream(start, chunks, start_s)
        rest = [chunk async for chunk in chunks]
        response = parse_response(b"".join((start, *rest)), secrets=self._secrets)
        return response, self._clock.now_s()

    async def _read_stream(
        self, start: bytes, chunks: AsyncGenerator[bytes, None], start_s: float
    ) -> tuple[Response, float]:
        reader, assembler = SseReader(), MessageAssembler(start_s, secrets=self._secrets)
        chunk: bytes | None = start
        while chunk is not None:
            now_s = self._clock.now_s()
            for event in reader.feed(chunk):
                assembler.add(event, now_s)
            if assembler.done:
                response = assembler.result()
                await _drain(chunks)
                return response, now_s
            chunk = await anext(chunks, None)
        for event in reader.close():
            assembler.add(event, self._clock.now_s())
        return assembler.result(), self._clock.now_s()

    async def _capped(
        self, reply: httpx.Response, *, is_encoded: bool
    ) -> AsyncGenerator[bytes, None]:
        """The decoded body; more than the limit is an ApiError."""
        limit, size = self._limits.max_response_bytes, 0
        # Where there is nothing to decode, httpx's decoders would only cost time.
        body = None if is_encoded else reply.stream
        async for chunk in body if isinstance(body, httpx.AsyncByteStream) else reply.aiter_bytes():
            size += len(chunk)
            if size > limit:
                raise ApiError("response_too_large", f"the answer exceeds {limit:,} bytes")
            yield chunk


def _nothing() -> None:
    """Called once an answer begins, where nobody wants to know."""


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read to the end of a body whose answer is whole, so that the connection can be used again."""
    with contextlib.suppress(ApiError, *FAILED):
        async with asyncio.timeout(_DRAIN_TIMEOUT_S):
            async for _ in chunks:
                pass
