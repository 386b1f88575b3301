"""The JSON in a judge's reply, found wherever it stands and forgiven what models get wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_START = re.compile(r"\{\s*[\"}]")
# A judge that has lost itself may open objects without end, and each try costs as many steps.
_MOST_BROKEN = 50
_THOUGHT = re.compile(r"<(think|thinking|reasoning|scratchpad)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_CURLY_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
_BARE_WORDS = {"True": "true", "False": "false", "None": "null"}
_NO_WORDS = re.compile(r"[\s`~\"'\[\],.]*(?:json)?[\s`~\"'\[\],.]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge wrote: its JSON ``objects`` in order, and the ``prose`` around them."""

    objects: tuple[Mapping[str, Any], ...]
    prose: str


def read_reply(text: str, material: str = "") -> Reply:
    """The parts of a reply about ``material``, all that was quoted to the judge.

    An object that stands word for word in the material is a quotation, unless it is all that the
    judge says. Thinking written out between tags is left out.
    """
    text = _THOUGHT.sub("", text)
    for candidate in (text, _unescaped(text), _mended(text)):
        found = list(_scan(candidate))
        if found:
            break
    else:
        return Reply((), text)
    prose = _around(candidate, [(start, end) for _, start, end in found])
    is_all = len(found) == 1 and _NO_WORDS.fullmatch(prose)
    own = [value for value, start, end in found if is_all or candidate[start:end] not in material]
    return Reply(tuple(own), "" if _NO_WORDS.fullmatch(prose) else prose)


def _scan(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Every object with its place; those inside others are not told by themselves."""
    # Line breaks inside strings are forgiven, a field said twice in two ways is not.
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_object)
    end = n_broken = 0
    for start in _START.finditer(text):
        if start.start() < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            n_broken += 1
            if n_broken > _MOST_BROKEN:
                return
            continue
        yield value, start.start(), end


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose repeated fields hold all that was said of them, which is no grade."""
    whole: dict[str, Any] = {}
    for key, value in pairs:
        is_new = key not in whole or whole[key] == value
        whole[key] = value if is_new else [whole[key], value]
    return whole


def _around(text: str, spans: list[tuple[int, int]]) -> str:
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return "\n".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def _unescaped(text: str) -> str:
    """A reply that is JSON within a JSON string."""
    return text.replace('\\"', '"')


def _mended(text: str) -> str:
    fenced = "\n".join(_FENCE.findall(text)) or text
    plain = _TRAILING_COMMA.sub(r"\1", fenced.translate(_CURLY_QUOTES))
    for word, proper in _BARE_WORDS.items():
        plain = re.sub(rf"(:\s*){word}\b", rf"\g<1>{proper}", plain)
    if '"' not in plain:
        plain = plain.replace("'", '"')
    return plain


def field_named(data: Mapping[str, Any], name: str) -> Any:
    """A field by its name, whatever its case and separators; None if it is not there."""
    wanted = _plain(name)
    return next((value for key, value in data.items() if _plain(str(key)) == wanted), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).lower()
