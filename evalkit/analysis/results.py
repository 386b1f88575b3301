"""What analysis concludes, as plain values: the vocabulary of every report and gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from evalkit.analysis.leads import ScorerDifference, TagDifference
from evalkit.stats.estimates import Estimate
from evalkit.types import Thinking

if TYPE_CHECKING:
    from evalkit.stats.sampling import VarianceSplit

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
Axis = Literal["thinking", "prompt", "model", "run"]


@dataclass(frozen=True, slots=True)
class SampleMetric:
    """pass@k, pass^k or majority@k; ``n_left_out`` cases have fewer than ``k`` samples."""

    name: Literal["pass@k", "pass^k", "majority@k"]
    k: int
    value: Estimate
    n_left_out: int


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One scorer on one variant. ``outcomes`` adds up to the number of trials asked.

    In ``mean`` a model error counts as 0 and an infrastructure error is missing; ``answered_only``
    leaves both out, ``bounds`` are the means with everything missing at 0 and at 1. ``samples``
    and ``variance`` need several samples of a case; ``samples_range`` is the fewest and the most
    that a case has. ``reduction`` is what its samples make where not their mean, as ``pass@4``.
    ``detectable`` is the smallest distance from a fixed value that 80 % of such
    runs would find. ``score_range`` is what 0 and 1 are on the scorer's own scale, if it has one.
    """

    scorer: str
    mean: Estimate
    outcomes: Mapping[OutcomeClass, int]
    cost_per_right_usd: float | None = None
    answered_only: float | None = None
    bounds: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    samples: tuple[SampleMetric, ...] = ()
    samples_range: tuple[int, int] | None = None
    variance: VarianceSplit | None = None
    detectable: float | None = None
    cost_per_right: Estimate | None = None
    reduction: str | None = None
    score_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One variant: scores, cost, time and tokens. Means and quantiles are over answered trials.

    Three clocks stand apart: ``queued`` (waiting for room), ``backoff`` (waiting after errors) and
    ``elapsed`` (in service, the only one that speeds are compared by).
    """

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
    elapsed_p50: Estimate | None = None
    elapsed_p95: Estimate | None = None
    queued_p50_s: float | None = None
    backoff_mean_s: float | None = None
    cost_each: Estimate | None = None
    n_repeats: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate minus baseline on one scorer, paired by case.

    ``needs_cases`` is how many more cases would settle it; ``notes`` are sentences for people.
    ``axis`` is what the two differ in (None: in more than one thing). ``p_value`` belongs to the
    interval and decides; ``p_check`` comes from another method, named in ``p_check_method``.
    ``detectable`` is the smallest true difference that would be found in 80 % of such runs.
    ``n_missing`` counts the trials of both that no score could be had for. ``needs_samples`` is how
    many samples of every case would settle it where there are no more cases; ``n_identical`` counts
    the cases on which both hold one and the same stored answer. ``elapsed_s`` (service time) and
    ``cost_usd`` are mean differences an answer, on the same cases; ``confounds`` names what differs
    besides the axis. ``mean_gain`` and ``mean_loss`` are the positive and the negative part of the
    difference, ``correlation`` is that of both scores over cases (None where one does not vary).
    ``failures`` is the difference in the share of failed trials, with its ``p_failures``;
    ``corrected`` the difference that human labels make of a judge's. ``is_measured`` says that few
    enough trials are missing for a verdict, ``is_fragile`` that those missing could overturn it;
    ``lacks_cases`` is how many cases more than the dataset has it would take. ``bounds`` are the
    differences with everything missing at its worst and at its best for the candidate.
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
    is_paired: bool = True
    needs_samples: int | None = None
    n_identical: int = 0
    elapsed_s: Estimate | None = None
    cost_usd: Estimate | None = None
    confounds: tuple[str, ...] = ()
    mean_gain: float | None = None
    mean_loss: float | None = None
    correlation: float | None = None
    failures: Estimate | None = None
    p_failures: float | None = None
    corrected: Estimate | None = None
    is_measured: bool = True
    is_fragile: bool = False
    lacks_cases: int | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One thinking setting on a curve.

    ``budget_used`` is the share of the budget that measured thinking took, where both are known.
    ``thinking`` was asked for, ``sent`` is how the request said it, and ``n_thinking`` of
    ``n_answered`` answers show any. ``isotonic`` is the rising line through the scores, ``band``
    holds for all settings at once, ``front_share`` says how often resampling puts the point on the
    front of score against cost (output tokens where a price is unknown). ``within_budget`` is the
    share of answers whose measured thinking kept within the budget.
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
    sent: str | None = None
    n_answered: int = 0
    n_thinking: int | None = None
    isotonic: float | None = None
    band: tuple[float, float] | None = None
    is_on_front: bool | None = None
    front_share: float | None = None
    within_budget: float | None = None


@dataclass(frozen=True, slots=True)
class StepGain:
    """What the step from a setting to the next dearer one brings.

    ``tokens`` is the change in measured ``token_kind`` tokens an answer; the ratios carry Fieller
    intervals and have none where the denominator cannot be told from 0.
    """

    cheaper: str
    dearer: str
    score: Estimate
    tokens: Estimate | None
    token_kind: Literal["thinking", "output"]
    per_1k_tokens: Estimate | None
    per_dollar: Estimate | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to use several settings, priced from stored answers. Costs are means a case."""

    name: str
    about: str
    score: Estimate
    against_dearest: Estimate
    cost_usd: float | None
    dearest_cost_usd: float | None


