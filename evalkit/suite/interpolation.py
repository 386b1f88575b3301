"""``${NAME}`` in a suite: values from the environment, but never keys and never prompt texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalkit.errors import Problem
from evalkit.suite.source import Address, SourceMap

_REFERENCE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<odd>\$\{[^}]*\}?)"
)
# What a variable is called that holds something no file and no record may hold.
_SECRET = re.compile(r"(?i)(?:^|_)(?:API_?)?KEY$|TOKEN$|SECRET|PASSWORD|PASSWD|CREDENTIAL")
# Texts that go to a model or are programs of their own: a "${x}" in them is theirs.
_TEXTS = frozenset(
    {"system", "user", "content", "tools", "output_schema", "examples", "rubric", "pattern"}
    | {"target", "filter", "api_key_env", "api_key_cmd"}
)


_ODD = "names no variable: write ${NAME} or ${NAME:-default}, or $${ for the signs themselves"


def interpolate(
    data: dict[str, Any], source: SourceMap, env: Mapping[str, str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The data with every ``${NAME}`` and ``${NAME:-default}`` filled in from ``env``.

    ``$${`` stands for a plain ``${``. Variables that are called like keys, and those that are not
    set and have no default, are problems.
    """
    problems: list[Problem] = []

    def fill(value: Any, address: Address) -> Any:
        if isinstance(value, str):
            return value if _is_text(address) else _filled(value, address)
        if isinstance(value, dict):
            return {key: fill(item, (*address, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item, (*address, index)) for index, item in enumerate(value)]
        return value

    def _filled(text: str, address: Address) -> str:
        def value_of(match: re.Match[str]) -> str:
            name = match["name"]
            if match["odd"]:
                problems.append(Problem(source.where(address), f"{match['odd']} {_ODD}"))
                return match.group()
            if name is None:
                return "${"
            reason = _refusal(name, match["default"], env)
            if reason is not None:
                problems.append(Problem(source.where(address), reason))
                return match.group()
            return env.get(name) or match["default"] or ""

        return _REFERENCE.sub(value_of, text)

    filled = {key: fill(value, (str(key),)) for key, value in data.items()}
    return filled, problems


def _is_text(address: Address) -> bool:
    is_short_prompt = address[0] == "prompts" and len(address) <= 2
    within_example = "path" in address[-1:] and "examples" in address
    return is_short_prompt or (not within_example and not _TEXTS.isdisjoint(address))


def _refusal(name: str, default: str | None, env: Mapping[str, str]) -> str | None:
    if _SECRET.search(name):
        return f"${{{name}}} is called like a key, and keys stay out of suites; see api_key_env"
    if not env.get(name) and default is None:
        return f"the variable {name} is not set; ${{{name}:-…}} gives a default"
    return None
