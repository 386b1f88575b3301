"""Client: whatever answers a Request with a Response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evalkit.types import Request, Response


class Client(Protocol):
    """One interface for the wire and for every wrapper around it."""

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        """The answer, or an ApiError that says why there is none.

        ``on_start`` is called once the answer has begun.
        """
        ...
