"""Executor: trials in, results out."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from evalkit.types import Trial, TrialResult


class Executor(Protocol):
    """Turns trials into results and knows nothing of money or disk.

    ``execute`` is a context manager, since a bare async generator leaks its tasks when the loop
    over it is left early. Trials are pulled, so whoever provides them can make a worker wait.
    """

    def execute(
        self, trials: AsyncIterable[Trial]
    ) -> AbstractAsyncContextManager[AsyncIterator[TrialResult]]:
        """Results in the order they come; an ApiError that dooms the run is raised once."""
        ...
