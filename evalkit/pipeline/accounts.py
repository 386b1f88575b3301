"""What every attempt means for the run: its money, and whether asking on is of use."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import ApiError
from evalkit.pipeline.circuit import Circuit
from evalkit.pipeline.collect import budget_reached
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Stop
from evalkit.store.held import read_held, write_held
from evalkit.types import Request

# More is kept than is held, so that a run which gets going writes a few times and not at each step.
_HEADROOM = 1.25


class Held:
    """Keeps on disk at least what may be charged beyond what is stored, before it can be charged.

    Raises StoreError where it cannot.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        self._kept_usd = read_held(folder)
        self._turn = asyncio.Lock()

    async def cover(self) -> None:
        """Wait until what is held now is kept."""
        if self._ledger.held_usd <= self._kept_usd:
            return
        async with self._turn:
            if self._ledger.held_usd > self._kept_usd:
                in_flight_usd = self._ledger.held_usd - self._ledger.doubtful_usd
                wanted_usd = self._ledger.doubtful_usd + in_flight_usd * _HEADROOM
                await asyncio.to_thread(write_held, self._folder, wanted_usd)
                self._kept_usd = wanted_usd

    def settle(self) -> None:
        """The sitting is over and all that came is stored: keep just what remains in doubt."""
        self._ledger.give_up()
        write_held(self._folder, self._ledger.doubtful_usd)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the accounts of all models of a sitting have in common."""

    ledger: Ledger
    held: Held
    circuit: Circuit
    stop: Stop

    def of(self, model: str) -> ModelAccount:
        """The account of a model, by its name in the suite."""
        return ModelAccount(self, model)


class ModelAccount:
    """See Account: the attempts of one model."""

    def __init__(self, accounts: Accounts, model: str) -> None:
        self._all = accounts
        self._model = model

    async def sending(self, request: Request) -> None:
        """Count it as charged, on disk too, until its end is known."""
        self._all.ledger.sending(self._model, request)
        try:
            await self._all.held.cover()
        except BaseException:
            self._all.ledger.returned(request)
            raise

    def answered(self, request: Request) -> None:
        """See Account; what it cost is settled with its trial."""
        self._all.ledger.returned(request)

    def failed(self, request: Request, error: ApiError) -> None:
        """It may use up the budget or break the circuit."""
        ledger, stop = self._all.ledger, self._all.stop
        ledger.returned(request)
        now_s = asyncio.get_running_loop().time()
        if reason := self._all.circuit.strained_by(error, now_s):
            stop.request(reason)
        if not ledger.doubt(self._model, request, error) and error.is_retryable:
            stop.request(budget_reached(ledger))
