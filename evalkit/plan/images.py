"""Images in a dataset column become content blocks of the wire."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
_DATA_URI = re.compile(r"^data:[\w/+.-]*;base64,(?P<data>[A-Za-z0-9+/=\s]+)$")


def media_type(data: bytes) -> str | None:
    """The media type of an image the API takes, by its first bytes; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def data_uri(data: bytes) -> str:
    """Bytes as text, which is how a stored case keeps them."""
    kind = media_type(data) or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def image_block(value: Any, folder: Path) -> dict[str, Any]:
    """The content block for a cell: a path below ``folder`` or a data URI.

    Raises DatasetError for a file that is not there, lies outside the dataset's folder, or is no
    PNG, JPEG, GIF or WebP image.
    """
    if not isinstance(value, str) or not value:
        raise DatasetError(f"holds {type(value).__name__}, not the path or bytes of an image")
    inline = _DATA_URI.match(value)
    data = base64.b64decode(inline["data"]) if inline else _read(value, folder)
    kind = media_type(data)
    if kind is None:
        raise DatasetError(f"{value[:80]}: not a PNG, JPEG, GIF or WebP image")
    source = {"type": "base64", "media_type": kind, "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


def _read(name: str, folder: Path) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        # A dataset from elsewhere must not be able to send any file of this machine to a server.
        raise DatasetError(f"{name}: outside the dataset's folder")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{name}: cannot be read: {error.strerror or error}") from error
