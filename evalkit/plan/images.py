"""Images in a dataset column become content blocks of the wire."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError
from evalkit.suite.row import media_type

_DATA_URI = re.compile(r"^data:[\w/+.-]*;base64,(?P<data>[A-Za-z0-9+/=\s]+)$")


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
