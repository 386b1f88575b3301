"""What is found beside the verdicts: where to look closer, never a result by itself."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.stats.estimates import Estimate

FALSE_FINDINGS = 0.10
"""At most this share of what is called a finding is expected to be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A comparison that no verdict was asked of.

    ``p_adjusted`` is Benjamini and Hochberg's over all of its kind; ``is_finding``: it is below
    ``FALSE_FINDINGS``.
    """

    baseline: str
    candidate: str
    difference: Estimate
    p_value: float
    p_adjusted: float
    is_finding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDifference(Lead):
    """A comparison on the cases of one tag."""

    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerDifference(Lead):
    """A comparison by another scorer than the leading one."""

    scorer: str
