"""Names in a suite to scorers."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import ConfigError, Problem
from evalkit.scorers.apart import Apart, Origin
from evalkit.scorers.scorer import Scorer
from evalkit.scorers.user import check_place, plugin_names, range_of
from evalkit.suite.judge_schema import JUDGE
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import ScorerSpec, Suite

# Modules are imported when a suite names one of theirs.
_SCORERS = {
    "exact": ("text", "Exact"),
    "number": ("number", "Number"),
    "math": ("math", "Math"),
    "includes": ("text", "Includes"),
    "excludes": ("text", "Excludes"),
    "starts_with": ("text", "StartsWith"),
    "ends_with": ("text", "EndsWith"),
    "similarity": ("text", "Similarity"),
    "regex": ("pattern", "Regex"),
    "multiple_choice": ("choice", "MultipleChoice"),
    "yes_no": ("yes_no", "YesNo"),
    "json": ("json_schema", "Json"),
    "json_equal": ("structure", "JsonEqual"),
    "fields": ("structure", "Fields"),
    "yaml": ("structure", "Yaml"),
    "xml_tag": ("structure", "XmlTag"),
    "tool_call": ("structure", "ToolCall"),
    "code": ("code", "Code"),
    "latency": ("limits", "Latency"),
    "cost": ("limits", "Cost"),
    "length": ("limits", "Length"),
    "thinking_tokens": ("limits", "ThinkingTokens"),
    "stop_reason": ("limits", "StopReason"),
    "refusal": ("limits", "Refusal"),
}
# These say how good an answer is, but not what it says.
_WITHOUT_ANSWERS = (
    *("includes", "excludes", "starts_with", "ends_with"),
    *("yaml", "code", "refusal", "judge"),
)
_USER_TIMEOUT_S = 60.0
_MEMORY_MB = 4096
_PATIENCE_S = 60.0


def scorer_names() -> list[str]:
    """The names of evalkit's own scorers, but for judges."""
    return list(_SCORERS)


def scorer_kind(name: str) -> type[Any]:
    """The class behind the name of one of evalkit's own scorers; its fields are the options."""
    module, kind_name = _SCORERS[name]
    kind: type[Any] = getattr(importlib.import_module(f"evalkit.scorers.{module}"), kind_name)
    return kind


def build_scorer(spec: ScorerSpec) -> Scorer:
    """The scorer a suite names; raises ValueError, in words for the user, if it cannot be."""
    options = spec.options
    if spec.type == "python":
        place = str(options.pop("python", ""))
        check_place(place)
        return _apart("file", place, spec.name, options)
    if spec.type not in _SCORERS:
        if spec.type not in plugin_names():
            raise ValueError(_unknown(spec.type))
        return _apart("plugin", spec.type, spec.name, options)
    try:
        kind = scorer_kind(spec.type)
        checked = _checked(spec, kind)
        scorer: Scorer = kind(name=spec.name, **checked)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the scorer '{spec.type}' needs the package {error.name}: pip install {error.name}"
        ) from error
    return _bounded(spec.type, scorer, checked) if hasattr(scorer, "is_quick") else scorer


def _apart(kind: str, place: str, name: str, options: dict[str, Any]) -> Apart:
    """A user's scorer, in a process of its own; it is loaded now, so that its faults are known."""
    timeout_s = options.pop("timeout_s", _USER_TIMEOUT_S)
    if not _is_number(timeout_s) or timeout_s <= 0:
        raise ValueError(f"timeout_s is a number of seconds, found {timeout_s!r}")
    range_of(dict(options))
    try:
        written = json.dumps(options, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"the options of '{name}' are not plain values: {error}") from None
    path = Path(place.rpartition(":")[0])
    changed = path.stat().st_mtime_ns if kind == "file" else 0
    return _loaded(Origin(kind, place, name, written), float(timeout_s), changed)


@functools.lru_cache(maxsize=16)
def _loaded(origin: Origin, timeout_s: float, changed: int) -> Apart:
    """One process a scorer, however often it is asked for, until its file is ``changed``."""
    scorer = Apart(origin, timeout_s)
    _ = scorer.needs_target
    return scorer


