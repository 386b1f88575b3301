"""A suite file and those it extends, as one mapping that knows where each value stands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import ConfigError, Problem
from evalkit.suite.interpolation import interpolate
from evalkit.suite.source import SourceMap, read_source


def read_layers(
    path: Path, env: Mapping[str, str], below: tuple[Path, ...] = ()
) -> tuple[dict[str, Any], SourceMap, list[Problem]]:
    """The data of a suite file laid over the files it ``extends``, its source map, its problems.

    Mappings are merged key by key, anything else replaces what was there, and an empty value
    (``null``) takes an inherited one away. ``${NAME}`` and relative paths mean in each file what
    they mean there. Raises ConfigError for a file that cannot be read, or extends itself.
    """
    shown = os.path.relpath(path) if not path.is_absolute() else str(path)
    data, source = read_source(path, shown)
    # As in other YAML files, what begins with x- is the author's, to hold anchors.
    data = {key: value for key, value in data.items() if not str(key).startswith("x-")}
    data, problems = interpolate(data, source, env)
    anchor_paths(data, path.parent)
    extends = data.pop("extends", None)
    trail = (*below, path.resolve())
    for parent in extends if isinstance(extends, list) else [extends] if extends else []:
        where = source.where(("extends",))
        base_path = _base(parent, path, trail, where)
        base, base_source, base_problems = read_layers(base_path, env, trail)
        data, source = _overlay(base, data), source.over(base_source)
        problems += base_problems
    return data, source, problems


def _base(parent: object, path: Path, trail: tuple[Path, ...], where: str) -> Path:
    if not isinstance(parent, str):
        raise ConfigError([Problem(where, "extends names a file, or a list of files")])
    base = path.parent / parent
    if base.resolve() in trail:
        raise ConfigError([Problem(where, f"{parent} extends this file in turn")])
    if not base.is_file():
        raise ConfigError([Problem(where, f"no file {parent} beside this one")])
    return base


def _overlay(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _overlay(below.get(key), value)
    return merged


def anchor_paths(data: dict[str, Any], folder: Path) -> None:
    """Make paths that the data gives absolute, so that they mean the same from anywhere."""
    dataset = data.get("dataset")
    if isinstance(dataset, str):
        data["dataset"] = dataset = {"path": dataset}
    _anchor(dataset, "path", folder)
    prompts = data.get("prompts")
    for prompt in prompts.values() if isinstance(prompts, dict) else ():
        _anchor(prompt, "file", folder)
        if isinstance(prompt, dict):
            _anchor(prompt.get("examples"), "path", folder)
    _anchor(data.get("report"), "out", folder)
    gate = data.get("gate")
    notify = gate.get("notify") if isinstance(gate, dict) else None
    for notice in notify if isinstance(notify, list) else [notify]:
        _anchor(notice, "template", folder)
    scorers = data.get("scorers")
    for scorer in scorers if isinstance(scorers, list) else [scorers]:
        _anchor(scorer, "python", folder)
        for section in _judge_files(scorer):
            _anchor(section, "file", folder)


def _judge_files(scorer: Any) -> Iterator[Any]:
    """Where a judge may name a file."""
    if isinstance(scorer, dict):
        yield scorer.get("rubric")
        prompt = scorer.get("prompt")
        yield prompt
        if isinstance(prompt, dict):
            yield from (prompt.get("system"), prompt.get("user"))


def _anchor(section: Any, key: str, folder: Path) -> None:
    if isinstance(section, dict) and isinstance(section.get(key), str):
        section[key] = anchored(section[key], folder)


def anchored(path: str, folder: Path) -> str:
    """A path below ``folder`` made absolute; names on the Hugging Face hub and ``-`` stay."""
    if path == "-" or not path:
        return path
    if path.startswith("hf:"):
        is_folder = path[3:].startswith((".", "/", "~"))
        return f"hf:{anchored(path[3:], folder)}" if is_folder else path
    return str((folder / Path(path).expanduser()).resolve())
