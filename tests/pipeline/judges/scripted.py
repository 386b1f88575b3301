"""A Messages API on loopback that says what a test wants, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, str, str]
"""Status, text (of the answer, or of the error) and stop reason."""


@dataclass
class Scripted:
    """``script`` gets each request's body; ``asked`` are all bodies so far."""

    script: Callable[[dict[str, Any]], Reply | str]
    base_url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(body)
        found = self.script(body)
        status, text, stop = (200, found, "end_turn") if isinstance(found, str) else found
        if status != 200:
            return status, {"type": "error", "error": {"type": "api_error", "message": text}}
        return 200, {
            "id": f"msg_{len(self.asked)}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }


@contextmanager
def scripted(script: Callable[[dict[str, Any]], Reply | str]) -> Iterator[Scripted]:
    """A server in a thread of this process until the block ends."""
    told = Scripted(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            status, document = told.reply(json.loads(self.rfile.read(length)))
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Nothing: a test's output is no place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