def _bounded(kind: str, scorer: Any, options: dict[str, Any]) -> Apart:
    """One of evalkit's own scorers, in processes of its own for what may take long."""
    if scorer.timeout_s <= 0:
        raise ValueError(f"timeout_s is more than 0, found {scorer.timeout_s:g}")
    if kind == "math" and importlib.util.find_spec("math_verify") is None:
        raise ValueError(
            "the scorer 'math' needs the package math-verify: pip install 'evalkit[math]'"
        )
    module, name = _SCORERS[kind]
    place = f"evalkit.scorers.{module}:{name}"
    origin = Origin("own", place, scorer.name, json.dumps(options), _MEMORY_MB)
    if kind == "math":  # always apart
        workers = max(1, min(8, os.cpu_count() or 1))
        return Apart(origin, scorer.timeout_s, workers=workers, here=scorer)
    return Apart(origin, scorer.timeout_s, here=scorer, patience_s=_PATIENCE_S)


def build_scorers(suite: Suite) -> list[Scorer]:
    """All scorers of a suite but judges, which must be asked.

    Raises ConfigError with everything that is wrong with them.
    """
    scorers, problems = [], []
    for index, spec in enumerate(suite.scorers):
        if spec.type == JUDGE:
            continue
        try:
            scorers.append(_permitted(build_scorer(spec), suite))
        except ValueError as error:
            problems.append(Problem(f"scorers[{index}]", str(error)))
    if problems:
        raise ConfigError(problems)
    return scorers


def notices(scorers: Iterable[Scorer]) -> list[str]:
    """What the user should know of scorers before they are used."""
    told = [getattr(scorer, "notice", None) for scorer in scorers]
    return [notice for notice in told if notice]


def _permitted(scorer: Scorer, suite: Suite) -> Scorer:
    if getattr(scorer, "runs_code", False) and not suite.allow_code:
        raise ValueError(
            f"'{scorer.name}' runs code that a model wrote; if you want that, say allow_code: true"
        )
    return scorer


def _unknown(name: str) -> str:
    known = ["python", *_SCORERS, JUDGE, *plugin_names()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"
    return f"no scorer is called '{name}'; {hint}"


def _checked(spec: ScorerSpec, kind: Any) -> dict[str, Any]:
    """The options of a spec, or ValueError for one that does not fit its field."""
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for name in ("name", "needs_target", "runs_code"):
        fields.pop(name, None)
    options: dict[str, Any] = {}
    for option, value in spec.options.items():
        if option not in fields:
            raise ValueError(
                f"the scorer '{spec.type}' has no option '{option}'; "
                f"there are: {', '.join(sorted(fields)) or 'none'}"
            )
        wanted = str(fields[option].type)
        if wanted == "tuple[str, ...]":
            value = tuple(value) if isinstance(value, list) else (value,)
        if not _CHECKS[wanted](value):
            raise ValueError(f"the option '{option}' is a {wanted}, found {value!r}")
        options[option] = value
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in options:
            raise ValueError(f"the scorer '{spec.type}' needs the option '{name}'")
    return options


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "str | None": lambda value: value is None or isinstance(value, str),
    "int": _is_int,
    "int | None": lambda value: value is None or _is_int(value),
    "float": _is_number,
    "float | None": lambda value: value is None or _is_number(value),
    "tuple[str, ...]": lambda value: all(isinstance(item, str) for item in value),
    "dict[str, Any]": lambda value: isinstance(value, dict),
    "dict[str, Any] | None": lambda value: value is None or isinstance(value, dict),
}


def _reduction_problems(spec: ScorerSpec, suite: Suite) -> Iterator[str]:
    if spec.k is not None and spec.k > suite.samples:
        yield (
            f"'{spec.name}' takes k: {spec.k} samples of a case, but there are only"
            f" {suite.samples}; ask for more with samples: {spec.k}"
        )
    if spec.reduce == "majority" and spec.type in _WITHOUT_ANSWERS:
        yield (
            f"'{spec.name}' reads no answer out that samples could vote for;"
            " a majority needs another scorer, such as number, exact or multiple_choice"
        )


def scorer_problems(loaded: LoadedSuite) -> list[Problem]:
    """Unknown scorers and options, and scorers that need a target nobody gave."""
    problems = []
    for index, spec in enumerate(loaded.suite.scorers):
        where = loaded.source.where(("scorers", index))
        problems += [Problem(where, told) for told in _reduction_problems(spec, loaded.suite)]
        if spec.type == JUDGE:
            continue
        try:
            scorer = _permitted(build_scorer(spec), loaded.suite)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        if scorer.needs_target and loaded.suite.dataset.target is None:
            advice = "name the column with the right answer: dataset.target"
            problems.append(Problem(where, f"'{scorer.name}' needs a target; {advice}"))
    return problems
