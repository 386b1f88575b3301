"""Bodies and streams as servers write them, and the way from bytes to an answer."""

from __future__ import annotations

from typing import Any

import orjson

from evalkit.messages.stream import MessageAssembler, SseReader
from evalkit.types import Response

MESSAGE: dict[str, Any] = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [
        {"type": "thinking", "thinking": "List them: 2, 3, 5 …", "signature": "ErUBCkYIBx"},
        {"type": "text", "text": "17", "citations": None},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {
        "input_tokens": 19,
        "output_tokens": 412,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens_details": {"thinking_tokens": 371},
        "server_tool_use": None,
        "service_tier": "standard",
        "inference_geo": "global",
    },
}

# The sequence of the API's documentation: thinking, then text, with a ping in between.
THINKING_STREAM = b"""\
event: message_start
data: {"type":"message_start","message":{"id":"msg_x","type":"message","role":"assistant",\
"model":"claude-haiku-4-5-20251001","content":[],"stop_reason":null,"stop_sequence":null,\
"usage":{"input_tokens":19,"output_tokens":3}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"",\
"signature":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta",\
"thinking":"List th\xc3\xa9m: "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"2, 3"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"Er8="}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"1"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta",\
"text":"7 \xf0\x9f\xa6\x8a"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},\
"usage":{"output_tokens":412,"output_tokens_details":{"thinking_tokens":371}}}

event: message_stop
data: {"type":"message_stop"}

"""

# Text before a tool call whose input comes in pieces that are not JSON by themselves.
TOOL_STREAM = b"""\
event: message_start
data: {"type":"message_start","message":{"id":"msg_019Q","type":"message","role":"assistant",\
"content":[],"model":"claude-haiku-4-5-20251001","stop_reason":null,"stop_sequence":null,\
"usage":{"input_tokens":377,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,\
"output_tokens":1,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I'll check."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use",\
"id":"toolu_01N","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",\
"partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",\
"partial_json":"{\\"locat"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",\
"partial_json":"ion\\": \\"Paris\\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},\
"usage":{"output_tokens":65}}

event: message_stop
data: {"type":"message_stop"}

"""

# llama.cpp: blocks overlap, all stops come last, no signature, bare usage, comments as keep-alive.
LLAMA_STREAM = b"""\
: keep-alive

event: message_start
data: {"type":"message_start","message":{"id":"chatcmpl-9f","type":"message","role":"assistant",\
"content":[],"model":"smollm2-135m","stop_reason":null,"stop_sequence":null,\
"usage":{"input_tokens":12,"cache_read_input_tokens":26,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"7 + 5"}}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Answer: 12"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":"Q:"},\
"usage":{"output_tokens":21}}

event: message_stop
data: {"type":"message_stop"}

"""

STREAMS = {"thinking": THINKING_STREAM, "tool": TOOL_STREAM, "llama": LLAMA_STREAM}


def sse(*events: dict[str, Any]) -> bytes:
    """Events as the API frames them."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event))
        for event in events
    )


def start(**fields: Any) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    return {"type": "message_start", "message": {**message, **fields}}


def block_start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(stop_reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": None},
        "usage": {"output_tokens": 5, **usage},
    }


STOP = {"type": "message_stop"}


def text_events(text: str) -> list[dict[str, Any]]:
    """A whole answer of one text block."""
    return [
        start(),
        block_start(0, type="text", text=""),
        delta(0, "text_delta", text=text),
        block_stop(0),
        ending(),
        STOP,
    ]


def read_stream(*chunks: bytes, secrets: tuple[str, ...] = ()) -> Response:
    """The answer in these chunks, as a client reads it."""
    return assemble(*chunks, secrets=secrets).result()


def assemble(*chunks: bytes, secrets: tuple[str, ...] = ()) -> MessageAssembler:
    reader, assembler = SseReader(), MessageAssembler(0.0, secrets=secrets)
    for chunk in chunks:
        for event in reader.feed(chunk):
            assembler.add(event, 0.0)
    for event in reader.close():
        assembler.add(event, 0.0)
    return assembler
