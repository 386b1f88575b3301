"""When things came: the first content, thinking, text."""

from __future__ import annotations

import json

from evalkit.messages.stream import MessageAssembler, SseReader

START = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}
EVENTS: list[tuple[float, dict]] = [
    (1.0, {"type": "message_start", "message": {**START, "stop_reason": None, "usage": {}}}),
    (1.0, {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}),
    (
        2.0,
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "a"},
        },
    ),
    (5.0, {"type": "content_block_stop", "index": 0}),
    (
        5.0,
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    ),
    (
        6.0,
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "12"}},
    ),
    (
        8.0,
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "."}},
    ),
    (8.0, {"type": "content_block_stop", "index": 1}),
    (9.0, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}),
    (9.5, {"type": "message_stop"}),
]


def test_thinking_and_text_have_their_own_times():
    reader, assembler = SseReader(), MessageAssembler(0.5)
    for now_s, event in EVENTS:
        frame = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        for read in reader.feed(frame):
            assembler.add(read, now_s)
    answer = assembler.result()
    assert answer.first_token_s == 1.5
    assert answer.thinking_s == 4.0
    assert answer.text_s == 3.5
    assert answer.text == "12."
