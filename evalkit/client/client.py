"""Client: whatever answers a Request with a Response."""

from __future__ import annotations

from typing import Protocol

from evalkit.types import Request, Response


class Client(Protocol):
    """One interface for the wire and for every wrapper around it."""

    async def send(self, request: Request) -> Response:
        """The answer, or an ApiError that says why there is none."""
        ...
