"""Foreign text shown to a judge as data: between marks that the text cannot hold or foresee."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_DIGITS = 16
_QUOTED = re.compile(r'<(data-[0-9a-f]{16}) name="\w+">\n(.*?)\n</\1>', re.DOTALL)


def mark_for(texts: Mapping[str, str]) -> str:
    """A mark for these texts: the same for the same texts, and in none of them.

    It is a hash over everything that is quoted, so that whoever wrote one of the texts could not
    know it; being no random number, it lets an equal question be an equal request.
    """
    material = "\x1f".join(f"{name}\x1e{text}" for name, text in texts.items())
    for attempt in range(1_000_000):
        data = f"{attempt}\x1f{material}".encode("utf-8", "surrogatepass")
        mark = "data-" + hashlib.blake2b(data, digest_size=_DIGITS // 2).hexdigest()
        if not any(mark in text for text in texts.values()):
            return mark
    raise ValueError("no mark could be found that the texts do not hold")


def quoted(text: str, mark: str, name: str) -> str:
    """The text between an opening and a closing mark, on lines of their own."""
    return f'<{mark} name="{name}">\n{text}\n</{mark}>'


def material_of(turn: str) -> str:
    """Everything that is quoted in a turn."""
    return "\n".join(match[2] for match in _QUOTED.finditer(turn))
