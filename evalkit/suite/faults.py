"""What is wrong with a suite's data, in words: unknown keys, wrong kinds, keys written down."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evalkit.errors import Problem
from evalkit.suite.gate_schema import NotifySpec, RuleSpec
from evalkit.suite.judge_schema import (
    CriterionSpec,
    JudgePromptSpec,
    JudgeSpec,
    PairwiseSpec,
    ScaleSpec,
)
from evalkit.suite.matrix_schema import ExcludeSpec, IncludeSpec, OverrideSpec, ThinkingSpec
from evalkit.suite.rows_schema import DatasetSpec, ExamplesSpec, SampleSpec
from evalkit.suite.schema import (
    CapabilitiesSpec,
    ModelSpec,
    PriceSpec,
    PromptSpec,
    Suite,
    Turn,
)
from evalkit.suite.source import Address, SourceMap

# What a key may hold that must never stand in a file people commit.
_SECRET_KEYS = ("api_key", "apikey", "auth_token", "key", "token", "password", "secret")
_SECRET_HEADERS = ("authorization", "x-api-key", "proxy-authorization", "cookie")


def find_secrets(data: Any, source: SourceMap) -> list[Problem]:
    """Keys written into the suite: refused, since suites are committed and copied into runs."""
    return [Problem(source.where(address), message) for address, message in _secrets(data, ())]


def _secrets(data: Any, address: Address) -> list[tuple[Address, str]]:
    found: list[tuple[Address, str]] = []
    if isinstance(data, dict):
        in_headers = bool(address) and address[-1] == "headers"
        for key, value in data.items():
            name = str(key).lower().replace("-", "_")
            at_model = (
                address == ()
                or (address[0] == "models" and len(address) == 2)
                or (address[0] == "scorers" and "model" in address[1:4])
            )
            is_secret = (at_model and name in _SECRET_KEYS) or (
                in_headers and str(key).lower() in _SECRET_HEADERS
            )
            if is_secret and isinstance(value, str):
                advice = "a key does not belong in a suite; name its variable with api_key_env"
                found.append(((*address, str(key)), advice))
            else:
                found += _secrets(value, (*address, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            found += _secrets(value, (*address, index))
    elif isinstance(data, str) and "sk-ant-" in data:
        found.append((address, "this looks like an API key; it does not belong in a suite"))
    return found


def validate(data: dict[str, Any], source: SourceMap) -> tuple[Suite | None, list[Problem]]:
    """The suite the data describes, or a problem for each fault, each told once."""
    try:
        return Suite.model_validate(data), []
    except ValidationError as error:
        return None, problems_of(error, source)


def problems_of(error: ValidationError, source: SourceMap, below: Address = ()) -> list[Problem]:
    """A problem for each fault, each told once; ``below`` is where in the file the data stands."""
    by_address: dict[Address, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        detail["loc"] = (*below, *detail["loc"])
        by_address.setdefault(_address(detail), []).append(detail)
    return [
        Problem(source.where(address), message)
        for address, details in by_address.items()
        if address[-1:] != ("api_key",)  # told already, in better words
        for message in _messages(details)
        if not (message.startswith("expected at least") and _has_inner(address, by_address))
    ]


def _has_inner(address: Address, others: Iterable[Address]) -> bool:
    """A list whose entries are all at fault is not an empty one."""
    return any(len(other) > len(address) and other[: len(address)] == address for other in others)


def _address(detail: ErrorDetails) -> Address:
    """Where in the file, without Pydantic's words for keys and the members of a union."""
    return tuple(part for part in detail["loc"] if not _is_pydantics(part))


def _is_pydantics(part: str | int) -> bool:
    return isinstance(part, str) and (
        part in ("[key]", "int", "float", "str", "ModelSpec")
        or part.startswith(("constrained-", "literal["))
    )


