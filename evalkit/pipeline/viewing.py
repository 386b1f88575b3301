"""``evalkit view`` over HTTP: one run, to this machine, read-only.

A page elsewhere must not be able to read it through the browser: every address begins with a random
token, the Host header must name this server (against names rebound to loopback), and a request that
says where it comes from must come from here.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from evalkit.errors import EvalkitError, UsageError
from evalkit.pipeline.browsing import StoredCases
from evalkit.report import format as fmt
from evalkit.report.view import render_view

MAX_ROWS = 400
MAX_QUERY = 400


class ViewServer(ThreadingHTTPServer):
    """Serves the cases of one run on 127.0.0.1. Raises UsageError where the port is taken."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, cases: StoredCases, port: int = 0) -> None:
        self.cases = cases
        self.token = secrets.token_urlsafe(24)
        manifest = cases.manifest
        facts = [
            cases.folder.path.name,
            fmt.count(len(cases.ids), "case"),
            fmt.count(manifest.planned, "trial"),
            fmt.name(manifest.status),
        ]
        self.page, self.policy = render_view(
            manifest.name,
            str(cases.folder.path),
            facts,
            cases.meta(),
            is_open=manifest.status == "running",
        )
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            told = f"port {port} cannot be served on: {error.strerror}"
            raise UsageError(told, "Leave --port out to take a free one.") from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no event."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "evalkit", ""
    timeout = 60

    @property
    def view(self) -> ViewServer:
        return cast(ViewServer, self.server)

    def do_GET(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._send(refusal, refusal.phrase.encode(), "text/plain; charset=utf-8")
            return
        address = urlsplit(self.path)
        name = address.path.removeprefix(f"/{self.view.token}/")
        if name == "":
            self._send(HTTPStatus.OK, self.view.page.encode(), "text/html; charset=utf-8")
            return
        try:
            given = {key: values[-1] for key, values in parse_qs(address.query).items()}
            found = _ANSWERS[name](self.view.cases, given)
        except (KeyError, ValueError, IndexError, OverflowError):
            self._send(HTTPStatus.NOT_FOUND, b"there is no such thing", "text/plain; charset=utf-8")
        except EvalkitError as error:
            body = error.message.encode()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, body, "text/plain; charset=utf-8")
        else:
            body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
            self._send(HTTPStatus.OK, body, "application/json")

    do_HEAD = do_GET  # noqa: N815

    def _not_allowed(self) -> None:
        self.close_connection = True
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"read-only", "text/plain; charset=utf-8")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_allowed  # noqa: N815

    def _refusal(self) -> HTTPStatus | None:
        hosts = {f"{name}:{self.view.server_port}" for name in ("127.0.0.1", "localhost")}
        host = self.headers.get("Host", "")
        if host not in hosts:
            return HTTPStatus.MISDIRECTED_REQUEST
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            return HTTPStatus.FORBIDDEN
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return HTTPStatus.FORBIDDEN
        token = self.path.split("/", 2)[1] if self.path.count("/") >= 2 else ""
        is_right = hmac.compare_digest(token.encode(), self.view.token.encode())
        return None if is_right else HTTPStatus.NOT_FOUND

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.view.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def setup(self) -> None:
        super().setup()
        # Small answers at once, not after waiting for more to send.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses hold the token."""


def _rows(cases: StoredCases, given: dict[str, str]) -> Any:
    places = [_place(cases, text) for text in given["at"].split(",")[:MAX_ROWS]]
    return cases.rows(places)


def _place(cases: StoredCases, text: str) -> int:
    place = int(text)
    if not 0 <= place < len(cases.ids):
        raise IndexError(place)
    return place


_ANSWERS: dict[str, Callable[[StoredCases, dict[str, str]], Any]] = {
    "index": lambda cases, _: cases.index(),
    "rows": _rows,
    "case": lambda cases, given: cases.case(_place(cases, given["at"])),
    "find": lambda cases, given: {"at": cases.find(given["id"])},
    "search": lambda cases, given: {"at": cases.search(given.get("q", "")[:MAX_QUERY])},
}
