"""Every comparison on every tag, and by every scorer that does not lead: leads, not results.

A verdict is for all cases and for the one scorer that was chosen. Over so many other tests only
the share of false findings can be held down: Benjamini and Hochberg at 10 %, for either kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.leads import FALSE_FINDINGS, Lead, ScorerDifference, TagDifference
from evalkit.analysis.matching import Match
from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import CaseScores
from evalkit.analysis.summary import Scored
from evalkit.analysis.trials import Cases, Trials
from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.multiplicity import benjamini_hochberg
from evalkit.stats.paired import Paired, pair

MAX_TESTS = 2_000

_Lead = TypeVar("_Lead", bound=Lead)
_Pairs = Iterator[tuple[str, Match, Paired | None]]
"""The tag or the scorer, the variants, and their pairs, if there are any."""


def tag_differences(
    trials: Trials, scores: CaseScores, matches: Sequence[Match], options: Options
) -> tuple[TagDifference, ...]:
    """The differences that have enough cases for a test, the smallest p-value first.

    A tag that all cases carry says nothing of its own and is left out.
    """
    n_cases = len(trials.cases.ids)
    pairs = (
        (tag, match, _paired(trials.cases, scores, match, members))
        for tag, members in trials.cases.tags.items()
        if len(members) < n_cases
        for match in matches
    )
    return _tested(lambda tag, **found: TagDifference(tag=tag, **found), pairs, trials, options)


def scorer_differences(
    trials: Trials,
    scored: Mapping[str, Scored],
    leading: str | None,
    matches: Sequence[Match],
    options: Options,
) -> tuple[ScorerDifference, ...]:
    """The differences that have enough paired cases for a test, the smallest p-value first."""
    pairs = (
        (name, match, _paired(trials.cases, one.cases, match))
        for name, one in scored.items()
        if name != leading
        for match in matches
    )
    return _tested(
        lambda name, **found: ScorerDifference(scorer=name, **found), pairs, trials, options
    )


def _paired(
    cases: Cases, scores: CaseScores, match: Match, members: IntArray | slice = slice(None)
) -> Paired | None:
    """The pairs of two variants, of all cases or of some."""

    def of_members(row: int) -> FloatArray:
        only = np.full(len(cases.ids), np.nan)
        only[members] = scores.mean[row][members]
        return only

    return pair(*differences(cases, of_members(match.candidate), of_members(match.baseline)))


def _tested(
    lead: Callable[..., _Lead], pairs: _Pairs, trials: Trials, options: Options
) -> tuple[_Lead, ...]:
    """The leads among these pairs, each made by ``lead`` from what it is of and what was found."""
    enough = ((of, match, paired) for of, match, paired in pairs if paired is not None)
    tested = list(islice((one for one in enough if one[2].units >= MIN_UNITS), MAX_TESTS))
    p_values = [paired.p_value() for _, _, paired in tested]
    found = [
        lead(
            of,
            baseline=trials.variants[match.baseline].key,
            candidate=trials.variants[match.candidate].key,
            difference=paired.estimate(options.confidence),
            p_value=p,
            p_adjusted=adjusted,
            is_finding=adjusted < FALSE_FINDINGS,
        )
        for (of, match, paired), p, adjusted in zip(
            tested, p_values, benjamini_hochberg(p_values), strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: one.p_value))
