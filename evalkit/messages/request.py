"""A Request to the body, the address and the headers that go over the wire, and to its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from evalkit import __version__
from evalkit.errors import UsageError
from evalkit.messages.decoding import sound_text
from evalkit.types import Endpoint, Request, Sampling, Thinking

MESSAGES = "messages"
COUNT_TOKENS = "messages/count_tokens"
BATCHES = "messages/batches"
MODELS = "models"
_NO_ADDRESS = "base_url is not the http(s) address of a server"
_ADDRESS_HINT = "Write it like https://gateway.example or https://gateway.example/v1."


def check_base_url(base_url: str) -> None:
    """Raise UsageError, which shows no password, for what is no address of a server."""
    try:
        parts = urlsplit(base_url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise UsageError(_NO_ADDRESS, _ADDRESS_HINT) from None
    if parts.username or parts.password:
        hint = "Name the key's variable in api_key_env, or what else is needed in headers."
        raise UsageError("base_url holds a user name or password, which belong elsewhere", hint)
    if not is_address or parts.query or parts.fragment:
        raise UsageError(f"{_NO_ADDRESS}: {base_url!r}", _ADDRESS_HINT)


def api_url(base_url: str, path: str) -> str:
    """The address of a path such as ``models`` below a base URL with or without ``/v1``."""
    root = base_url.strip().rstrip("/")
    root = root.removesuffix("/v1/messages").removesuffix("/v1").rstrip("/")
    return f"{root}/v1/{path}"


def messages_url(base_url: str) -> str:
    """The address of ``POST /v1/messages``; a base URL that names it in full is fine too."""
    return api_url(base_url, MESSAGES)


def encode_request(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """The JSON body, its fields in the order of the API's documentation.

    Only what is asked for is sent: no sampling field, stop sequence or thinking that nobody set.
    ``extra_body`` of the endpoint, then of the request, is laid over the rest: objects are merged,
    anything else replaces what was there.
    """
    body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    if request.system:
        system = request.system
        body["system"] = system if isinstance(system, str) else [dict(block) for block in system]
    body["messages"] = [dict(message) for message in request.messages]
    thinking = _thinking(request.thinking, endpoint)
    if thinking is not None:
        body["thinking"] = thinking
    if request.thinking.effort is not None:
        body["output_config"] = {"effort": request.thinking.effort}
    body.update(_sampling(request.sampling))
    if request.stop_sequences:
        body["stop_sequences"] = list(request.stop_sequences)
    if endpoint.stream:
        body["stream"] = True
    if endpoint.thinking_switch and request.thinking.mode != "default":
        body["chat_template_kwargs"] = {"enable_thinking": request.thinking.is_on}
    for further in (request.options, endpoint.extra_body, request.extra_body):
        _lay_over(body, further)
    return body


def body_bytes(body: Mapping[str, Any]) -> bytes:
    """The body as sent: UTF-8 JSON in the order of its fields. Lone surrogates become U+FFFD."""
    return _dump(body, 0)


def canonical(body: Mapping[str, Any]) -> bytes:
    """The body as JSON with sorted keys: equal bodies give equal bytes."""
    return _dump(body, orjson.OPT_SORT_KEYS)


def request_digest(body: Mapping[str, Any]) -> str:
    """The identity of what is asked (``b2:`` + 32 hex digits), streamed or not."""
    asked = {name: value for name, value in body.items() if name != "stream"}
    return "b2:" + hashlib.blake2b(canonical(asked), digest_size=16).hexdigest()


def request_headers(endpoint: Endpoint, key: str | None) -> dict[str, str]:
    """The headers of a request, names in lower case; the endpoint's own ones win.

    Like the official SDK's, ``accept`` is JSON for streams too. Raises UsageError for a key that no
    header can carry, without showing it.
    """
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",  # what can be decoded within bounds
        "user-agent": f"evalkit/{__version__}",
    }
    if endpoint.version:
        headers["anthropic-version"] = endpoint.version
    if endpoint.beta:
        headers["anthropic-beta"] = ",".join(endpoint.beta)
    headers.update(_signature(endpoint, key))
    headers.update((name.lower(), value) for name, value in endpoint.headers.items())
    return headers


def _thinking(thinking: Thinking, endpoint: Endpoint) -> dict[str, Any] | None:
    """The ``thinking`` object. A template switch says "off" by itself, so none goes with it."""
    wire: dict[str, Any]
    if thinking.mode == "budget":
        wire = {"type": "enabled", "budget_tokens": thinking.budget_tokens}
    elif thinking.mode == "adaptive":
        wire = {"type": "adaptive"}
    elif thinking.mode == "off" and not endpoint.thinking_switch:
        return {"type": "disabled"}
    else:
        return None
    if thinking.display is not None:
        wire["display"] = thinking.display
    return wire


def _sampling(sampling: Sampling) -> dict[str, Any]:
    fields = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _lay_over(body: dict[str, Any], further: Mapping[str, Any]) -> None:
    """Merges ``further`` into ``body``; objects on both sides are merged in turn."""
    for name, value in further.items():
        below = body.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            body[name] = merged = dict(below)
            _lay_over(merged, value)
        else:
            body[name] = value


def _signature(endpoint: Endpoint, key: str | None) -> dict[str, str]:
    key = (key or "").strip()
    if not key or endpoint.auth == "none":
        return {}
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(
            f"the key for {endpoint.name} has characters that no key has",
            f"Check {endpoint.api_key_env or endpoint.api_key_cmd or 'where the key comes from'}.",
        )
    headers = {}
    if endpoint.auth in ("x-api-key", "both"):
        headers["x-api-key"] = key
    if endpoint.auth in ("bearer", "both"):
        headers["authorization"] = f"Bearer {key}"
    return headers


def _dump(body: Mapping[str, Any], option: int) -> bytes:
    try:
        return orjson.dumps(body, default=_plain, option=option)
    except orjson.JSONEncodeError:
        text = json.dumps(
            _mended(body),
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=option == orjson.OPT_SORT_KEYS,
        )
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _mended(value: Any) -> Any:
    """What the fast encoder refuses, made sound: lone surrogates, keys that are no strings."""
    if isinstance(value, Mapping):
        return {sound_text(str(name)): _mended(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return sound_text(value) if isinstance(value, str) else value
