"""Why a run stops before its end: the first reason counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from evalkit.errors import EvalkitError


@dataclass(frozen=True, slots=True)
class Reason:
    """What to tell, what to do about it, and the exit code."""

    message: str
    exit_code: int
    hint: str | None = None


class Stop:
    """A request to admit no further trial. ``event`` is what waiting code listens to."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.reason: Reason | None = None

    def request(self, reason: Reason) -> None:
        """Stop admitting; what is in flight is still awaited."""
        self.reason = self.reason or reason
        self.event.set()

    def because_of(self, error: EvalkitError) -> None:
        """Stop because an error ended the run."""
        self.request(Reason(error.message, error.exit_code, error.hint))
