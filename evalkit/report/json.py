"""The report as one JSON document for scripts.

``format`` is raised with every change that a reader could notice; ``docs/reports.md`` describes
it. Unknown is null, times are UTC in ISO 8601. Foreign text stands in it unchanged, but escaped
(``\\u001b``, ``\\u003c``), so that the document is harmless in a terminal and inside a page too.

1. first format
2. ``details`` (agreement, flips, service times, score against cost), ``timelines`` and
   ``sections``; without ``examples``: texts are had from ``evalkit export``
3. cost (of an answer) and service time of ``timelines`` are estimates
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from evalkit.report.report import Report

FORMAT = 3
LEFT_OUT = ("examples", "selection")

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\x7f": "\\u007f"})


def render(report: Report) -> str:
    """The document, ended by a line feed: ``format``, then the fields of the report by name."""
    told = plain(dataclasses.replace(report, examples=()))
    document = {name: value for name, value in told.items() if name not in LEFT_OUT}
    document = {"format": FORMAT, **document}
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1)
    return text.translate(_ESCAPES) + "\n"


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as what JSON knows; what is not a number is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _text(text: str) -> str:
    """Text without lone surrogates, which no JSON reader has to accept."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
