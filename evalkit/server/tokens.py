"""Input tokens by estimate, and the prompt cache that decides how they are counted.

Nothing is tokenized: a text of n characters counts n / 3.8 tokens (30 % more on models with the
newer tokenizer), an image 1,500.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from evalkit.server.catalogue import Model

_IMAGE_CHARACTERS = 5700
_FRAME_TOKENS = 8
_LIFETIMES_S = {"5m": 300.0, "1h": 3600.0}


def text_tokens(text: str, model: Model) -> int:
    """Tokens of a text by its length."""
    return math.ceil(len(text) * model.tokens_per_character)


def input_tokens(body: Mapping[str, Any], model: Model) -> int:
    """Tokens of a whole prompt: tools, system and messages."""
    characters = _characters(body.get("system")) + _tools_characters(body)
    for message in body["messages"]:
        characters += _characters(message["content"])
    return math.ceil(characters * model.tokens_per_character) + _FRAME_TOKENS


def _tools_characters(body: Mapping[str, Any]) -> int:
    tools = body.get("tools")
    return len(orjson.dumps(tools)) if tools else 0


def _characters(content: Any) -> int:
    if content is None:
        return 0
    if isinstance(content, str):
        return len(content)
    return sum(_block_characters(block) for block in content)


def _block_characters(block: Mapping[str, Any]) -> int:
    kind = block.get("type")
    if kind == "text":
        return len(block["text"])
    if kind in ("image", "document"):
        return _IMAGE_CHARACTERS
    return len(orjson.dumps(block))


def _blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Everything a cache prefix is made of, in the API's order."""
    yield from body.get("tools") or ()
    system = body.get("system")
    yield from _as_blocks(system) if system else ()
    for message in body["messages"]:
        yield from _as_blocks(message["content"])


def _as_blocks(content: Any) -> list[Mapping[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class PromptCache:
    """Prompt prefixes that were seen: from when on each can be read, and until when."""

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[float, float]] = {}

    def usage(
        self, body: Mapping[str, Any], model: Model, now_s: float, begins_in_s: float = 0.0
    ) -> dict[str, Any]:
        """The input side of a ``usage`` object, and note what is now cached.

        What this request writes can be read once its answer begins, ``begins_in_s`` from now.
        """
        total = input_tokens(body, model)
        written = {"5m": 0, "1h": 0}
        read = 0
        for digest, tokens, ttl in self._breakpoints(body, model):
            if tokens < model.cache_min_tokens:
                continue
            tokens = min(tokens, total)
            ready_s, until_s = self._entries.get(digest, (math.inf, math.inf))
            if until_s <= now_s:
                ready_s = math.inf
            if ready_s <= now_s:
                read = tokens
            else:
                written[ttl] += tokens - read - written["5m"] - written["1h"]
                ready_s = min(ready_s, now_s + begins_in_s)
            self._entries[digest] = (ready_s, now_s + _LIFETIMES_S[ttl])
        cached = read + written["5m"] + written["1h"]
        return {
            "input_tokens": total - cached,
            "cache_creation_input_tokens": written["5m"] + written["1h"],
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written["5m"],
                "ephemeral_1h_input_tokens": written["1h"],
            },
        }

    def _breakpoints(
        self, body: Mapping[str, Any], model: Model
    ) -> Iterator[tuple[bytes, int, str]]:
        """Digest, tokens and lifetime of each prefix that is marked for caching."""
        blocks = list(_blocks(body))
        marks = [block.get("cache_control") for block in blocks]
        if body.get("cache_control") and blocks:
            marks[-1] = body["cache_control"]
        if not any(marks):
            return
        state = hashlib.blake2b(model.id.encode(), digest_size=16)
        state.update(orjson.dumps([body.get("thinking"), body.get("output_config")]))
        characters = 0
        for block, mark in zip(blocks, marks, strict=True):
            bare = {key: value for key, value in block.items() if key != "cache_control"}
            state.update(orjson.dumps(bare, option=orjson.OPT_SORT_KEYS))
            characters += _block_characters(block)
            if mark:
                tokens = math.ceil(characters * model.tokens_per_character)
                yield state.digest(), tokens, mark.get("ttl") or "5m"
