"""A suite file and the command line's overrides become a Suite, or every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import ConfigError
from evalkit.suite.faults import find_secrets, validate
from evalkit.suite.judge_files import read_judges
from evalkit.suite.layers import read_layers
from evalkit.suite.overrides import apply_overrides
from evalkit.suite.prompt_files import read_prompts
from evalkit.suite.schema import Suite
from evalkit.suite.source import SourceMap


@dataclass(frozen=True, slots=True)
class LoadedSuite:
    """A suite, the text it came from and where each value stands in it."""

    suite: Suite
    source: SourceMap
    text: str


def load_suite(
    path: Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> LoadedSuite:
    """Read, override, check and resolve a suite file.

    ``overrides`` are ``path=value`` strings; the value is YAML. ``env`` (default: the process's)
    fills in ``${NAME}``. A relative ``path`` or ``file`` in the file is relative to the file, on
    the command line to the current folder. Raises ConfigError with every problem found, UsageError
    for an override that is not ``path=value``, DatasetError for examples that cannot be read.
    """
    data, source, problems = read_layers(path, os.environ if env is None else env)
    apply_overrides(data, overrides)
    data.setdefault("name", path.stem)
    problems += find_secrets(data, source)
    suite, faults = validate(data, source)
    problems += faults
    if suite is not None:
        suite, faults = read_prompts(suite, source, path.parent)
        problems += faults
        suite, faults = read_judges(suite, source)
        problems += faults
    if problems or suite is None:
        raise ConfigError(problems, f"Nothing was sent. Mend {source.path} and run again.")
    return LoadedSuite(suite, source, path.read_text(encoding="utf-8-sig"))