def _messages(details: Sequence[ErrorDetails]) -> list[str]:
    """What is wrong at one place: what was expected in one sentence, the rest one by one."""
    wanted = list(dict.fromkeys(filter(None, map(_wanted, details))))
    others = list(dict.fromkeys(_message(detail) for detail in details if not _wanted(detail)))
    if not wanted:
        return others
    found = details[0].get("input")
    near = _near(found, details)
    return [f"expected {' or '.join(wanted)}, found {shown(found)}{near}", *others]


def _wanted(detail: ErrorDetails) -> str | None:
    """What should have been there; None where the fault is of another kind."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    if kind == "string_pattern_mismatch" and str(context["pattern"]).endswith("x$"):
        return "a multiple of input such as 0.1x"
    return _WANTED.get(kind)


def _message(detail: ErrorDetails) -> str:
    kind, found = detail["type"], detail.get("input")
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(detail)
    if kind == "missing":
        return "is missing"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]:g}, found {shown(found)}"
    if kind == "string_pattern_mismatch" and _address(detail)[-1] == "url_env":
        return f"{found!r} is no name of an environment variable"
    if kind == "string_pattern_mismatch":
        return f"{found!r} is no name; use letters, digits and . _ -, without spaces"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, found {shown(found)}"


_WANTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "too_short": "at least one entry",
    "string_too_short": "some text",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def shown(value: object) -> str:
    """A value as people wrote it, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _near(found: object, details: Sequence[ErrorDetails]) -> str:
    """The word that may have been meant, of those a fixed list accepts."""
    accepted = [
        word
        for detail in details
        if detail["type"] == "literal_error"
        for word in re.findall(r"'([^']*)'", str(detail.get("ctx", {})["expected"]))
    ]
    near = difflib.get_close_matches(str(found), accepted, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _unknown_key(detail: ErrorDetails) -> str:
    accepted = accepted_keys(_address(detail)[:-1])
    near = difflib.get_close_matches(str(detail["loc"][-1]), accepted, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"accepted: {', '.join(sorted(accepted))}"
    return f"unknown key; {hint}"


_INSIDE: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): Suite,
    ("dataset",): DatasetSpec,
    ("dataset", "sample"): SampleSpec,
    ("prompts", "*"): PromptSpec,
    ("prompts", "*", "messages", "*"): Turn,
    ("prompts", "*", "examples"): ExamplesSpec,
    ("models", "*"): ModelSpec,
    ("models", "*", "price"): PriceSpec,
    ("models", "*", "capabilities"): CapabilitiesSpec,
    ("thinking", "*"): ThinkingSpec,
    ("matrix", "exclude", "*"): ExcludeSpec,
    ("matrix", "include", "*"): IncludeSpec,
    ("matrix", "include", "*", "thinking"): ThinkingSpec,
    ("overrides", "*"): OverrideSpec,
    # The options of a judge; those of other scorers are checked where the scorer is built.
    ("scorers", "*"): JudgeSpec,
    ("scorers", "*", "model", "*"): ModelSpec,
    ("scorers", "*", "scale"): ScaleSpec,
    ("scorers", "*", "criteria", "*"): CriterionSpec,
    ("scorers", "*", "pairwise"): PairwiseSpec,
    ("scorers", "*", "prompt"): JudgePromptSpec,
    ("gate", "rules", "*"): RuleSpec,
    ("gate", "notify", "*"): NotifySpec,
}
_NOT_FOR_PEOPLE = ("templates", "origin")


def accepted_keys(address: Address) -> list[str]:
    """The keys that may stand at an address, without those evalkit fills in itself."""
    for pattern, section in _INSIDE.items():
        if len(pattern) == len(address) and all(
            want in ("*", part) for want, part in zip(pattern, address, strict=True)
        ):
            extra = ["extends"] if section is Suite else []
            return [*(name for name in section.model_fields if name not in _NOT_FOR_PEOPLE), *extra]
    field = Suite.model_fields.get(str(address[0])) if len(address) == 1 else None
    kind = field.annotation if field else None
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return []
