"""Text from a server made fit to be shown: without keys, control characters or line breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_MARK = "[redacted]"
_SHORTEST_SECRET = 4  # a "key" of three letters is a word that error texts need
_SECRETS = re.compile(
    r"""
    \b(?:sk|pk|rk|gsk|xai|ghp|hf)[-_][\w*.…-]{5,}      # the usual prefixes, masked ones too
    | (?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?           # JSON web tokens
    | \bAIza[\w-]{16,}
    """,
    re.VERBOSE,
)
# A name that announces a secret stays, what follows it goes. "Bearer" alone also begins ordinary
# sentences ("Bearer authentication required"), so there the secret must not look like a word.
_NAMED = re.compile(
    r"""
    (\bbearer\s+)(?:(?=[\w.~+/=*-]*[\d*])[\w.~+/=*-]{6,}|[\w.~+/=*-]{20,})
    | (\b(?:x-api-key|api[_-]?key|authorization|auth[_-]?token|access[_-]?token)\\?["']?\s*[:=]\s*
        \\?["']?(?:(?:bearer|basic)\s+)?)[^\s"',;}]{4,}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
# Controls, and the invisible characters that reorder or hide what surrounds them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


_SECRET_HEADER = re.compile(r"auth|cookie|credential|key|password|secret|token", re.IGNORECASE)


def header_secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The values of those headers that hold secrets by their names, without ``Bearer`` and such."""
    named = (value.split() for name, value in headers.items() if _SECRET_HEADER.search(name))
    return tuple(words[-1] for words in named if words)


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """The text without the given secrets and without anything else that looks like a key."""
    for secret in sorted({item.strip() for item in secrets}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MARK)
    text = _SECRETS.sub(_MARK, text)
    return _NAMED.sub(lambda match: (match[1] or match[2]) + _MARK, text)


def visible(text: str) -> str:
    """The text without terminal sequences, control characters and invisible characters."""
    return _UNSEEN.sub("", _TERMINAL_SEQUENCE.sub("", text))


def one_line(text: str, limit: int = 400) -> str:
    """The text on one line, at most ``limit`` characters long."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
