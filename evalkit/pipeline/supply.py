"""Trials made in a thread: rows, prompts and images take their time, and the loop has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice

from evalkit.errors import EvalkitError
from evalkit.types import Trial

_AT_ONCE = 64


async def in_thread(trials: Iterable[Trial]) -> AsyncIterator[Trial]:
    """The same trials, made a few ahead; raises what making them raises, in its place."""
    source = iter(trials)
    while True:
        made, error = await asyncio.to_thread(_next, source)
        for trial in made:
            yield trial
        if error is not None:
            raise error
        if not made:
            return


def _next(source: Iterator[Trial]) -> tuple[list[Trial], EvalkitError | None]:
    made: list[Trial] = []
    try:
        for trial in islice(source, _AT_ONCE):
            made.append(trial)  # noqa: PERF402 - what was made before an error is kept
    except EvalkitError as error:
        return made, error
    return made, None
