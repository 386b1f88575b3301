"""Whoever decides in which order a run asks, and when it has asked enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evalkit.pipeline.stop import Reason
from evalkit.stats.arrays import IntArray
from evalkit.types import TrialResult


class Watch(Protocol):
    """Hears every outcome of one sitting once it is on disk, in the order of arrival."""

    def order(self) -> IntArray:
        """The places of the cases to ask, in the order in which they are asked."""
        ...

    def begin(self, stop: Callable[[Reason], None]) -> None:
        """The sitting begins; ``stop`` admits no further trial and may be called by any thread."""
        ...

    def hear(self, result: TrialResult) -> None:
        """An outcome is on disk. Called on the event loop: must return at once."""
        ...

    def end(self) -> None:
        """The sitting is over; ``stop`` must not be called any more."""
        ...
