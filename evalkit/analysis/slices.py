"""Every comparison on the cases of every tag: leads for a closer look, not results.

Over so many tests the share of false findings is what can be held down: Benjamini and Hochberg at
10 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.leads import TagDifference
from evalkit.analysis.matching import Match
from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import CaseScores
from evalkit.analysis.trials import Cases, Trials
from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.multiplicity import benjamini_hochberg
from evalkit.stats.paired import Paired, pair

FALSE_FINDINGS = 0.10
"""At most this share of what is called a finding is expected to be chance."""
MAX_TESTS = 2_000


def tag_differences(
    trials: Trials, scores: CaseScores, matches: Sequence[Match], options: Options
) -> tuple[TagDifference, ...]:
    """The differences that have enough cases for a test, the smallest p-value first.

    A tag that all cases carry says nothing of its own and is left out.
    """
    n_cases = len(trials.cases.ids)
    tested: list[tuple[str, Match, Paired]] = []
    for tag, members in trials.cases.tags.items():
        for match in matches if len(members) < n_cases else ():
            paired = _paired(trials.cases, scores, members, match)
            if paired is not None and paired.units >= MIN_UNITS and len(tested) < MAX_TESTS:
                tested.append((tag, match, paired))
    p_values = [paired.p_value() for _, _, paired in tested]
    adjusted = benjamini_hochberg(p_values)
    found = [
        TagDifference(
            tag=tag,
            baseline=trials.variants[match.baseline].key,
            candidate=trials.variants[match.candidate].key,
            difference=paired.estimate(options.confidence),
            p_value=p,
            p_adjusted=q,
            is_finding=q < FALSE_FINDINGS,
        )
        for (tag, match, paired), p, q in zip(tested, p_values, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: one.p_value))


def _paired(cases: Cases, scores: CaseScores, members: IntArray, match: Match) -> Paired | None:
    def on_tag(row: int) -> FloatArray:
        only = np.full(len(cases.ids), np.nan)
        only[members] = scores.mean[row][members]
        return only

    return pair(*differences(cases, on_tag(match.candidate), on_tag(match.baseline)))
