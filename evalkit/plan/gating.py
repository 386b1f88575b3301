"""What a suite's gate and report name that is not there: scorers, tags, variants."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from evalkit.errors import ConfigError, Problem
from evalkit.plan.cells import plan_cells
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import Suite
from evalkit.suite.source import Address
from evalkit.types import Case

_SHOWN = 6
# Tags may be as many as cases; so many are remembered for the message.
_MOST_TAGS = 1000


def gate_faults(suite: Suite) -> Iterator[tuple[Address, str]]:
    """Rules about scorers that the suite does not have, variants that it does not ask."""
    scorers = [spec.name for spec in suite.scorers]
    for index, rule in enumerate(suite.gate.rules):
        at = ("gate", "rules", index)
        if rule.scorer is not None and rule.scorer not in scorers:
            told = f"no scorer is called '{rule.scorer}'; {near(rule.scorer, scorers)}"
            yield (*at, "scorer"), told
        if rule.tags and not suite.dataset.tags:
            yield (*at, "tags"), "no case carries tags; name their columns: dataset.tags"
    keys = [cell.key for cell in plan_cells(suite)]
    for glob in suite.gate.variants:
        if not any(fnmatchcase(key, glob) for key in keys):
            yield ("gate", "variants"), f"'{glob}' matches no variant; {near(glob, keys)}"
    baseline = suite.report.baseline
    if baseline is not None and baseline not in keys:
        yield ("report", "baseline"), f"no variant is called '{baseline}'; {near(baseline, keys)}"


def near(name: str, names: Sequence[str]) -> str:
    """The name that may have been meant, or those there are."""
    found = difflib.get_close_matches(name, names, n=1)
    if found:
        return f"did you mean '{found[0]}'?"
    if not names:
        return "there are none"
    return f"there are: {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"


class TagCheck:
    """Whether the tags that rules name are carried by any case, noted as the cases pass.

    A dataset that is cut short (``limit``, ``sample``) may lack a tag by chance, and is not held
    to it.
    """

    def __init__(self, loaded: LoadedSuite) -> None:
        self._source = loaded.source
        dataset, rules = loaded.suite.dataset, loaded.suite.gate.rules
        is_whole = dataset.limit is None and dataset.sample is None
        self._missing = {
            (index, glob)
            for index, rule in enumerate(rules if is_whole else ())
            for glob in rule.tags
        }
        self._seen: dict[str, None] = {}

    def note(self, case: Case) -> None:
        """Note the tags of the next case."""
        for tag in case.tags if self._missing else ():
            if tag not in self._seen:
                self._missing = {pair for pair in self._missing if not fnmatchcase(tag, pair[1])}
                if len(self._seen) < _MOST_TAGS:
                    self._seen[tag] = None

    def settle(self) -> None:
        """After the last case: raises ConfigError for rules about tags that none carries."""
        problems = [
            Problem(
                self._source.where(("gate", "rules", index, "tags")),
                f"no case carries the tag '{glob}'; {near(glob, list(self._seen))}",
            )
            for index, glob in sorted(self._missing)
        ]
        if problems:
            raise ConfigError(problems, "Nothing was sent.")
