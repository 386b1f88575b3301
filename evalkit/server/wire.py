"""An answer as server-sent events, with the moment each is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from evalkit.server.backend import Answer, message_document
from evalkit.server.delivery import STREAM_HEAD, Delivery, Headers, Piece, json_delivery

_TEXT_STEP = 16
_THINKING_STEP = 96
_MOST_DELTAS = 256
_PING = {"type": "ping"}


@dataclass(frozen=True, slots=True)
class Pace:
    """When things come: the first after ``first_s``, then so many tokens a second (0: at once)."""

    first_s: float = 0.0
    tokens_per_second: float = 0.0

    def at(self, tokens: float) -> float:
        """Seconds until that many output tokens are out."""
        if self.tokens_per_second <= 0:
            return self.first_s
        return self.first_s + tokens / self.tokens_per_second


@dataclass(frozen=True, slots=True)
class Event:
    """One event and the number of output tokens that came before it."""

    data: Mapping[str, Any]
    tokens: float = 0.0


def whole(answer: Answer, pace: Pace, headers: Headers = ()) -> Delivery:
    """The answer as one JSON document."""
    due_s = pace.at(answer.usage["output_tokens"])
    return json_delivery(200, message_document(answer), headers=headers, at_s=due_s)


def stream(answer: Answer, pace: Pace, headers: Headers = ()) -> Delivery:
    """The answer as a stream of events."""
    pieces = tuple(Piece(encode(event.data), pace.at(event.tokens)) for event in events(answer))
    return Delivery(200, (*STREAM_HEAD, *headers), pieces)


def encode(data: Mapping[str, Any]) -> bytes:
    """One event in its bytes."""
    return b"event: %b\ndata: %b\n\n" % (str(data["type"]).encode(), orjson.dumps(data))


def events(answer: Answer) -> Iterator[Event]:
    """The events of an answer in the API's order."""
    yield Event({"type": "message_start", "message": _opening(answer)})
    total = answer.usage["output_tokens"]
    thinking = (answer.usage.get("output_tokens_details") or {}).get("thinking_tokens", 0)
    spent = 0.0
    for index, block in enumerate(answer.blocks):
        share = thinking if block["type"] == "thinking" else max(0.0, total - thinking)
        yield Event(
            {"type": "content_block_start", "index": index, "content_block": _shell(block)}, spent
        )
        if index == 0:
            yield Event(_PING, spent)
        deltas = list(_deltas(block))
        for number, delta in enumerate(deltas, 1):
            due = spent + share * number / len(deltas)
            yield Event({"type": "content_block_delta", "index": index, "delta": delta}, due)
        spent += share
        yield Event({"type": "content_block_stop", "index": index}, spent)
    yield Event(_closing(answer), total)
    yield Event({"type": "message_stop"}, total)


def _opening(answer: Answer) -> dict[str, Any]:
    usage = {**answer.usage, "output_tokens": min(1, answer.usage["output_tokens"])}
    usage.pop("output_tokens_details", None)
    return {
        **message_document(answer),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage,
    }


def _closing(answer: Answer) -> dict[str, Any]:
    known = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    usage = {key: answer.usage[key] for key in known}
    usage["output_tokens"] = answer.usage["output_tokens"]
    usage["output_tokens_details"] = answer.usage["output_tokens_details"]
    usage["server_tool_use"] = answer.usage["server_tool_use"]
    delta = {
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
        "container": None,
    }
    return {"type": "message_delta", "delta": delta, "usage": usage}


def _shell(block: Mapping[str, Any]) -> dict[str, Any]:
    """The block as it starts, before its deltas."""
    kind = block["type"]
    if kind == "text":
        return {**block, "text": ""}
    if kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if kind == "tool_use":
        return {**block, "input": {}}
    return dict(block)


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind = block["type"]
    if kind == "text":
        for part in _cut(block["text"], _TEXT_STEP):
            yield {"type": "text_delta", "text": part}
    elif kind == "thinking":
        for part in _cut(block["thinking"], _THINKING_STEP):
            yield {"type": "thinking_delta", "thinking": part}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif kind == "tool_use":
        yield {"type": "input_json_delta", "partial_json": ""}
        for part in _cut(orjson.dumps(block["input"]).decode(), _TEXT_STEP):
            yield {"type": "input_json_delta", "partial_json": part}


def _cut(text: str, step: int) -> Iterator[str]:
    step = max(step, len(text) // _MOST_DELTAS)
    for start in range(0, len(text), step):
        yield text[start : start + step]
