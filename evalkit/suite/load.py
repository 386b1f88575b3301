"""A suite file and the command line's overrides become a Suite, or every fault at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evalkit.errors import ConfigError, Problem, UsageError
from evalkit.suite.schema import (
    DatasetSpec,
    LimitsSpec,
    ModelSpec,
    PromptSpec,
    ReportSpec,
    RetriesSpec,
    Suite,
    ThinkingSpec,
    Turn,
)
from evalkit.suite.source import Address, SourceMap, parse_value, read_source

# What a key may hold that must never stand in a file people commit.
_SECRET_KEYS = ("api_key", "apikey", "auth_token", "key", "token", "password", "secret")
_SECRET_HEADERS = ("authorization", "x-api-key", "proxy-authorization", "cookie")


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite, the text it came from and where each value stands in it."""

    suite: Suite
    source: SourceMap
    text: str


def load_suite(path: Path, overrides: Sequence[str] = ()) -> LoadedSuite:
    """Read, override, check and resolve a suite file.

    ``overrides`` are ``path=value`` strings; the value is YAML. A relative ``path`` or ``file``
    in the file is relative to the file, on the command line to the current folder. Raises
    ConfigError with every problem found, UsageError for an override that is not ``path=value``.
    """
    shown = os.path.relpath(path) if not path.is_absolute() else str(path)
    data, source = read_source(path, shown)
    _resolve_paths(data, path.parent)
    for override in overrides:
        _apply(data, override)
    data.setdefault("name", path.stem)
    problems = [
        Problem(source.where(address), message) for address, message in _find_secrets(data, ())
    ]
    suite, faults = _validate(data, source)
    problems += faults
    if suite is not None:
        suite, faults = _read_prompt_files(suite, source)
        problems += faults
    if problems or suite is None:
        raise ConfigError(problems, f"Nothing was sent. Mend {shown} and run again.")
    return LoadedSuite(suite, source, path.read_text(encoding="utf-8-sig"))


def _resolve_paths(data: dict[str, Any], folder: Path) -> None:
    """Make paths that the file gives absolute, so that they mean the same from anywhere."""
    dataset = data.get("dataset")
    if isinstance(dataset, str):
        data["dataset"] = dataset = {"path": dataset}
    if isinstance(dataset, dict) and isinstance(dataset.get("path"), str):
        dataset["path"] = _anchored(dataset["path"], folder)
    prompts = data.get("prompts")
    for prompt in prompts.values() if isinstance(prompts, dict) else ():
        if isinstance(prompt, dict) and isinstance(prompt.get("file"), str):
            prompt["file"] = _anchored(prompt["file"], folder)


def _anchored(path: str, folder: Path) -> str:
    is_elsewhere = path == "-" or path.startswith("hf:")
    return path if is_elsewhere else str((folder / Path(path).expanduser()).resolve())


def _apply(data: dict[str, Any], override: str) -> None:
    """Set one ``a.b.0.c=value``."""
    dotted, equals, text = override.partition("=")
    parts = [part for part in dotted.strip().split(".") if part]
    if not equals or not parts:
        raise UsageError(
            f"--set {override!r} is not path=value", "For example: --set dataset.limit=20"
        )
    value = parse_value(text)
    if parts[-1] in ("path", "file") and isinstance(value, str):
        value = _anchored(value, Path.cwd())
    at: Any = data
    for part in parts[:-1]:
        at = _descend(at, part, override)
    last = parts[-1]
    if isinstance(at, list):
        at[_index(at, last, override)] = value
    elif isinstance(at, dict):
        at[last] = value
    else:
        raise UsageError(f"--set {override!r}: {'.'.join(parts[:-1])} holds a single value")


def _descend(at: Any, part: str, override: str) -> Any:
    if isinstance(at, list):
        return at[_index(at, part, override)]
    if isinstance(at, dict):
        return at.setdefault(part, {})
    raise UsageError(f"--set {override!r}: there is nothing inside a single value")


def _index(items: list[Any], part: str, override: str) -> int:
    if part.isdigit() and int(part) < len(items):
        return int(part)
    raise UsageError(f"--set {override!r}: {part!r} is no position in a list of {len(items)}")


def _find_secrets(data: Any, address: Address) -> list[tuple[Address, str]]:
    """Keys written into the suite: refused, since suites are committed and copied into runs."""
    found: list[tuple[Address, str]] = []
    if isinstance(data, dict):
        in_headers = bool(address) and address[-1] == "headers"
        for key, value in data.items():
            name = str(key).lower().replace("-", "_")
            at_model = address == () or (address[0] == "models" and len(address) == 2)
            is_secret = (at_model and name in _SECRET_KEYS) or (
                in_headers and str(key).lower() in _SECRET_HEADERS
            )
            if is_secret and isinstance(value, str):
                advice = "a key does not belong in a suite; name its variable with api_key_env"
                found.append(((*address, str(key)), advice))
            else:
                found += _find_secrets(value, (*address, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            found += _find_secrets(value, (*address, index))
    elif isinstance(data, str) and data.startswith("sk-ant-"):
        found.append((address, "this looks like an API key; it does not belong in a suite"))
    return found


def _validate(data: dict[str, Any], source: SourceMap) -> tuple[Suite | None, list[Problem]]:
    try:
        return Suite.model_validate(data), []
    except ValidationError as error:
        return None, [
            Problem(source.where(_address(detail)), _message(detail))
            for detail in error.errors(include_url=False)
            if detail["loc"][-1:] != ("api_key",)  # told already, in better words
        ]


def _address(detail: ErrorDetails) -> Address:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _message(detail: ErrorDetails) -> str:
    kind, found = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        accepted = _accepted_keys(_address(detail)[:-1])
        near = difflib.get_close_matches(str(detail["loc"][-1]), accepted, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"accepted: {', '.join(sorted(accepted))}"
        return f"unknown key; {hint}"
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch":
        return f"{found!r} is no name; use letters, digits and . _ -, without spaces"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    text = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"{text}, found {found!r}" if isinstance(found, str | int | float) else text


_SECTIONS: Mapping[str, type[BaseModel]] = {
    "dataset": DatasetSpec,
    "prompts": PromptSpec,
    "models": ModelSpec,
    "thinking": ThinkingSpec,
    "limits": LimitsSpec,
    "retries": RetriesSpec,
    "report": ReportSpec,
}


def _accepted_keys(address: Address) -> list[str]:
    """The keys that may stand at an address."""
    if not address:
        return list(Suite.model_fields)
    if len(address) > 2 and address[0] == "prompts":
        return list(Turn.model_fields)
    field = Suite.model_fields.get(str(address[0]))
    section = _SECTIONS.get(str(address[0]))
    if section is None and field is not None and isinstance(field.annotation, type):
        section = field.annotation if issubclass(field.annotation, BaseModel) else None
    return list(section.model_fields) if section else []


def _read_prompt_files(suite: Suite, source: SourceMap) -> tuple[Suite, list[Problem]]:
    prompts, problems = dict(suite.prompts), []
    for name, prompt in suite.prompts.items():
        if prompt.file is None:
            continue
        try:
            text = Path(prompt.file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            where = source.where(("prompts", name, "file"))
            problems.append(Problem(where, f"cannot read {prompt.file}: {reason}"))
        else:
            prompts[name] = prompt.model_copy(update={"user": text, "file": None})
    return suite.model_copy(update={"prompts": prompts}), problems
