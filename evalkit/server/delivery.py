"""What goes back over a connection, as a value: a head, timed pieces, and how it ends.

Faults are changes of this value (see ``faults``); only :meth:`Delivery.__call__` touches the wire.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Headers = tuple[tuple[bytes, bytes], ...]
End = Literal["whole", "reset", "hang"]
Document = MutableMapping[str, Any] | dict[str, Any]

JSON_TYPE = (b"content-type", b"application/json")
STREAM_HEAD: Headers = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
)
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of the body and when they are due, in seconds after the answer was ready."""

    data: bytes
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A response as an ASGI application. ``status`` None sends nothing, not even a head.

    ``end``: ``whole`` finishes properly, ``reset`` resets the connection after the last piece,
    ``hang`` stays silent until the client leaves.
    """

    status: int | None
    headers: Headers
    pieces: tuple[Piece, ...] = ()
    end: End = "whole"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, piece by piece when each is due."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        if self.pieces and self.pieces[0].at_s > 0:
            await asyncio.sleep(self.pieces[0].at_s)
        if self.status is not None:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status,
                    "headers": list(self.headers),
                }
            )
        pieces = _joined(self.pieces)
        last = len(pieces) - 1
        for number, piece in enumerate(pieces):
            pause = begun + piece.at_s - clock() if piece.at_s > 0 else 0.0
            if pause > 0:
                await asyncio.sleep(pause)
            is_end = number == last and self.end == "whole"
            await send({"type": "http.response.body", "body": piece.data, "more_body": not is_end})
        await self._finish(scope, receive, send)

    async def _finish(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.end == "whole":
            if not self.pieces:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if self.end == "reset":
            reset_connection(scope)
        while (await receive())["type"] != "http.disconnect":
            continue


def _joined(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The same bytes in one piece if all are due at once: a send costs more than a copy."""
    if len(pieces) < 2 or pieces[0].at_s != pieces[-1].at_s:
        return pieces
    return (Piece(b"".join(piece.data for piece in pieces), pieces[0].at_s),)


def json_delivery(
    status: int, document: Any, *, headers: Headers = (), at_s: float = 0.0
) -> Delivery:
    """A JSON document with its length, due after ``at_s`` seconds."""
    body = orjson.dumps(document)
    return body_delivery(status, body, JSON_TYPE[1], headers=headers, at_s=at_s)


def body_delivery(
    status: int, body: bytes, content_type: bytes, *, headers: Headers = (), at_s: float = 0.0
) -> Delivery:
    """A body of any type with its length."""
    length = (b"content-length", str(len(body)).encode())
    head = ((b"content-type", content_type), length, *headers)
    return Delivery(status, head, (Piece(body, at_s),))


def reset_connection(scope: Scope) -> None:
    """Reset the connection under a request (RST, not an orderly close)."""
    transport: asyncio.Transport = scope["state"]["transport"]
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def is_gone(scope: Scope) -> bool:
    """Whether the client has left (always False where the server does not show its transport)."""
    transport = scope.get("state", {}).get("transport")
    return transport is not None and transport.is_closing()
