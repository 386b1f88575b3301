"""An answer's body to a Response, an error's body to an ApiError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from evalkit.errors import FAILURES, ApiError
from evalkit.messages.decoding import load_json, sound_json, sound_text
from evalkit.messages.error_body import (
    ErrorBody,
    excerpt,
    read_error_body,
    read_error_document,
)
from evalkit.messages.failures import classify, hint_for
from evalkit.messages.headers import request_id, retry_after_s, should_retry
from evalkit.messages.redaction import one_line, redact
from evalkit.messages.usage import read_usage
from evalkit.types import Response

__all__ = [
    "malformed",
    "parse_error",
    "parse_error_event",
    "parse_response",
    "read_message",
    "redact",
]


def parse_response(body: bytes | Mapping[str, Any], *, secrets: Sequence[str] = ()) -> Response:
    """A whole, unstreamed answer. Nothing in the error texts shows any of ``secrets``.

    Raises ApiError: ``malformed`` for what is not a Messages answer, or the kind of the error that
    some gateways send with a status of 200.
    """
    message = body if isinstance(body, Mapping) else _load(body, secrets)
    if "error" in message and not isinstance(message.get("content"), list):
        raise parse_error_event(message, secrets=secrets)
    return read_message(message)


def read_message(
    message: Mapping[str, Any],
    *,
    first_token_s: float | None = None,
    thinking_s: float | None = None,
    text_s: float | None = None,
) -> Response:
    """A Messages API ``message`` object as a Response, with the times a stream has measured.

    The text is that of all text blocks. Block types and stop reasons nobody knows yet are let
    through. Raises ApiError ``malformed`` without content or stop reason.
    """
    content, stop_reason = message.get("content"), message.get("stop_reason")
    if not isinstance(content, list):
        raise malformed("the answer has no content" + _resemblance(message))
    if not isinstance(stop_reason, str) or not stop_reason:
        raise malformed("the answer has no stop_reason, so it may be incomplete")
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for block in content:
        by_type.setdefault(_block_type(block), []).append(block)
    texts = [_text(block, "text") for block in by_type.get("text", ())]
    thoughts = [_text(block, "thinking") for block in by_type.get("thinking", ())]
    stop_sequence = _optional_text(message.get("stop_sequence"))
    return Response(
        text=sound_text("".join(texts)),
        thinking=sound_text("\n\n".join(thought for thought in thoughts if thought)),
        stop_reason=_stop_reason(stop_reason, stop_sequence),
        usage=read_usage(message.get("usage"), has_content=bool(content)),
        model=_optional_text(message.get("model")),
        id=_optional_text(message.get("id")),
        stop_sequence=stop_sequence,
        text_s=text_s,
        redacted_blocks=len(by_type.get("redacted_thinking", ())),
        tool_calls=tuple(_tool_call(block) for block in by_type.get("tool_use", ())),
        refusal_category=_refusal_category(message.get("stop_details")),
        first_token_s=first_token_s,
        thinking_s=thinking_s,
    )


def parse_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    *,
    secrets: Sequence[str] = (),
) -> ApiError:
    """What an answer with an error status means. ``now`` turns a date in it into a wait."""
    said = read_error_body(body)
    wait_s = retry_after_s(headers, now)
    kind = classify(status, said, names_a_time=wait_s is not None)
    target = headers.get("location") if 300 <= status < 400 else None
    if target:
        # Not followed: a key must not go where nobody sent it.
        said = replace(said, message=f"redirects to {target}")
    return ApiError(
        kind,
        _sentence(kind, str(status), said, secrets),
        status=status,
        retry_after_s=wait_s,
        should_retry=should_retry(headers),
        request_id=request_id(headers) or said.request_id or None,
        body=excerpt(body, secrets),
        hint="Make where it redirects the base_url." if target else hint_for(kind, said),
    )


def parse_error_event(data: bytes | Mapping[str, Any], *, secrets: Sequence[str] = ()) -> ApiError:
    """What an ``error`` event means: the status was 200, so its type decides."""
    said = read_error_body(data) if isinstance(data, bytes) else read_error_document(data)
    kind = classify(200, said)
    return ApiError(
        kind,
        _sentence(kind, "status 200", said, secrets),
        status=200,
        request_id=said.request_id or None,
        hint=hint_for(kind, said),
    )


def _sentence(kind: str, status: str, said: ErrorBody, secrets: Sequence[str]) -> str:
    """One line: what it means, the status and type, and the server's own words."""
    code = " ".join(word for word in (status, said.type or said.code) if word)
    words = said.message or "with an empty body"
    if said.is_page:
        words = f"a web page instead of an answer: {said.message}"
    return one_line(redact(f"{FAILURES[kind].meaning} ({code}): {words}", secrets))


def _load(body: bytes, secrets: Sequence[str]) -> Mapping[str, Any]:
    try:
        message = load_json(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        message = None
    if isinstance(message, dict):
        return message
    said = read_error_body(body)
    shown = one_line(redact(said.message, secrets), 200)
    if not body.strip():
        what = "the answer is empty"
    elif said.is_page:
        what = f"the answer is a web page: {shown}"
    else:
        what = f"the answer is not a JSON object, or was cut short: {shown}"
    raise malformed(what, excerpt(body, secrets))


def malformed(what: str, body: str | None = None) -> ApiError:
    """The error for a success (status 200) that is not an answer of the Messages API."""
    hint = hint_for("malformed", ErrorBody())
    return ApiError("malformed", what, status=200, body=body, hint=hint)


def _resemblance(message: Mapping[str, Any]) -> str:
    return ": it is a Chat Completions answer" if "choices" in message else ""


def _block_type(block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if not isinstance(kind, str):
        raise malformed("the answer has a content block without a type")
    return kind


def _text(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    if value is not None and not isinstance(value, str):
        raise malformed(f"the answer has a {name} block whose {name} is not text")
    return value or ""


def _tool_call(block: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        call: Mapping[str, Any] = sound_json(block)
    except ValueError as error:
        raise malformed(f"the answer has a tool call that cannot be read: {error}") from None
    return call


def _optional_text(value: object) -> str | None:
    return sound_text(value) if isinstance(value, str) and value else None


def _stop_reason(stop_reason: str, stop_sequence: str | None) -> str:
    """llama.cpp says ``end_turn`` for a stop sequence too, but names the sequence."""
    return "stop_sequence" if stop_reason == "end_turn" and stop_sequence else stop_reason


def _refusal_category(details: object) -> str | None:
    category = details.get("category") if isinstance(details, Mapping) else None
    return _optional_text(category)
