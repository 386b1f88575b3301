"""What is found beside the verdicts: where to look closer, never a result by itself."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.stats.estimates import Estimate


@dataclass(frozen=True, slots=True)
class TagDifference:
    """A comparison on the cases of one tag.

    ``p_adjusted`` is Benjamini and Hochberg's over all of them; ``is_finding``: below 10 %.
    """

    tag: str
    baseline: str
    candidate: str
    difference: Estimate
    p_value: float
    p_adjusted: float
    is_finding: bool


@dataclass(frozen=True, slots=True)
class ScorerDifference:
    """A comparison by another scorer than the leading one: no verdict, a lead.

    ``p_adjusted`` is Benjamini and Hochberg's over all of them; ``is_finding``: below 10 %.
    """

    scorer: str
    baseline: str
    candidate: str
    difference: Estimate
    p_value: float
    p_adjusted: float
    is_finding: bool
