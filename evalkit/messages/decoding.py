"""JSON as servers really send it: fast when it is sound, tolerant when its text is broken."""

from __future__ import annotations

import json
from typing import Any

import orjson


def load_json(data: bytes) -> Any:
    """A JSON document. Raises ValueError when it is none.

    Bytes that are not UTF-8 become U+FFFD. Escaped lone surrogates, which strict parsers refuse,
    are kept for :func:`sound_text`, since two pieces of a stream may be halves of one character.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"\\u" not in data and _is_utf8(data):
            raise
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def sound_text(text: str) -> str:
    """The text with surrogate halves joined, and those without a partner replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def sound_json(value: Any) -> Any:
    """The same for every string of a JSON value. Raises ValueError when it is nested too deeply."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return _mended(value)
    return value


def _mended(value: Any) -> Any:
    try:
        if isinstance(value, dict):
            return {_mended(key): _mended(item) for key, item in value.items()}
        if isinstance(value, list):
            return [_mended(item) for item in value]
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    return sound_text(value) if isinstance(value, str) else value


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
