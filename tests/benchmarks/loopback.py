"""A Messages API that costs next to nothing: fixed answers after a fixed delay, for benchmarks.

    python tests/benchmarks/loopback.py --latency 0.1 [--refuse 1:2]

Prints ``listening on http://127.0.0.1:PORT``. Streams when the request asks for it. With
``--refuse A:B`` it refuses everything (429, ``retry-after: 1``) from A seconds after the first
request on, for B seconds, once in 60 seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

WORDS = ["The ", "sum ", "of ", "these ", "two ", "numbers ", "is ", "twelve: ", "12", "."]
USAGE = {"input_tokens": 40, "output_tokens": 60}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "bench-1"}


def whole() -> bytes:
    body = json.dumps(
        {
            **HEAD,
            "content": [{"type": "text", "text": "".join(WORDS)}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": USAGE,
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"request-id: req_1\r\n\r\n" + body


def events() -> list[dict[str, object]]:
    start = {**HEAD, "content": [], "stop_reason": None, "usage": USAGE}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}}
            for w in WORDS
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
        {"type": "message_stop"},
    ]


def streamed() -> bytes:
    frames = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events()]
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%s\r\n" % (len(f), f) for f in frames) + b"0\r\n\r\n"


REFUSED = (
    b"HTTP/1.1 429 refused\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"content-length: 74\r\n\r\n"
    b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
)


class Connection(asyncio.Protocol):
    """Enough HTTP for a keep-alive client that sends content-length."""

    latency_s = 0.0
    answers = (whole(), streamed())
    refuse_s = (0.0, 0.0)
    first_s: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if self.is_refused():
                self.reply(REFUSED)
                continue
            answer = self.answers[b'"stream":true' in body]
            asyncio.get_running_loop().call_later(self.latency_s, self.reply, answer)

    def is_refused(self) -> bool:
        now_s = time.monotonic()
        if Connection.first_s is None or now_s - Connection.first_s > 60:
            Connection.first_s = now_s
        start_s, length_s = self.refuse_s
        return start_s <= now_s - Connection.first_s < start_s + length_s

    def reply(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def serve(latency_s: float, refuse: str) -> None:
    Connection.latency_s = latency_s
    start_s, length_s = map(float, refuse.split(":"))
    Connection.refuse_s = (start_s, length_s)
    server = await asyncio.get_running_loop().create_server(
        Connection, "127.0.0.1", 0, backlog=1024
    )
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--refuse", default="0:0")
    given = parser.parse_args()
    asyncio.run(serve(given.latency, given.refuse))
