"""A dataset row: its columns as JSON has them, and the place it stands at."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from evalkit.errors import DatasetError

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
_INT64 = 2**63


class Row(NamedTuple):
    """One row. ``number`` is its line in ``file``, or its place among the rows (``is_line``).

    A named tuple, since a dataset has millions of them: it is made in a third of the time.
    """

    file: str
    number: int
    values: Mapping[str, Any]
    is_line: bool = True

    @property
    def where(self) -> str:
        """``file:line`` or ``file: row 3``, for errors."""
        return place(self.file, self.number, is_line=self.is_line)


def place(file: str, number: int, *, is_line: bool) -> str:
    """Where a row stands, as errors say it."""
    return f"{file}:{number}" if is_line else f"{file}: row {number}"


def plain(value: Any) -> Any:
    """A value as JSON has it, at any depth.

    NaN, which is how data frames write a missing value, is None; bytes are a data URI; integers
    beyond 64 bits, dates and the like are the text they print as. Raises ValueError for infinity.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("infinity has no place in JSON")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return data_uri(value) if isinstance(value, bytes) else str(value)


def media_type(data: bytes) -> str | None:
    """The media type of an image the API takes, by its first bytes; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def data_uri(data: bytes) -> str:
    """Bytes as text, which is how a stored case keeps them."""
    kind = media_type(data) or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def row_digest(values: Mapping[str, Any], salt: str = "") -> bytes:
    """Eight bytes that follow from a row's content alone, the same wherever it stands."""
    try:
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # lone surrogates, which UTF-8 has no bytes for
        text = json.dumps(values, sort_keys=True).encode()
    return hashlib.blake2b(salt.encode() + text, digest_size=8).digest()


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A row's columns; raises DatasetError for what is no object, or has no place in JSON."""
    if not isinstance(value, dict):
        raise DatasetError(
            f"{where}: a row is an object of columns, found {_KINDS.get(type(value), 'a value')}"
        )
    try:
        return {str(key): plain(item) for key, item in value.items()}
    except ValueError as error:
        raise DatasetError(f"{where}: {error}", "Use null for what is missing.") from error


_KINDS = {
    list: "a list",
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
