"""What is wrong with a suite's data, in words: unknown keys, wrong kinds, impossible values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evalkit.errors import Problem
from evalkit.suite.keys import accepted_keys, meant_key, unknown_key
from evalkit.suite.schema import Suite
from evalkit.suite.source import Address, SourceMap


def validate(data: dict[str, Any]) -> tuple[Suite | None, dict[Address, list[str]]]:
    """The suite the data describes, or what is wrong by where it is, each fault told once."""
    try:
        return Suite.model_validate(data), {}
    except ValidationError as error:
        return None, _faults(error, ())


def without(
    data: dict[str, Any], faults: Iterable[Address]
) -> tuple[Suite | None, dict[Address, Address]]:
    """The suite without what is at fault, an entry or a section; None where nothing is left.

    Also where entries are now and where they were before others were taken out.
    """
    moved: dict[Address, Address] = {}
    rest = {key: list(value) if isinstance(value, list) else value for key, value in data.items()}
    for address in faults:
        top, inner = address[0], address[1] if len(address) > 1 else None
        section = rest.get(str(top))
        if top in _ENTRIES and isinstance(section, list) and isinstance(inner, int):
            section[inner] = None
        elif top in ("prompts", "dataset") and isinstance(section, dict) and inner is not None:
            rest[str(top)] = {key: item for key, item in section.items() if str(key) != inner}
        elif top == "name":
            rest["name"] = "suite"
        else:
            rest.pop(str(top), None)
    for key in _ENTRIES:
        if isinstance(rest.get(key), list):
            kept = [index for index, item in enumerate(rest[key]) if item is not None]
            moved.update({(key, now): (key, before) for now, before in enumerate(kept)})
            rest[key] = [rest[key][index] for index in kept]
    return _whole({key: value for key, value in rest.items() if value != []}), moved


_ENTRIES = ("models", "thinking", "scorers", "overrides")
# Of a suite without these the rest can still be looked at; of them nothing more is said.
_STAND_INS: Mapping[str, Any] = {
    "dataset": {"path": "${dataset}", "target": "target"},
    "prompts": {"prompt": "-"},
    "models": ["model"],
}


def _whole(rest: dict[str, Any]) -> Suite | None:
    """The suite, with what must not be missing stood in for."""
    try:
        return Suite.model_validate(rest)
    except ValidationError as error:
        missing = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
    if not missing <= _STAND_INS.keys():
        return None
    try:
        return Suite.model_validate({**rest, **{key: _STAND_INS[key] for key in missing}})
    except ValidationError:
        return None


def problems_of(error: ValidationError, source: SourceMap, below: Address = ()) -> list[Problem]:
    """A problem for each fault, each told once; ``below`` is where in the file the data stands."""
    return problems_at(_faults(error, below), source)


def problems_at(faults: Mapping[Address, Sequence[str]], source: SourceMap) -> list[Problem]:
    """The faults with the places they stand at."""
    return [Problem(source.where(at), message) for at, told in faults.items() for message in told]


def _faults(error: ValidationError, below: Address) -> dict[Address, list[str]]:
    by_address: dict[Address, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        detail["loc"] = (*below, *detail["loc"])
        by_address.setdefault(_address(detail), []).append(detail)
    return {
        address: [
            message
            for message in _messages(details)
            if not (message.startswith("expected at least") and _has_inner(address, by_address))
        ]
        for address, details in by_address.items()
        if not _follows(address, by_address) and not _is_misspelt(address, by_address)
    }


def _follows(address: Address, others: Iterable[Address]) -> bool:
    """A name is made of a model or a type: without those, it is not a fault of its own."""
    owner = address[:-1]
    is_made = address[-1:] == ("name",) and len(address) > 1
    return is_made and any((*owner, field) in others for field in ("model", "type"))


def _is_misspelt(address: Address, others: Mapping[Address, Sequence[ErrorDetails]]) -> bool:
    """What is missing and stands beside under a name like it is one fault, not two."""
    if [detail["type"] for detail in others[address]] != ["missing"]:
        return False
    return any(
        details[0]["type"] == "extra_forbidden"
        and other[:-1] == address[:-1]
        and meant_key(other) == address[-1]
        for other, details in others.items()
    )


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
    if any(detail["type"] in _BOUNDS for detail in details):
        wanted = []  # of the right kind, and only too much or too little
        details = [detail for detail in details if detail["type"] in _BOUNDS]
    others = list(dict.fromkeys(_message(detail) for detail in details if not _wanted(detail)))
    if not wanted:
        return others
    found = details[0].get("input")
    told = f"expected {' or '.join(wanted)}, found {shown(found)}{_near(found, details)}"
    return [f"{told}{_advice(wanted, found, details)}", *others]


def _advice(wanted: Sequence[str], found: object, details: Sequence[ErrorDetails]) -> str:
    """How to write what was expected, where that does not go without saying."""
    address = _address(details[0])
    if wanted == ["text"] and isinstance(found, int | float):
        return f'; put it in quotes: "{shown(found)}"'
    if address == ("prompts",) and isinstance(found, list):
        return "; give each prompt a name"
    if "user" in wanted[0] and found == "system":
        return "; a system text stands beside the messages, as system: …"
    keys = accepted_keys(address)
    if wanted == [_MAPPING] and keys:
        return f"; its keys are {', '.join(keys)}"
    return ""


def _wanted(detail: ErrorDetails) -> str | None:
    """What should have been there; None where the fault is of another kind."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    if kind == "string_pattern_mismatch" and str(context["pattern"]).endswith("x$"):
        return "a multiple of input such as 0.1x"
    if kind == "model_type" and context.get("class_name") in _SHORT_FORMS:
        return f"{_SHORT_FORMS[context['class_name']]} or {_MAPPING}"
    return _WANTED.get(kind)


def _message(detail: ErrorDetails) -> str:
    kind, found = detail["type"], detail.get("input")
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(_address(detail), found)
    if kind == "invalid_key":
        return f"{shown(found)} is no key; accepted: {', '.join(sorted(accepted_keys(())))}"
    if kind == "missing":
        return "is missing"
    if kind == "finite_number":
        return f"must be a number, found {shown(found)}"
    if kind == "string_too_long":
        return f"has {len(str(found))} characters, and at most {context['max_length']} are taken"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]:g}, found {shown(found)}"
    if kind == "string_pattern_mismatch" and str(_address(detail)[-1]).endswith("_env"):
        return f"{found!r} is no name of an environment variable"
    if kind == "string_pattern_mismatch":
        return f"{found!r} is no name; use letters, digits and . _ -, without spaces"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, found {shown(found)}"


_MAPPING = "a mapping of names to values"
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
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "too_short": "at least one entry",
    "string_too_short": "some text",
}
# What may be written in place of the mapping.
_SHORT_FORMS = {
    "DatasetSpec": "a path",
    "PromptSpec": "text",
    "ModelSpec": "a model's name",
    "ScorerSpec": "a scorer's name",
    "ThinkingSpec": "a setting such as off, 4k or high",
    "ExcludeSpec": "a glob",
    "CacheSpec": "a mode",
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
    if isinstance(value, bool):
        return str(value).lower()
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
