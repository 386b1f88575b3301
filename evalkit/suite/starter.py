"""Suites to begin with: each a working suite, its prompts and a dataset, copied into a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from evalkit.errors import UsageError
from evalkit.suite.source import parse_value

STARTERS: Mapping[str, str] = {
    "classification": "sort texts into classes; with and without examples",
    "extraction": "read fields out of letters",
    "math": "word problems, with and without writing out the steps",
    "judge": "a judge's verdicts against people's",
    "thinking-sweep": "one prompt under five thinking budgets",
}
_MODELS = re.compile(r"^models: .*$", re.MULTILINE)
_JUDGE = re.compile(r"^(    model: ).*$", re.MULTILINE)
_THINKING = re.compile(r"^thinking: .*$", re.MULTILINE)
# A small model on this machine thinks in tens of tokens, not in thousands.
_LOCAL_BUDGETS = "thinking: [off, 16, 64]"


def write_starter(
    kind: str, folder: Path, *, model: str | None = None, overwrite: bool = False
) -> list[Path]:
    """Copy a starter into ``folder``, made if need be; the files written, the suite first.

    ``model`` stands in place of the starter's. Raises UsageError for a file that is there already
    (unless ``overwrite``), or a folder that cannot be written.
    """
    files = dict(_files(resources.files("evalkit.suite") / "starters" / kind))
    targets = {name: folder / name for name in sorted(files, key=lambda name: name != "suite.yaml")}
    there = [path for path in targets.values() if path.exists()]
    if there and not overwrite:
        raise UsageError(
            f"{there[0]} is there already", "Choose another folder, or write over it with --force."
        )
    if model:
        files["suite.yaml"] = _with_model(files["suite.yaml"], model.strip())
    try:
        for name, path in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return list(targets.values())


def _files(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _files(item, f"{prefix}{item.name}/")
        else:
            found.append((f"{prefix}{item.name}", item.read_text(encoding="utf-8")))
    return found


def _written(model: str) -> str:
    """A model's id as YAML, in quotes where it would be taken for something else."""
    try:
        is_plain = parse_value(f"[{model}]") == [model]
    except yaml.YAMLError:
        is_plain = False
    return model if is_plain else json.dumps(model, ensure_ascii=False)


def _with_model(suite: str, model: str) -> str:
    written = _written(model)
    suite = _MODELS.sub(lambda _: f"models: [{written}]", suite)
    if model == "local":
        suite = _JUDGE.sub(r"\1local", suite)  # no key is needed then, for judges either
    if model == "local" and "thinking: [off]\n" not in suite:
        suite = _THINKING.sub(_LOCAL_BUDGETS, suite)
    return suite
