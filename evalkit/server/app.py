"""The Messages API as an ASGI application: endpoints, and the gate every request passes."""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers as RequestHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evalkit.messages.request import request_digest
from evalkit.server.catalogue import catalogue, model_info
from evalkit.server.delivery import Delivery, body_delivery, is_gone, json_delivery
from evalkit.server.refusals import Refusal, error_body, invalid
from evalkit.server.requestlog import Record
from evalkit.server.service import Service
from evalkit.server.validation import check_count, find_model

MAX_BODY_BYTES = 32 * 1024 * 1024
_RECORD = "evalkit.record"
_ORGANIZATION = (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000")


def build_app(service: Service) -> Starlette:
    """The application over a service. Endpoints only translate; the service decides."""
    api = Endpoints(service)
    batches = "/v1/messages/batches"
    routes = [
        Route("/v1/messages", api.messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", api.count_tokens, methods=["POST"]),
        Route("/v1/models", api.models),
        Route("/v1/models/{model_id:path}", api.model),
        Route(batches, api.create_batch, methods=["POST"]),
        Route(batches, api.list_batches),
        Route(batches + "/{batch_id}", api.batch),
        Route(batches + "/{batch_id}", api.delete_batch, methods=["DELETE"]),
        Route(batches + "/{batch_id}/cancel", api.cancel_batch, methods=["POST"]),
        Route(batches + "/{batch_id}/results", api.batch_results),
        Route("/health", api.health),
        Route("/_evalkit/log", api.log),
        Route("/_evalkit/reset", api.reset, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {
        Refusal: _refused,
        HTTPException: _not_routed,
        Exception: _broken,
    }
    return Starlette(
        routes=routes,
        middleware=[Middleware(Gate, service=service)],
        exception_handlers=handlers,
    )


class Gate:
    """Names, authenticates and logs every request of the API."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._prefix = f"req_01{secrets.token_hex(6)}"
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and note how it ended."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        request_id = f"{self._prefix}{next(self._numbers):08x}"
        record = self._service.log.arrive(scope["method"], scope["path"], request_id)
        scope[_RECORD] = record
        begun = time.perf_counter()
        extra = [(b"request-id", request_id.encode()), _ORGANIZATION]

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], *extra]
            elif not message.get("more_body") and not is_gone(scope):
                record.outcome = "completed"
            await send(message)

        try:
            refusal = self._key_refusal(scope)
            if refusal is not None:
                await _error(refusal.status, refusal.message, record)(scope, receive, watch)
            else:
                await self._app(scope, receive, watch)
        finally:
            record.elapsed_s = round(time.perf_counter() - begun, 6)
            self._service.settle(record)

    def _key_refusal(self, scope: Scope) -> Refusal | None:
        """A 401 unless the right key came; ``x-api-key`` goes before a bearer token."""
        expected = self._service.api_key
        if expected is None:
            return None
        headers = RequestHeaders(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" else None
        key = headers.get("x-api-key") or bearer
        if not key:
            return Refusal(401, "x-api-key header is required")
        if not secrets.compare_digest(key.encode(), expected.encode()):
            return Refusal(401, "invalid x-api-key" if key != bearer else "Invalid bearer token")
        return None


class Endpoints:
    """One method for each route."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def messages(self, request: Request) -> Delivery:
        """``POST /v1/messages``."""
        service, record = self._service, _record(request)
        body = await _json_object(request)
        record.model = body.get("model")
        record.stream = body.get("stream") is True
        service.log.identify(record, request_digest(body))
        terms = service.terms(request.headers, request.headers.getlist("anthropic-beta"))
        return service.reply(body, terms, record)

    async def count_tokens(self, request: Request) -> Delivery:
        """``POST /v1/messages/count_tokens``."""
        service = self._service
        body = await _json_object(request)
        terms = service.terms(request.headers, request.headers.getlist("anthropic-beta"))
        model = find_model(body, lenient=service.is_lenient)
        if not service.is_lenient:
            check_count(body, model, terms.version)
        tokens = service.backend.count_tokens(body, model)
        return json_delivery(200, {"input_tokens": tokens})

    async def models(self, request: Request) -> Delivery:
        """``GET /v1/models``, newest first."""
        lifecycles = _list_query(request, "lifecycle") or ["active", "deprecated"]
        return _page(request, catalogue().infos(frozenset(lifecycles)))

    async def model(self, request: Request) -> Delivery:
        """``GET /v1/models/{id}``."""
        name = request.path_params["model_id"]
        model = catalogue().find(name)
        if model is None:
            raise Refusal(404, f"model: {name}")
        return json_delivery(200, model_info(model))

    async def create_batch(self, request: Request) -> Delivery:
        """``POST /v1/messages/batches``."""
        body = await _json_object(request)
        terms = self._service.terms(request.headers, request.headers.getlist("anthropic-beta"))
        document = self._service.batches.create(
            body, _origin(request), version=terms.version, betas=terms.betas
        )
        return json_delivery(200, document)

    async def list_batches(self, request: Request) -> Delivery:
        """``GET /v1/messages/batches``, newest first."""
        return _page(request, self._service.batches.all(_origin(request)))

    async def batch(self, request: Request) -> Delivery:
        """``GET /v1/messages/batches/{id}``."""
        name = request.path_params["batch_id"]
        return json_delivery(200, self._service.batches.get(name, _origin(request)))

    async def cancel_batch(self, request: Request) -> Delivery:
        """``POST /v1/messages/batches/{id}/cancel``."""
        name = request.path_params["batch_id"]
        return json_delivery(200, self._service.batches.cancel(name, _origin(request)))

    async def delete_batch(self, request: Request) -> Delivery:
        """``DELETE /v1/messages/batches/{id}``."""
        return json_delivery(200, self._service.batches.delete(request.path_params["batch_id"]))

    async def batch_results(self, request: Request) -> Delivery:
        """``GET /v1/messages/batches/{id}/results`` as JSON Lines."""
        lines = self._service.batches.results(request.path_params["batch_id"])
        body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        return body_delivery(200, body, b"application/x-jsonl")

    async def health(self, request: Request) -> Delivery:
        """``GET /health``."""
        return json_delivery(200, {"status": "ok"})

    async def log(self, request: Request) -> Delivery:
        """``GET /_evalkit/log``: what was asked so far."""
        return json_delivery(200, self._service.log.summary())

    async def reset(self, request: Request) -> Delivery:
        """``POST /_evalkit/reset``: forget requests and draws."""
        self._service.reset()
        return json_delivery(200, self._service.log.summary())


def _record(request: Request) -> Record:
    record: Record = request.scope[_RECORD]
    return record


def _error(status: int, message: str, record: Record | None, headers: Any = ()) -> Delivery:
    request_id = record.request_id if record else "req_none"
    return json_delivery(status, error_body(status, message, request_id), headers=headers)


async def _refused(request: Request, error: Exception) -> Delivery:
    assert isinstance(error, Refusal)
    record = request.scope.get(_RECORD)
    return _error(error.status, error.message, record, error.headers)


async def _not_routed(request: Request, error: Exception) -> Delivery:
    assert isinstance(error, HTTPException)
    words = "Not found" if error.status_code == 404 else error.detail
    return _error(error.status_code, words, request.scope.get(_RECORD))


async def _broken(request: Request, error: Exception) -> Delivery:
    logging.getLogger(__name__).error("%s failed", request.url.path, exc_info=error)
    return _error(500, f"Internal server error: {error!r}", request.scope.get(_RECORD))


async def _json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise Refusal(413, "Request exceeds the maximum size")
        chunks.append(chunk)
    try:
        body = orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("The request body must be a JSON object")
    return body


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _list_query(request: Request, name: str) -> list[str]:
    query = request.query_params
    return [*query.getlist(name), *query.getlist(f"{name}[]")]


def _page(request: Request, documents: list[dict[str, Any]]) -> Delivery:
    """One page of a list: ``limit`` (1 to 1000, default 20), ``after_id``, ``before_id``."""
    query = request.query_params
    limit = _limit(query.get("limit", "20"))
    ids = [document["id"] for document in documents]
    after, before = query.get("after_id"), query.get("before_id")
    for name in (after, before):
        if name is not None and name not in ids:
            raise invalid(f"Unknown cursor {name}")
    if before is not None:
        end = ids.index(before)
        chosen, has_more = documents[max(0, end - limit) : end], end > limit
    else:
        start = ids.index(after) + 1 if after is not None else 0
        chosen, has_more = documents[start : start + limit], start + limit < len(documents)
    return json_delivery(
        200,
        {
            "data": chosen,
            "has_more": has_more,
            "first_id": chosen[0]["id"] if chosen else None,
            "last_id": chosen[-1]["id"] if chosen else None,
        },
    )


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise invalid("limit: Input should be between 1 and 1000")
    return int(text)
