"""What an error answer says, in whatever form the server or a proxy before it wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.messages.decoding import load_json
from evalkit.messages.redaction import redact, visible

_READ_CHARACTERS = 16_384  # of a message; nothing longer is worth reading
_READ_PAGE_CHARACTERS = 4_096
_KEPT_CHARACTERS = 2_000
_MESSAGE_NAMES = ("message", "msg", "detail", "error_description", "title", "reason")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says, whatever its form. Absent parts are empty, never None.

    ``code`` is the finer word beside ``type``: ``details.error_code``, or OpenAI's ``code``.
    ``is_page`` marks HTML or XML, which APIs do not write and proxies do.
    """

    type: str = ""
    code: str = ""
    message: str = ""
    request_id: str = ""
    is_page: bool = False


def read_error_body(body: bytes) -> ErrorBody:
    """Reads Anthropic's and OpenAI's forms, ``detail``, ``message``, plain text, HTML, nothing."""
    try:
        document = load_json(body)
    except ValueError:
        return _read_text(body[: 4 * _READ_CHARACTERS].decode("utf-8", "replace"))
    return read_error_document(document)


def read_error_document(document: Any) -> ErrorBody:
    """The same for a body that is already parsed."""
    if not isinstance(document, dict):
        return ErrorBody(message=_shown(document) if isinstance(document, str) else "")
    inner = _inner(document)
    details = inner.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return ErrorBody(
        type=_word(inner.get("type") or inner.get("__type")),
        code=_word(code or inner.get("code") or document.get("code")),
        message=_shown(_message(inner) + _upstream(inner)),
        request_id=_word(document.get("request_id")),
    )


def excerpt(body: bytes, secrets: Sequence[str] = ()) -> str:
    """The beginning of a body (about 2 kB), safe to show and to store."""
    text = visible(body[: 4 * _READ_CHARACTERS].decode("utf-8", "replace"))
    return redact(text[:_READ_CHARACTERS], secrets)[:_KEPT_CHARACTERS].strip()


def _inner(document: dict[str, Any]) -> dict[str, Any]:
    """The object that holds the message: ``error``, the first of ``errors``, or the document."""
    inner = document.get("error")
    if inner is None and isinstance(document.get("errors"), list) and document["errors"]:
        inner = document["errors"][0]
    if isinstance(inner, dict):
        return inner
    return {**document, "message": inner} if isinstance(inner, str) else document


def _message(inner: Mapping[str, Any], depth: int = 3) -> str:
    for name in _MESSAGE_NAMES:
        value = inner.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and depth:
            return _message(value, depth - 1)
        if isinstance(value, list) and value:
            return "; ".join(_validation(item) for item in value[:5] if isinstance(item, dict))
    return ""


def _validation(item: Mapping[str, Any]) -> str:
    """One entry of the list that FastAPI servers send with a 422."""
    where, message = item.get("loc"), item.get("msg")
    steps = where if isinstance(where, list) else []
    path = ".".join(str(step) for step in steps if isinstance(step, str | int))
    words = [word for word in (path, message) if isinstance(word, str) and word]
    return ": ".join(words)


def _upstream(inner: Mapping[str, Any]) -> str:
    """What a router says about the provider behind it (``error.metadata``)."""
    metadata = inner.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(raw, str):
        return ""
    return f" ({_word(metadata.get('provider_name')) or 'provider'}: {raw})"


_PAGE = re.compile(r"\s*(?:<\?xml|<!doctype|<html|<head|<body|<error)", re.IGNORECASE)
_HEADING = re.compile(r"<(title|h1|message)\b[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")


def _read_text(text: str) -> ErrorBody:
    if not _PAGE.match(text):
        return ErrorBody(message=_shown(text))
    page = text[:_READ_PAGE_CHARACTERS]
    heading = _HEADING.search(page)
    words = _TAG.sub(" ", heading[2] if heading else page)
    return ErrorBody(message=_shown(words), is_page=True)


def _shown(text: str) -> str:
    return visible(text[:_READ_CHARACTERS]).strip()


def _word(value: object) -> str:
    return visible(str(value))[:100] if isinstance(value, str | int) else ""
