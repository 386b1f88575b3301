"""Token counts as a server reports them; what it does not know stays unknown, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.types import Usage

UNKNOWN = Usage()
_LARGEST = 2**63  # what a column of 64-bit integers holds


def read_usage(raw: object, *, has_content: bool) -> Usage:
    """The ``usage`` of a Messages answer.

    Servers that do not count fill in zeros. A prompt is never without tokens, nor is an answer
    that has content, so such zeros are read as unknown.
    """
    if not isinstance(raw, dict):
        return UNKNOWN
    input_tokens = _count(raw, "input_tokens")
    output_tokens = _count(raw, "output_tokens")
    cache_read = _count(raw, "cache_read_input_tokens")
    cache_write = _count(raw, "cache_creation_input_tokens")
    if not (input_tokens or cache_read or cache_write):
        input_tokens = cache_read = cache_write = None
    if not output_tokens and (has_content or input_tokens is None):
        output_tokens = None
    thinking = _count(raw.get("output_tokens_details"), "thinking_tokens")
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        thinking_tokens=None if output_tokens is None else thinking,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=_count(raw.get("cache_creation"), "ephemeral_1h_input_tokens"),
        service_tier=_word(raw.get("service_tier")),
        inference_geo=_word(raw.get("inference_geo")),
        speed=_word(raw.get("speed")),
        web_searches=_count(raw.get("server_tool_use"), "web_search_requests"),
    )


def merge_usage(known: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """The counters after a ``message_delta``: totals, so they replace what was known.

    What is absent or null leaves the earlier value; so does a 0 where something was counted on the
    way in, because totals do not shrink and some gateways fill in zeros.
    """
    merged = dict(known)
    for name, value in news.items():
        if value is not None and (value != 0 or name == "output_tokens" or not merged.get(name)):
            merged[name] = value
    return merged


def _count(group: object, name: str) -> int | None:
    value = group.get(name) if isinstance(group, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
    return value if is_count else None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
