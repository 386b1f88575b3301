"""What analysis concludes, as plain values: the vocabulary of every report and gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evalkit.stats.estimates import Estimate
from evalkit.types import Thinking

OutcomeClass = Literal[
    "right",
    "wrong",
    "partial",
    "truncated",
    "refused",
    "no_text",
    "model_error",
    "infra_error",
    "unscored",
    "not_run",
]
OUTCOME_CLASSES: tuple[OutcomeClass, ...] = (
    "right",
    "partial",
    "wrong",
    "truncated",
    "refused",
    "no_text",
    "model_error",
    "infra_error",
    "unscored",
    "not_run",
)

Verdict = Literal["superior", "inferior", "equivalent", "inconclusive", "too few"]
Axis = Literal["thinking", "prompt", "model"]


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One scorer on one variant. ``outcomes`` adds up to the number of trials asked.

    In ``mean`` a model error counts as 0 and an infrastructure error is missing; ``answered_only``
    leaves both out, ``bounds`` are the means with everything missing at 0 and at 1.
    """

    scorer: str
    mean: Estimate
    outcomes: Mapping[OutcomeClass, int]
    cost_per_right_usd: float | None = None
    answered_only: float | None = None
    bounds: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One variant: scores, cost, time and tokens. Means and quantiles are over answered trials."""

    variant: str
    prompt: str
    model: str
    thinking: Thinking
    n_asked: int
    n_answered: int
    n_failed: int
    n_truncated: int
    n_refused: int
    scores: Mapping[str, ScoreSummary]
    models_answered: tuple[str, ...] = ()
    cost_usd: float | None = None
    elapsed_p50_s: float | None = None
    elapsed_p95_s: float | None = None
    first_token_p50_s: float | None = None
    input_tokens_mean: float | None = None
    output_tokens_mean: float | None = None
    thinking_tokens_mean: float | None = None
    thinking_chars_mean: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate minus baseline on one scorer, paired by case.

    ``needs_cases`` is how many more cases would settle it; ``notes`` are sentences for people.
    ``axis`` is what the two differ in (None: in more than one thing). ``p_value`` belongs to the
    interval and decides; ``p_check`` comes from another method, named in ``p_check_method``.
    ``detectable`` is the smallest true difference that would be found in 80 % of such runs.
    ``n_missing`` counts the trials of both that no score could be had for.
    """

    scorer: str
    baseline: str
    candidate: str
    difference: Estimate
    verdict: Verdict
    margin: float
    n_pairs: int
    n_unpaired: int
    wins: int
    losses: int
    ties: int
    p_value: float | None
    p_adjusted: float | None
    needs_cases: int | None = None
    notes: tuple[str, ...] = ()
    axis: Axis | None = None
    p_check: float | None = None
    p_check_method: str | None = None
    detectable: float | None = None
    n_missing: int = 0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One thinking setting on a curve.

    ``budget_used`` is the share of the budget that measured thinking took, where both are known.
    """

    variant: str
    thinking: Thinking
    score: Estimate
    n_asked: int
    n_truncated: int
    cost_usd: float | None
    elapsed_p50_s: float | None
    output_tokens_mean: float | None
    thinking_tokens_mean: float | None
    budget_used: float | None = None


@dataclass(frozen=True, slots=True)
class ThinkingCurve:
    """Score against thinking for one prompt and model, cheapest setting first.

    ``recommended`` is a thinking key, ``sentence`` the recommendation and why, for people.
    """

    prompt: str
    model: str
    scorer: str
    points: tuple[CurvePoint, ...]
    recommended: str | None
    sentence: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagScore:
    """One variant's mean on the cases that carry one tag."""

    tag: str
    variant: str
    mean: Estimate


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything concluded about one run on one leading scorer."""

    scorers: tuple[str, ...]
    leading_scorer: str | None
    baseline: str | None
    margin: float
    n_cases: int
    variants: tuple[VariantSummary, ...]
    comparisons: tuple[Comparison, ...]
    curves: tuple[ThinkingCurve, ...]
    tags: tuple[TagScore, ...] = ()
    warnings: tuple[str, ...] = ()
