"""Names in a suite to scorers."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable

from evalkit.errors import Problem
from evalkit.scorers.number import Number
from evalkit.scorers.scorer import Scorer
from evalkit.scorers.text import Exact
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import ScorerSpec

_SCORERS: dict[str, type[Exact] | type[Number]] = {"exact": Exact, "number": Number}


def build_scorer(spec: ScorerSpec) -> Scorer:
    """The scorer a suite names; raises ValueError, in words for the user, if it cannot be."""
    kind = _SCORERS.get(spec.type)
    if kind is None:
        near = difflib.get_close_matches(spec.type, _SCORERS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(_SCORERS)}"
        raise ValueError(f"no scorer is called '{spec.type}'; {hint}")
    accepted = {field.name: field.type for field in dataclasses.fields(kind)}
    for name in ("name", "needs_target"):
        accepted.pop(name)
    for option, value in spec.options.items():
        if option not in accepted:
            raise ValueError(
                f"the scorer '{spec.type}' has no option '{option}'; "
                f"there are: {', '.join(accepted) or 'none'}"
            )
        if not _CHECKS[str(accepted[option])](value):
            raise ValueError(f"the option '{option}' is a {accepted[option]}, found {value!r}")
    return kind(name=spec.name, **spec.options)


_CHECKS: dict[str, Callable[[object], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def scorer_problems(loaded: LoadedSuite) -> list[Problem]:
    """Unknown scorers and options, and scorers that need a target nobody gave."""
    problems = []
    for index, spec in enumerate(loaded.suite.scorers):
        where = loaded.source.where(("scorers", index))
        try:
            scorer = build_scorer(spec)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        if scorer.needs_target and loaded.suite.dataset.target is None:
            advice = "name the column with the right answer: dataset.target"
            problems.append(Problem(where, f"'{scorer.name}' needs a target; {advice}"))
    return problems
