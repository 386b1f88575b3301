"""A suite file and the command line's overrides become a Suite, or every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import ConfigError, Problem
from evalkit.suite.faults import problems_at, validate, without
from evalkit.suite.judge_files import read_judges
from evalkit.suite.layers import read_layers
from evalkit.suite.overrides import apply_overrides
from evalkit.suite.prompt_files import read_prompts
from evalkit.suite.schema import Suite
from evalkit.suite.secrets import find_secrets
from evalkit.suite.source import SourceMap


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite, the text it came from and where each value stands in it."""

    suite: Suite
    source: SourceMap
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A suite file as far as it can be understood.

    With ``problems``, ``loaded`` is what remains without the parts at fault, if anything does, so
    that faults of other kinds can be told together with them; it is not to be run.
    """

    loaded: LoadedSuite | None
    problems: tuple[Problem, ...] = ()


def load_suite(
    path: Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> LoadedSuite:
    """Read, override, check and resolve a suite file.

    ``overrides`` are ``path=value`` strings; the value is YAML. ``env`` (default: the process's)
    fills in ``${NAME}``. A relative ``path`` or ``file`` in the file is relative to the file, on
    the command line to the current folder. Raises ConfigError with every problem found, UsageError
    for an override that is not ``path=value``.
    """
    draft = read_suite(path, overrides, env)
    if draft.problems or draft.loaded is None:
        raise ConfigError(draft.problems, f"Nothing was sent. Mend {path} and run again.")
    return draft.loaded


def read_suite(
    path: Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Draft:
    """A suite file with everything that is wrong with it.

    Raises ConfigError for a file that is no YAML or cannot be read, UsageError for an override
    that is not ``path=value``.
    """
    data, source, problems = read_layers(path, os.environ if env is None else env)
    source = source.with_typed(apply_overrides(data, overrides))
    data.setdefault("name", path.stem)
    secrets = find_secrets(data, source)
    suite, faults = validate(data)
    told = {at: messages for at, messages in faults.items() if at not in secrets}
    problems += [*secrets.values(), *problems_at(told, source)]
    if suite is None:
        suite, moved = without(data, faults)
        source = source.with_moved(moved)
    if suite is None:
        return Draft(None, tuple(problems))
    suite, found = read_prompts(suite, source, path.parent)
    problems += found
    suite, found = read_judges(suite, source)
    problems += found
    loaded = LoadedSuite(suite, source, path.read_text(encoding="utf-8-sig"))
    return Draft(loaded, tuple(problems))
