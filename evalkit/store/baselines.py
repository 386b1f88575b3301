"""Baselines: small files that say what a suite scored, case by case, in one run or several.

A baseline stands by itself: its runs may be deleted. The file is JSON in a fixed order, one line a
column, so that it can be kept in git: ``baselines/NAME.json`` beside the suite. What a night adds
stands in ``NAME.nights.json``, which belongs to one job and not into git.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError, UsageError
from evalkit.store.files import write_text

FORMAT = 1
NIGHTS = ".nights.json"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_DIGITS = 6


class UnknownBaseline(StoreError):
    """No baseline of that name."""


@dataclass(frozen=True, slots=True)
class BankedRun:
    """A run that a baseline was made of."""

    id: str
    started_at: str
    answered: int
    failed: int
    cost_usd: float | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class BankedColumn:
    """One measure of one variant, case by case: sums over trials, and how many there were."""

    sums: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BankedVariant:
    """What is known of a variant.

    ``columns``, ``error`` and ``within`` are by measure; ``false_alarms`` are what
    holding each run against the others came to (``margin``, ``gates``, ``passes``, ``fails``).
    """

    models: tuple[str, ...]
    digests: Mapping[str, str]
    columns: Mapping[str, BankedColumn]
    error: Mapping[str, float | None] = field(default_factory=dict)
    within: Mapping[str, float | None] = field(default_factory=dict)
    quantiles: Mapping[str, float] = field(default_factory=dict)
    false_alarms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A bank: runs of one suite as row means, who made it when and why.

    ``cases`` are ids with a digest of the case, ``digests`` those of the whole dataset, of scorers
    and prompts; ``spec`` is the suite without its data, so that it can be asked again. Times are
    ISO 8601 UTC.
    """

    name: str
    suite: str
    created_at: str
    by: str
    runs: tuple[BankedRun, ...]
    digests: Mapping[str, str]
    cases: tuple[tuple[str, str], ...]
    variants: Mapping[str, BankedVariant]
    why: str = ""
    samples: int = 1
    evalkit: str = ""
    git_commit: str | None = None
    prices: str | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def baseline_path(folder: Path, name: str) -> Path:
    """The file of a baseline. Raises UsageError for a name that is none."""
    name = name.removeprefix("@")
    if not _NAME.match(name) or name.endswith(".nights"):
        raise UsageError(
            f"'{name}' is no name for a baseline", "Letters, digits, dots, dashes and underscores."
        )
    return folder / f"{name}.json"


def read_baseline(folder: Path, name: str) -> Baseline:
    """A baseline. Raises UnknownBaseline with what there is, StoreError for a damaged file."""
    path = baseline_path(folder, name)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(list_baselines(folder)) or "none"
        raise UnknownBaseline(
            f"no baseline '{path.stem}' in {folder} (there are: {there})",
            f"Make one of stored runs: evalkit baseline set {path.stem} RUN...; or collect one: "
            f"evalkit baseline collect {path.stem} SUITE --repeat 8.",
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(f"{path}: damaged: {error}", _MAKE_ANEW) from error
    if isinstance(data, dict) and int(data.get("format", 0)) > FORMAT:
        raise StoreError(
            f"{path}: format {data['format']} is newer than this evalkit reads ({FORMAT})",
            "Use the evalkit that made the baseline, or a newer one.",
        )
    try:
        return _decode(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path}: damaged: {error!r}", _MAKE_ANEW) from error


_MAKE_ANEW = "Take it from git again, or make it anew with evalkit baseline set."


def write_baseline(folder: Path, baseline: Baseline) -> Path:
    """Put a baseline in place, whole or not at all. Raises StoreError."""
    path = baseline_path(folder, baseline.name)
    write_text(path, encode(baseline))
    return path


def list_baselines(folder: Path) -> list[str]:
    """The names of all baselines in a folder."""
    return sorted(path.stem for path in folder.glob("*.json") if not path.name.endswith(NIGHTS))


def remove_baseline(folder: Path, name: str) -> None:
    """Delete a baseline and what its nights added. Raises UnknownBaseline, StoreError."""
    read_baseline(folder, name)
    path = baseline_path(folder, name)
    try:
        path.unlink()
        path.with_name(path.stem + NIGHTS).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be deleted: {error.strerror or error}") from error


def encode(baseline: Baseline) -> str:
    """The file's text: the same baseline gives the same bytes."""
    data = asdict(baseline)
    variants = data.pop("variants")
    cases = data.pop("cases")
    lines = [f"{_json(key)}: {_json(data[key])}" for key in sorted(data)]
    lines.append('"cases": [\n' + ",\n".join(f"  {_json(case)}" for case in cases) + "\n ]")
    told = [f"  {_json(key)}: {_variant(one)}" for key, one in sorted(variants.items())]
    lines.append('"variants": {\n' + ",\n".join(told) + "\n }")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def _variant(data: Mapping[str, Any]) -> str:
    columns = data["columns"]
    parts = [f'"{name}": {_json(data[name])}' for name in sorted(data) if name != "columns"]
    rows = [
        f'    {_json(name)}: {{"sums": {_json(_folded(columns[name]["sums"]))}, '
        f'"counts": {_json(_folded(columns[name]["counts"]))}}}'
        for name in sorted(columns)
    ]
    return "{\n   " + ",\n   ".join([*parts, '"columns": {\n' + ",\n".join(rows) + "\n   }"]) + "}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))


def _folded(values: Sequence[float]) -> float | list[float]:
    """A column as short as it can be said: one number where all are the same."""
    short = [_short(value) for value in values]
    return short[0] if short and all(value == short[0] for value in short) else short


def _short(value: float) -> float:
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded


def _unfolded(values: Any, length: int) -> Iterator[Any]:
    if isinstance(values, list):
        if len(values) != length:
            raise ValueError(f"a column of {len(values)} for {length} cases")
        yield from values
    else:
        yield from (values for _ in range(length))


def _decode(data: Mapping[str, Any]) -> Baseline:
    cases = tuple((str(case), str(digest)) for case, digest in data["cases"])
    variants = {}
    for key, one in data["variants"].items():
        columns = {
            name: BankedColumn(
                tuple(float(value) for value in _unfolded(column["sums"], len(cases))),
                tuple(int(value) for value in _unfolded(column["counts"], len(cases))),
            )
            for name, column in one["columns"].items()
        }
        variants[key] = BankedVariant(**{**one, "models": tuple(one["models"]), "columns": columns})
    return Baseline(
        **{
            **data,
            "runs": tuple(BankedRun(**run) for run in data["runs"]),
            "cases": cases,
            "variants": variants,
        }
    )
