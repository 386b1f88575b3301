"""Keys written into a suite: refused, since suites are committed and copied into runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalkit.errors import Problem
from evalkit.suite.source import Address, SourceMap

# What a key is called, wherever it stands; names of prompts and columns are people's own.
_KEY_NAMES = re.compile(
    r"(?:^|_)(?:api_?key|(?:auth|access|api|bearer)_token|authorization|"
    r"(?:secret|private|access|subscription|account)_key|client_secret|password|passwd)$"
)
_MODEL_KEY_NAMES = frozenset({"key", "token", "secret", "credential", "credentials"})
_HEADERS = re.compile(r"(?:^|_)(?:key|token|secret|password|cookie|credentials?)$|authorization")
# What keys look like: those of APIs, of clouds and of webhooks that can be written to.
_KEYS = re.compile(
    r"\bsk-ant-[\w-]{6,}|\bsk-(?:proj-|or-)?\w{20,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"
    r"|\bgh[pousr]_\w{30,}|\bxox[abprs]-[\w-]{10,}|hooks\.slack\.com/services/\S+"
)
_OWN_NAMES = ("prompts", "dataset", "matrix")
_NAMED = "a key does not belong in a suite; name its variable with api_key_env"


def find_secrets(data: Any, source: SourceMap) -> dict[Address, Problem]:
    """A problem for each key in the data, by where it stands; the key is not repeated."""
    return {at: Problem(source.where(at), told) for at, told in _secrets(data, ())}


def _secrets(data: Any, address: Address) -> Iterator[tuple[Address, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            inner = (*address, str(key))
            if isinstance(value, str | int) and _is_key_name(inner):
                yield inner, _NAMED
            else:
                yield from _secrets(value, inner)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _secrets(value, (*address, index))
    elif isinstance(data, str) and _KEYS.search(data):
        yield address, "this looks like an API key; it does not belong in a suite"
    elif isinstance(data, str) and _is_header(address) and data.lower().startswith("bearer "):
        yield address, _NAMED


def _is_key_name(address: Address) -> bool:
    name = str(address[-1]).lower().replace("-", "_")
    if address[0] in _OWN_NAMES:
        return False
    if _is_header(address):
        return _HEADERS.search(name) is not None
    is_models = (
        len(address) == 1
        or address[0] == "models"
        or (address[0] == "scorers" and "model" in address[1:4])
    )
    return _KEY_NAMES.search(name) is not None or (is_models and name in _MODEL_KEY_NAMES)


def _is_header(address: Address) -> bool:
    return "headers" in address[:-1]
