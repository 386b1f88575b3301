"""Rows that cannot be used: gathered while reading goes on, then told together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from evalkit.errors import ConfigError, DatasetError, EvalkitError, Problem, TemplateError

# More rows than these are seldom read through; they mostly have one and the same cause.
_MOST = 10
T = TypeVar("T")


class RowFaults:
    """Faults of rows, up to ten of them. ``strict``: the first one is raised as it is."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._noted: list[tuple[str, EvalkitError]] = []

    def note(self, where: str, error: EvalkitError) -> None:
        """Note what is wrong with the row at ``where``; at the tenth raises what settle does."""
        if self._strict:
            raise error
        self._noted.append((where, error))
        if len(self._noted) >= _MOST:
            self.settle()

    def settle(self) -> None:
        """Raise what was found: the error of a single row as it is, several as ConfigError."""
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        problems = [Problem(where, _told(where, error)) for where, error in noted]
        first = noted[0][1]
        if len(problems) == 1:
            raise type(first)(str(problems[0]), first.hint) from first
        more = " There may be more." if len(problems) >= _MOST else ""
        mend = "the template, or the rows" if isinstance(first, TemplateError) else "the rows"
        raise ConfigError(problems, f"{first.hint or f'Mend {mend}.'}{more}")

    def around(self, rows: Iterator[T]) -> Iterator[T]:
        """The rows; where reading cannot go on, that is told with what was noted before."""
        try:
            yield from rows
        except DatasetError as error:
            if not self._noted:
                raise
            where, colon, told = error.message.partition(": ")
            self.note(where, type(error)(told if colon else error.message, error.hint))
            self.settle()


def _told(where: str, error: EvalkitError) -> str:
    return error.message.removeprefix(f"{where}: ")
