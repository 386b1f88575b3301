"""Judges of a suite checked, and the files they name read in, so that a stored suite is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.errors import Problem
from evalkit.suite.faults import problems_of
from evalkit.suite.judge_schema import JUDGE, judge_of
from evalkit.suite.schema import ScorerSpec, Suite
from evalkit.suite.source import Address, SourceMap

_FILES = (("rubric",), ("prompt",), ("prompt", "system"), ("prompt", "user"))


def read_judges(suite: Suite, source: SourceMap) -> tuple[Suite, list[Problem]]:
    """The suite with the files of its judges in it, and what is wrong with them."""
    scorers, problems = [], []
    for index, scorer in enumerate(suite.scorers):
        at: Address = ("scorers", index)
        if scorer.type == JUDGE:
            scorer, told = _with_files(scorer, source, at)
            problems += told or _faults(scorer, source, at)
        scorers.append(scorer)
    return suite.model_copy(update={"scorers": tuple(scorers)}), problems


def _with_files(
    scorer: ScorerSpec, source: SourceMap, at: Address
) -> tuple[ScorerSpec, list[Problem]]:
    options, problems = scorer.options, []
    for path in _FILES:
        holder, key = _holder(options, path)
        named = holder.get(key) if holder is not None else None
        if holder is None or not isinstance(named, dict) or set(named) != {"file"}:
            continue
        try:
            holder[key] = Path(str(named["file"])).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            told = str(error.strerror) if isinstance(error, OSError) else "not UTF-8"
            where = source.where((*at, *path, "file"))
            problems.append(Problem(where, f"cannot read {named['file']}: {told}"))
    whole = {**scorer.model_dump(include={"type", "name", "reduce", "k"}), **options}
    return ScorerSpec.model_validate(whole), problems


def _holder(options: dict[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any] | None, str]:
    """The mapping that holds the last part of a path, copied on the way, and that part."""
    at = options
    for part in path[:-1]:
        below = at.get(part)
        if not isinstance(below, dict):
            return None, path[-1]
        at[part] = at = dict(below)
    return at, path[-1]


def _faults(scorer: ScorerSpec, source: SourceMap, at: Address) -> list[Problem]:
    try:
        judge_of(scorer)
    except ValidationError as error:
        return problems_of(error, source, at)
    return []
