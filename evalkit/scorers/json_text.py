"""JSON in answers: found, and compared path by path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

FENCE = re.compile(r"```[ \t]*+([\w.+-]*+)[ \t]*+\n(.*?)```", re.DOTALL)
MISSING = object()
_MOST_STARTS = 1_000

# The keys and places that lead to a leaf.
Path = tuple[str | int, ...]


def find_json(text: str) -> Any:
    """The JSON value of an answer: the whole, else the last fenced block, else the last object.

    A list in prose (``see [1]``) counts only where there is no object. Raises ValueError if there
    is none. ``NaN`` and infinities are no JSON.
    """
    fenced = [block for _, block in reversed(FENCE.findall(text)) if block.strip()]
    for candidate in (text, *fenced):
        try:
            return load_json(candidate)
        except ValueError:
            continue
    found = list(_embedded(text))
    if not found:
        raise ValueError("no JSON in the answer")
    return next((value for value in reversed(found) if isinstance(value, dict)), found[-1])


def load_json(text: str) -> Any:
    """A text that is JSON and nothing else; raises ValueError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _embedded(text: str) -> Iterator[Any]:
    """The objects and lists that stand in prose, outermost ones only."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    place = 0
    for _ in range(_MOST_STARTS):
        start = re.compile(r"[{\[]").search(text, place)
        if start is None:
            return
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.end()
        else:
            yield value


def leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    """Each leaf of a JSON value with its path; an empty list or object is a leaf."""
    waiting: list[tuple[Path, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Mapping) and item:
            waiting += [((*path, key), below) for key, below in item.items()]
        elif isinstance(item, list) and item:
            waiting += [((*path, place), below) for place, below in enumerate(item)]
        else:
            yield path, item


def shown(path: Path) -> str:
    """A path in words: ``$.a[0]``."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def same(one: Any, other: Any) -> bool:
    """JSON equality, all the way down: true is not 1, and 1 is 1.0."""
    if one is MISSING or other is MISSING:
        return False
    here, there = dict(leaves(one)), dict(leaves(other))
    return here.keys() == there.keys() and all(
        same_leaf(value, there[path]) for path, value in here.items()
    )


def same_leaf(one: Any, other: Any) -> bool:
    """As :func:`same`, of what has nothing below it."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