@dataclass(frozen=True, slots=True)
class AreaDifference:
    """How much a curve lies above that of another ``model``, on the costs that both cover.

    ``low_usd`` to ``high_usd`` is what an answer costs there.
    """

    model: str
    difference: Estimate
    low_usd: float
    high_usd: float


@dataclass(frozen=True, slots=True)
class ThinkingCurve:
    """Score against thinking for one prompt and model, cheapest setting first.

    ``recommended`` is a thinking key, ``sentence`` the recommendation and why, for people.
    ``scaling_per_1k`` (mean slope over all pairs of settings), ``control`` (share of budgeted
    answers that kept within the budget) and ``performance`` (the best score) are those of s1.
    ``area`` is the mean score over the logarithm of cost, from the cheapest setting to the dearest;
    ``against`` holds it against the same prompt's on other models.
    """

    prompt: str
    model: str
    scorer: str
    points: tuple[CurvePoint, ...]
    recommended: str | None
    sentence: str
    notes: tuple[str, ...] = ()
    gains: tuple[StepGain, ...] = ()
    policies: tuple[Policy, ...] = ()
    scaling_per_1k: float | None = None
    control: float | None = None
    performance: float | None = None
    area: Estimate | None = None
    against: tuple[AreaDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class TagScore:
    """One variant's mean on the cases that carry one tag."""

    tag: str
    variant: str
    mean: Estimate


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Votes and models of one judge (raters) against each other, on answers two of them graded.

    ``same`` is the share of answers on which all say the same. ``alpha`` is Krippendorff's, for
    interval data; None where all ratings are alike.
    """

    n_raters: int
    n_answers: int
    same: Estimate
    alpha: float | None
    alpha_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class PositionBias:
    """A pairwise judge asked in both orders.

    ``bias`` is how much better an answer fares shown first than shown second (-1 to 1; 0: none),
    ``same`` the share of pairs whose verdict does not depend on the order, ``ties`` that of ties.
    """

    n_pairs: int
    bias: Estimate
    same: Estimate
    ties: float


@dataclass(frozen=True, slots=True)
class JudgeQuality:
    """How far a judge can be trusted by its own verdicts. Questions are different ones.

    ``n_unread`` have no value (no answer came, or none that could be read), ``n_repaired`` took a
    second request. ``cost_usd`` is the judge's own, no part of any variant's.
    """

    scorer: str
    models: tuple[str, ...]
    n_answers: int
    n_questions: int
    n_unread: int
    n_repaired: int
    agreement: RaterAgreement | None = None
    position: PositionBias | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeCheck:
    """A judge, or whichever ``scorer``, against human labels of some cases of one variant.

    ``sensitivity`` is how much of the good it calls good, ``specificity`` how much of the bad it
    calls bad. ``corrected`` is the mean that humans would have given (PPI++), ``weight`` how far
    the judge was trusted for it. Labelled cases must be a random part of all.
    """

    variant: str
    n_labels: int
    agreement: Estimate
    kappa: float | None
    kappa_interval: tuple[float, float] | None
    ac1: float | None
    ac1_interval: tuple[float, float] | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    corrected: Estimate
    weight: float
    scorer: str = ""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything concluded about one run, or several together, on one leading scorer."""

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
    tag_differences: tuple[TagDifference, ...] = ()
    scorer_differences: tuple[ScorerDifference, ...] = ()
    seed: int | None = None
    judged: tuple[JudgeCheck, ...] = ()
    judges: tuple[JudgeQuality, ...] = ()
