"""Estimates, gains and policies in words, for every page alike."""

from __future__ import annotations

from dataclasses import replace

from evalkit.analysis.agreement import Unanimity
from evalkit.analysis.leads import Lead
from evalkit.analysis.results import (
    Comparison,
    CurvePoint,
    Policy,
    SampleMetric,
    StepGain,
    ThinkingCurve,
    VariantSummary,
)
from evalkit.report import format as fmt
from evalkit.stats.estimates import Estimate

_FEW_BANDS = 6


def metric_name(metric: SampleMetric) -> str:
    """``pass@4``, ``pass^4``, ``majority@4``."""
    return f"{metric.name.removesuffix('k')}{metric.k}"


def points_per(ratio: Estimate | None, unit: str) -> str:
    """Points of score gained per unit: ``+40 (+25 to +55) points per 1,000 tokens``."""
    if ratio is None:
        return fmt.UNKNOWN
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return f"unbounded per {unit}"
    digits = fmt.digits_for(ratio)
    ends = f"{fmt.points(ratio.low, digits)} to {fmt.points(ratio.high, digits)}"
    return f"{fmt.points(ratio.value, digits)} points per {unit} ({ends})"


def gain_words(gain: StepGain) -> str:
    """What a step brings, in one line."""
    told = f"{fmt.difference(gain.score)} points"
    if gain.tokens is not None and gain.tokens.value is not None:
        sign = "" if gain.tokens.value < 0 else "+"
        tokens = f"{sign}{gain.tokens.value:,.0f}".replace("-", fmt.MINUS)
        told += f" for {tokens} {gain.token_kind} tokens: {points_per(gain.per_1k_tokens, '1,000')}"
    if gain.per_dollar is not None and gain.per_dollar.low is not None:
        # A cent is nearer to what a case costs than a dollar.
        told += f"; {points_per(_scaled(gain.per_dollar, 0.01), '$0.01')}"
    return told


def band_words(curve: ThinkingCurve) -> list[str]:
    """Every setting's band, where there are few: they hold for all at once."""
    bands = [(point.thinking.key, point.band) for point in curve.points if point.band is not None]
    if not 1 < len(bands) <= _FEW_BANDS:
        return []
    told = [
        f"{fmt.name(key)} {fmt.percent(low).rstrip('%')}–{fmt.percent(high)}"
        for key, (low, high) in bands
    ]
    return [f"all at once (max-T): {', '.join(told)}"]


def area_words(curve: ThinkingCurve) -> list[str]:
    """A curve as one figure, and how far it lies above other models'."""
    if curve.area is None:
        return []
    told = f"mean score over log cost: {fmt.score(curve.area)} ({fmt.interval(curve.area)})"
    for one in curve.against:
        interval = fmt.difference_interval(one.difference)
        told += (
            f"; {fmt.difference(one.difference)} points ({interval}) against {fmt.name(one.model)}"
            f" from {fmt.money(one.low_usd)} to {fmt.money(one.high_usd)} an answer"
        )
    return [told]


def policy_words(policy: Policy) -> str:
    """A policy's score and price beside the dearest setting's."""
    told = f"{fmt.score(policy.score)} ({fmt.interval(policy.score) or 'no interval'})"
    if policy.cost_usd is not None:
        told += f" at {fmt.money(policy.cost_usd)} a case"
        if policy.dearest_cost_usd:
            told += f", {fmt.percent(policy.cost_usd / policy.dearest_cost_usd)} of the dearest's"
    return f"{told}; against it {fmt.difference(policy.against_dearest)} points"


def cost_words(one: VariantSummary | CurvePoint) -> str:
    """What a variant cost; nothing is known where nothing came back."""
    if one.cost_usd is None and not one.n_answered:
        return fmt.UNKNOWN
    return fmt.money(one.cost_usd)


def needs_words(one: Comparison) -> str:
    """What would settle a comparison: ``1,200 more``, ``9 samples``, or nothing.

    Cases that the dataset does not have are ``new``. Trials that are missing come first: without
    them more cases settle nothing.
    """
    if not one.is_measured:
        return "missing trials"
    if one.needs_cases:
        return f"{fmt.roughly(one.needs_cases)} more"
    if one.needs_samples:
        return fmt.count(one.needs_samples, "sample")
    return f"{fmt.roughly(one.lacks_cases)} new" if one.lacks_cases else ""


def amount_change(change: Estimate | None, kind: str) -> str:
    """A change in seconds or dollars with its interval: ``+1.2 s (+0.8 s to +1.6 s)``."""
    if change is None or change.value is None:
        return ""
    write = fmt.seconds if kind == "seconds" else fmt.money

    def signed(value: float) -> str:
        written = write(abs(value))
        if written.startswith("<"):
            return "0 ms" if kind == "seconds" else "$0"
        return f"{fmt.MINUS if value < 0 else '+'}{written}"

    if change.low is None or change.high is None:
        return signed(change.value)
    return f"{signed(change.value)} ({signed(change.low)} to {signed(change.high)})"


def finding_words(one: Lead) -> str:
    """A lead's difference with its adjusted p-value."""
    interval = fmt.difference_interval(one.difference)
    return (
        f"{fmt.difference(one.difference)} points ({interval}), "
        f"p adjusted {fmt.p_value(one.p_adjusted)}"
    )


def unanimity_words(told: Unanimity) -> str:
    """What all variants together solve and fail."""
    if not told.n_cases:
        return "No case has a score of every variant."
    if told.n_cases == 1:
        every, none = bool(told.n_all_right), bool(told.n_none_right)
        which = "every variant" if every else "no variant" if none else "some variants"
        return f"The one case is right under {which}."
    return (
        f"Of {fmt.count(told.n_cases, 'case')}, {told.n_all_right:,} are right under every "
        f"variant and {told.n_none_right:,} under none."
    )


def _scaled(ratio: Estimate, factor: float) -> Estimate:
    def by(value: float | None) -> float | None:
        return None if value is None else value * factor

    return replace(ratio, value=by(ratio.value), low=by(ratio.low), high=by(ratio.high))
