"""Baselines: small files that say what a suite scored, case by case, in one run or several.

A baseline stands by itself: its runs may be deleted. The file is JSON in a fixed order, one line a
column, so that it can be kept in git: ``baselines/NAME.json`` beside the suite. What a night adds
stands in ``NAME.nights.json``, which belongs to one job and not into git.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError, UsageError
from evalkit.store.files import write_text

FORMAT = 1
NIGHTS = ".nights.json"
AMOUNTS = ("cost_usd", "output_tokens", "thinking_tokens")
"""The banked measures that are no shares: they may exceed 1."""
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
    false_alarms: Mapping[str, Mapping[str, int | float]] = field(default_factory=dict)


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
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
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
        told = "git left the marks of a merge in it" if _is_unmerged(path) else str(error)
        raise StoreError(f"{path}: damaged: {told}", _MAKE_ANEW) from error
    found_format = data.get("format") if isinstance(data, dict) else None
    if isinstance(found_format, int) and found_format > FORMAT:
        raise StoreError(
            f"{path}: format {found_format} is newer than this evalkit reads ({FORMAT})",
            "Use the evalkit that made the baseline, or a newer one.",
        )
    try:
        # The file's name is the baseline's: a copy under another name is another baseline.
        return replace(decode(data), name=path.stem)
    except ValueError as error:
        raise StoreError(f"{path}: damaged: {error}", _MAKE_ANEW) from error


_MAKE_ANEW = "Take it from git again, or make it anew with evalkit baseline set."


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _is_unmerged(path: Path) -> bool:
    return b"\n<<<<<<< " in b"\n" + path.read_bytes()


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


def decode(data: Any) -> Baseline:
    """The baseline that was written as this. Raises ValueError that says what is wrong where."""
    try:
        n = len(data["cases"])
        for variant in data["variants"].values():
            for column in variant["columns"].values():
                column["sums"] = _unfolded(column["sums"], n)
                column["counts"] = _unfolded(column["counts"], n)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not laid out as a baseline ({error!r})") from error
    from pydantic import TypeAdapter, ValidationError

    try:
        baseline = TypeAdapter(Baseline).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ValueError(f"{place}: {first['msg']}") from error
    _check(baseline)
    return baseline


def _unfolded(values: Any, length: int) -> list[Any]:
    if not isinstance(values, list):
        return [values] * length
    if len(values) != length:
        raise ValueError(f"a column of {len(values)} for {length} cases")
    return values


def _check(baseline: Baseline) -> None:
    """What holds of every bank, and may not after an edit by hand. Raises ValueError."""
    if not baseline.runs:
        raise ValueError("it names no run")
    ids = Counter(case for case, _ in baseline.cases)
    case, times = ids.most_common(1)[0] if ids else ("", 0)
    if times > 1:
        raise ValueError(f"it holds the case {case} twice")
    for key, variant in baseline.variants.items():
        for name, column in variant.columns.items():
            is_share = name not in AMOUNTS
            for total, count in zip(column.sums, column.counts, strict=True):
                if count < 0 or total < 0 or (is_share and total > count * (1 + 1e-5)):
                    raise ValueError(
                        f"{key}, {name}: {total:g} cannot be the sum of {count} values"
                    )
