"""A Client that tells of every attempt: before it goes, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evalkit.client.client import Client
from evalkit.errors import ApiError
from evalkit.types import Request, Response


class Account(Protocol):
    """Whoever keeps count of attempts. One that is cancelled is neither answered nor failed."""

    async def sending(self, request: Request) -> None:
        """An attempt is about to go; it waits for this."""
        ...

    def answered(self, request: Request) -> None:
        """The attempt was answered."""
        ...

    def failed(self, request: Request, error: ApiError) -> None:
        """The attempt failed; it may be made again. May stop the run."""
        ...


class AccountedClient:
    """Wraps the wire itself, so that waiting for room is no attempt."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account = account

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        """Ask once; raises what the wrapped client raises."""
        await self._account.sending(request)
        try:
            response = await self._client.send(request, on_start)
        except ApiError as error:
            self._account.failed(request, error)
            raise
        self._account.answered(request)
        return response
