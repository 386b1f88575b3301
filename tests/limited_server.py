"""The limited API over HTTP, in a process of its own; knows nothing of evalkit.

    python tests/limited_server.py '{"models": {"m": {"requests_per_minute": 3000}}}'

Prints ``listening on http://127.0.0.1:PORT``. A key of the JSON document is a field of
:class:`Served`; ``models`` maps a model's id to fields of ``LimitedApi`` (any other model has no
limits). ``GET /log`` answers with every request: when it came, its model and prefix, and what
became of it.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from limited_api import LimitedApi

BYTES_PER_TOKEN = 4.0
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
REFUSAL = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}


@dataclass
class Served:
    """What is served. ``output_tokens``: shortest and longest answer, evenly on a log scale;
    ``begin_s``: from a request to the first event of its answer, ``latency_s`` to its end. ``cut``
    is the share of answers whose connection ends before they do, though they are generated whole;
    ``overloaded`` the share of 529s."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    latency_s: float = 0.1
    begin_s: float = 0.0
    cut: float = 0.0
    overloaded: float = 0.0
    output_tokens: tuple[int, int] = (50, 50)
    apis: dict[str, LimitedApi] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    start_s: float = field(default_factory=time.monotonic)

    def api(self, model: str) -> LimitedApi:
        if model not in self.apis:
            self.apis[model] = LimitedApi(**self.models.get(model, {}))
        return self.apis[model]

    def now_s(self) -> float:
        return time.monotonic() - self.start_s

    async def answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        api, now_s = self.api(body["model"]), self.now_s()
        size = len(json.dumps([body.get("system"), body["messages"]]))
        given = max(1, round(size / BYTES_PER_TOKEN))
        seen = {"at_s": now_s, "model": body["model"], "body": body, "status": 200}
        self.log.append(seen)
        if self.chance.random() < self.overloaded:
            seen["status"] = 529
            await send(writer, 529, {}, json.dumps(OVERLOADED).encode())
            return
        refused = api.arrive(given, now_s)
        if refused is not None:
            seen["status"] = 429
            await send(writer, 429, refused, json.dumps(REFUSAL).encode())
            return
        low, high = self.output_tokens
        answered = round(low * (high / low) ** self.chance.random())
        usage = {"input_tokens": given, "output_tokens": min(answered, body["max_tokens"])}
        seen.update(usage)
        await asyncio.sleep(self.begin_s)
        seen["begun_s"] = self.now_s()
        await self.write(body, usage, api, writer)
        seen["ended_s"] = self.now_s()

    async def write(
        self,
        body: dict[str, Any],
        usage: dict[str, int],
        api: LimitedApi,
        writer: asyncio.StreamWriter,
    ) -> None:
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": "The answer is 12."}],
            "stop_reason": "end_turn",
            "usage": usage,
        }
        rest_s = max(0.0, self.latency_s - self.begin_s)
        if not body.get("stream"):
            await asyncio.sleep(rest_s)
            api.finish(usage["output_tokens"], self.now_s())
            await send(writer, 200, api.headers(self.now_s()), json.dumps(message).encode())
            return
        await head(writer, 200, {**api.headers(self.now_s()), "content-type": "text/event-stream"})
        start, *others = events(message)
        await chunk(writer, start)
        await asyncio.sleep(rest_s)
        api.finish(usage["output_tokens"], self.now_s())
        if self.chance.random() < self.cut:
            raise ConnectionError("cut")
        await chunk(writer, b"".join(others))
        await chunk(writer, b"")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                names = dict(
                    line.lower().split(": ", 1) for line in asked.split("\r\n")[1:] if ": " in line
                )
                body = await reader.readexactly(int(names.get("content-length", 0)))
                if asked.startswith("POST /v1/messages"):
                    await self.answer(json.loads(body), writer)
                elif asked.startswith("GET /log"):
                    await send(writer, 200, {}, json.dumps(self.log).encode())
                else:
                    await send(writer, 404, {}, b"{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def events(message: dict[str, Any]) -> list[bytes]:
    told = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": message["content"][0]["text"]},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": message["usage"],
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in told]


async def head(writer: asyncio.StreamWriter, status: int, headers: dict[str, str]) -> None:
    if headers.get("content-type") == "text/event-stream":
        headers = {**headers, "transfer-encoding": "chunked"}
    lines = [f"HTTP/1.1 {status} told", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()


async def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


async def send(
    writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes
) -> None:
    told = {**headers, "content-type": "application/json", "content-length": str(len(body))}
    await head(writer, status, told)
    writer.write(body)
    await writer.drain()


async def main() -> None:
    served = Served(**json.loads(sys.argv[1]))
    server = await asyncio.start_server(served.connected, "127.0.0.1", 0, backlog=1024)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
