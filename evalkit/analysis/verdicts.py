"""What a gate concludes, as plain values: one result a rule, variant and tag, and one verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleOutcome = Literal["pass", "regression", "inconclusive", "unmeasured"]
GateVerdict = Literal["pass", "regression", "inconclusive", "unmeasured"]
Bound = Literal["max_drop", "min", "max", "max_increase"]

FACTS = ("failed", "completeness")
"""Measures of how a run went, not of what the model does."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule on one variant (and tag).

    ``value`` is what was seen, with its interval where there is one: the difference from the
    baseline for ``max_drop`` and ``max_increase`` of shares, else the measure itself. ``why`` and
    ``decides`` (what would settle it) are for people. ``units`` were planned, ``seen`` fed in the
    planned order, ``decided_at`` is the unit that proved it. ``e_pass`` and ``e_fail`` are the
    evidence of a sequential test, ``p_value`` that of what was concluded, ``worst_loss`` the loss
    that is excluded at ``1 - a_pass`` whenever one stops.
    """

    subject: str
    bound: Bound
    limit: float
    variant: str
    outcome: RuleOutcome
    why: str
    method: str
    tag: str | None = None
    decides: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    e_pass: float | None = None
    e_fail: float | None = None
    p_value: float | None = None
    worst_loss: float | None = None
    decided_at: int | None = None
    units: int = 0
    seen: int = 0
    n_missing: int = 0

    @property
    def name(self) -> str:
        """``number max_drop 0.02 [algebra]``, for people and test reports."""
        where = f" [{self.tag}]" if self.tag else ""
        return f"{self.subject.removeprefix('score:')} {self.bound} {self.limit:g}{where}"


def verdict_of(results: tuple[RuleResult, ...]) -> GateVerdict:
    """PASS needs every rule; one proven loss fails; what could not be measured decides nothing.

    Failed requests alone are no regression of the model: where too much is missing to measure the
    scores, that is what is told.
    """
    proven = [one for one in results if one.outcome == "regression"]
    if any(one.subject not in FACTS for one in proven):
        return "regression"
    if not results or any(one.outcome == "unmeasured" for one in results):
        return "unmeasured"
    if proven:
        return "regression"
    return "pass" if all(one.outcome == "pass" for one in results) else "inconclusive"
