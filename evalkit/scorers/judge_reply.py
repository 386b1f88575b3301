"""A judge's reply, read out of whatever it wrote: JSON anywhere, or the usual ways to say it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_CURLY_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
_BARE_WORDS = {"True": "true", "False": "false", "None": "null"}
_NUMBER = r"[-+]?\d+(?:[.,]\d+)?"
_SAID_SCORE = re.compile(
    rf"\b(?:score|rating|grade|points?|mark)\b[*_`\"']*\s*(?:is|of|[:=\-–—])?\s*[*_`\"'\[(]*\s*"
    rf"({_NUMBER})(?:\s*[*_`\])]*\s*(?:/|out\s+of)\s*({_NUMBER}))?",
    re.IGNORECASE,
)
_OUT_OF = re.compile(rf"({_NUMBER})\s*(?:/|out\s+of)\s*({_NUMBER})", re.IGNORECASE)
_BOXED = re.compile(rf"\[\[\s*({_NUMBER})\s*\]\]|<score>\s*({_NUMBER})\s*</score>", re.IGNORECASE)
_ALONE = re.compile(rf"^[*_`\s]*({_NUMBER})[*_`\s.]*$")
_VERDICT = re.compile(
    r"\b(?:verdict|result|score|grade|answer|better|winner)\b[*_`\"']*\s*(?:is|[:=\-–—])\s*"
    r"[*_`\"'\[(]*\s*(?:the\s+)?([A-Za-z]+)",
    re.IGNORECASE,
)
_WORD_ALONE = re.compile(r"^[*_`\s\[\"']*([A-Za-z]+)[*_`\s\]\"'.!]*$")


def objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object in a text, in order; those inside others are not told by themselves.

    What models get wrong is forgiven: fences, trailing commas, curly quotes, Python's words.
    """
    for candidate in (text, _mended(text)):
        found = list(_scan(candidate))
        if found:
            return found
    return []


def _scan(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)  # line breaks inside strings are forgiven
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            place = text.find("{", place + 1)
            continue
        if isinstance(value, dict):
            yield value
        place = text.find("{", end)


def _mended(text: str) -> str:
    fenced = "\n".join(_FENCE.findall(text)) or text
    plain = _TRAILING_COMMA.sub(r"\1", fenced.translate(_CURLY_QUOTES))
    for word, proper in _BARE_WORDS.items():
        plain = re.sub(rf"(:\s*){word}\b", rf"\g<1>{proper}", plain)
    if '"' not in plain:
        plain = plain.replace("'", '"')
    return plain


def said_numbers(text: str, high: float) -> set[float]:
    """The different scores a text speaks of; one out of another number than ``high`` is none."""
    found: list[tuple[str, str | None]] = []
    for pattern in (_BOXED, _SAID_SCORE, _OUT_OF):
        for match in pattern.finditer(text):
            first, second = match.group(1), match.group(2)
            found.append((first or second, second if first else None))
        if found:
            break
    alone = _ALONE.match(text)
    if not found and alone:
        found = [(alone[1], None)]
    return {number(value) for value, of in found if of is None or abs(number(of) - high) < 1e-9}


def said_words(text: str) -> set[str]:
    """The different verdicts a text gives in words, in lower case."""
    found = {match[1].lower() for match in _VERDICT.finditer(text)}
    alone = _WORD_ALONE.match(text.strip())
    return found or ({alone[1].lower()} if alone else set())


def number(text: str) -> float:
    """``4``, ``4.5``, ``4,5``."""
    return float(text.replace(",", "."))


def field_named(data: Mapping[str, Any], name: str) -> Any:
    """A field by its name, whatever its case and separators; None if it is not there."""
    wanted = _plain(name)
    return next((value for key, value in data.items() if _plain(str(key)) == wanted), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).lower()
