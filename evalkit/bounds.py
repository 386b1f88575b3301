"""What one rendering of a template may take: so many steps, and texts of so many signs.

Prompts come from files others wrote; none of them may take all of a machine's time or memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from jinja2.exceptions import SecurityError

# The API takes requests of 32 MB; nothing that a template makes may be longer.
MOST_SIGNS = 32 * 1024 * 1024
# Turns of loops and calls; making a thousand signs of text counts as another.
MOST_STEPS = 250_000
_SIGNS_A_STEP = 1000
_MOST_BITS = 1 << 16
_MOST_SHOWN = 1_000_000
_NUMBER = re.compile(r"\d{7,}")
_SEQUENCES = (str, bytes, list, tuple)


def too_long() -> SecurityError:
    """What is said of a text that no request could hold."""
    return SecurityError(f"makes a text of more than {MOST_SIGNS:,} characters")


def joined(parts: Iterable[str]) -> str:
    """The parts of a rendered template in one; raises SecurityError where they are too long."""
    kept, size = [], 0
    for part in parts:
        size += len(part)
        if size > MOST_SIGNS:
            raise too_long()
        kept.append(part)
    return "".join(kept)


def check_widths(text: object, numbers: Iterable[object]) -> None:
    """Refuse what follows from a width that stands in a format, or is handed over."""
    is_wide = isinstance(text, str) and "%" in text and _NUMBER.search(text)
    if is_wide or any(isinstance(one, int) and abs(one) > MOST_SIGNS for one in numbers):
        raise too_long()


def check_format(text: str, values: Iterable[object]) -> None:
    """Refuse a format whose fields are too wide, by itself or by a value."""
    if _NUMBER.search(text):
        raise too_long()
    check_widths(None, values)


def check_extent(value: object) -> None:
    """Refuse lists within lists that hold more in all than a prompt can show."""
    waiting, seen = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        seen += 1
        if seen > _MOST_SHOWN:
            raise too_long()


class Allowance:
    """What is left of the steps of one rendering; raises SecurityError when nothing is."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def renew(self) -> None:
        """Begin another rendering."""
        self._left = MOST_STEPS

    def steps(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items of a loop, each of them a step."""
        for item in items:
            self._left -= 1
            if self._left < 0:
                raise self._spent()
            yield item

    def make(self, size: int) -> None:
        """Take a step that makes a text or a list of this size."""
        if size > MOST_SIGNS:
            raise too_long()
        self._left -= 1 + size // _SIGNS_A_STEP
        if self._left < 0:
            raise self._spent()

    def _spent(self) -> SecurityError:
        return SecurityError(f"takes more than {MOST_STEPS:,} steps; it may never end")

    def concat(self, parts: Iterable[object], between: str = "") -> str:
        """The parts as text, in one."""
        parts = list(parts)
        check_extent(parts)
        texts = [str(part) for part in parts]
        self.make(sum(map(len, texts)) + len(between) * len(texts))
        return between.join(texts)

    def made(self, value: Any) -> Any:
        """A value that has been made, which costs what it is long."""
        self.make(len(value) if isinstance(value, _SEQUENCES) else 0)
        return value

    def before_operation(self, operator: str, left: Any, right: Any) -> None:
        """Check an operation that can make much of little."""
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * right > _MOST_BITS:
                raise SecurityError("makes a number of too many digits")
        elif operator == "%":
            check_widths(left, right if isinstance(right, tuple) else (right,))
        elif operator == "*":
            sequence, times = (right, left) if isinstance(left, int) else (left, right)
            if isinstance(sequence, _SEQUENCES) and isinstance(times, int):
                self.make(len(sequence) * max(times, 0))
        elif isinstance(left, _SEQUENCES) and isinstance(right, _SEQUENCES):
            self.make(len(left) + len(right))

    def before_call(self, method: str, text: str, values: tuple[Any, ...]) -> None:
        """Check the call of a text's method."""
        check_widths(None, values)
        if method == "replace" and all(isinstance(value, str) for value in values[:2]):
            self.before_replace(text, *values[:2])

    def before_replace(self, text: str, old: str, new: str) -> None:
        """Check a replacement: each place takes as much as the new text is long."""
        self.make(len(text) + text.count(old) * len(new))
