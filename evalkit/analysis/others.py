"""Every comparison by the scorers that do not lead: what else has changed, as leads.

A verdict is for the one scorer that was chosen. By the others, over all comparisons, the share of
false findings is held down: Benjamini and Hochberg at 10 %, as for tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.leads import ScorerDifference
from evalkit.analysis.matching import Match
from evalkit.analysis.options import Options
from evalkit.analysis.slices import FALSE_FINDINGS
from evalkit.analysis.summary import Scored
from evalkit.analysis.trials import Trials
from evalkit.stats.multiplicity import benjamini_hochberg
from evalkit.stats.paired import Paired, pair


def scorer_differences(
    trials: Trials,
    scored: Mapping[str, Scored],
    leading: str | None,
    matches: Sequence[Match],
    options: Options,
) -> tuple[ScorerDifference, ...]:
    """The differences that have enough paired cases for a test, the smallest p-value first."""
    tested: list[tuple[str, Match, Paired]] = []
    for name, one in scored.items():
        for match in matches if name != leading else ():
            means = one.cases.mean[match.candidate], one.cases.mean[match.baseline]
            paired = pair(*differences(trials.cases, *means))
            if paired is not None and paired.units >= MIN_UNITS:
                tested.append((name, match, paired))
    p_values = [paired.p_value() for _, _, paired in tested]
    found = [
        ScorerDifference(
            scorer=name,
            baseline=trials.variants[match.baseline].key,
            candidate=trials.variants[match.candidate].key,
            difference=paired.estimate(options.confidence),
            p_value=p,
            p_adjusted=adjusted,
            is_finding=adjusted < FALSE_FINDINGS,
        )
        for (name, match, paired), p, adjusted in zip(
            tested, p_values, benjamini_hochberg(p_values), strict=True
        )
    ]
    return tuple(sorted(found, key=lambda one: one.p_value))
