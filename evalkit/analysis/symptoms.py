"""What is odd about a thinking sweep: the evidence against taking its settings at their word."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.sweep import Sweep
from evalkit.analysis.wording import counted, in_points
from evalkit.stats.arrays import FloatArray
from evalkit.stats.distributions import critical
from evalkit.stats.jackknife import unit_mean
from evalkit.stats.multiplicity import holm

TRUNCATED = 0.05
"""From this share of cut answers on, truncation is named."""
SAME = 0.05
"""Token means (relative to the larger) and shares of thinking answers this close are alike."""
OVER_BUDGET = 1.1
"""Thinking beyond this multiple of the budget means that it is not enforced."""


def symptoms(sweep: Sweep) -> tuple[str, ...]:
    """Sentences for people, the gravest first."""
    return (
        *_overthinking(sweep),
        *_ignored_budgets(sweep),
        *_null_arms(sweep),
        *_truncation(sweep),
        *_stand_ins(sweep),
    )


def _overthinking(sweep: Sweep) -> Iterator[str]:
    """The dearest setting is proven worse than a cheaper one."""
    dearest = len(sweep) - 1
    found = [(one, sweep.paired(dearest, one)) for one in range(dearest)]
    tested = [(one, paired) for one, paired in found if paired and paired.units >= MIN_UNITS]
    adjusted = holm([paired.p_value() for _, paired in tested])
    for (one, paired), p in zip(tested, adjusted, strict=True):
        if paired.value < 0 and p < sweep.options.alpha:
            seen = paired.estimate(sweep.options.confidence)
            least, most = (100 * -(end or 0.0) for end in (seen.high, seen.low))
            yield (
                f"overthinking: {sweep.name(dearest)} scores"
                f" {in_points(round(-paired.value, 3))} ({least:.0f} to {most:.0f}) below"
                f" {sweep.name(one)}"
            )


def _ignored_budgets(sweep: Sweep) -> Iterator[str]:
    for position, point in enumerate(sweep.points):
        n_thought, n_answered = _thinking_answers(sweep, position)
        name = sweep.name(position)
        if point.thinking.mode == "off" and n_thought:
            yield f"{name}: {n_thought:,} of {counted(n_answered, 'answer')} show thinking anyway"
        if point.thinking.mode != "budget" or not n_answered:
            continue
        if not n_thought and not _takes_more_than_off(sweep, position):
            yield f"{name}: no sign of thinking, the server seems to ignore the setting"
        if (point.budget_used or 0.0) > OVER_BUDGET:
            yield (
                f"{name}: {point.thinking_tokens_mean or 0.0:,.0f} thinking tokens on average,"
                " the server does not seem to enforce the budget"
            )


def _thinking_answers(sweep: Sweep, position: int) -> tuple[int, int]:
    """How many of a setting's answers show any thinking, and how many there are."""
    answered = sweep.trials.is_answered & (sweep.trials.variant == sweep.rows[position])
    return int((answered & sweep.trials.has_thinking).sum()), int(answered.sum())


def _takes_more_than_off(sweep: Sweep, position: int) -> bool:
    """Whether answers are significantly longer than with thinking off (False: no such arm)."""
    if sweep.points[0].thinking.mode != "off":
        return False
    more = _token_change(sweep, sweep.output_tokens, position, 0)
    return more is not None and more[0] > more[1]


def _null_arms(sweep: Sweep) -> Iterator[str]:
    """Neighbouring settings that neither tokens nor scores tell apart."""
    for cheaper in range(len(sweep) - 1):
        dearer = cheaper + 1
        paired = sweep.paired(dearer, cheaper)
        if paired is None or paired.p_value() < sweep.options.alpha:
            continue
        alike = _alike_in_tokens(sweep, cheaper, dearer)
        if alike:
            yield (
                f"{sweep.name(cheaper)} and {sweep.name(dearer)} cannot be told apart: {alike},"
                f" no significant difference in score{_same_answers(sweep, cheaper, dearer)}"
            )


def _alike_in_tokens(sweep: Sweep, cheaper: int, dearer: int) -> str | None:
    """What two settings take, if it is the same as far as can be seen."""
    thought = [_thinking_answers(sweep, one) for one in (cheaper, dearer)]
    shares = [number / max(1, of) for number, of in thought]
    tokens, kind = sweep.thinking_tokens, "thinking"
    if any(sweep.points[one].thinking_tokens_mean is None for one in (cheaper, dearer)):
        tokens, kind = sweep.output_tokens, "output"
    change = _token_change(sweep, tokens, dearer, cheaper)
    if change is None or abs(shares[0] - shares[1]) > SAME:
        return None
    means = [float(np.nanmean(tokens[sweep.rows[one]])) for one in (cheaper, dearer)]
    if abs(change[0]) > min(change[1], SAME * max(means)):
        return None
    return f"{means[0]:,.0f} and {means[1]:,.0f} {kind} tokens a trial"


def _token_change(
    sweep: Sweep, tokens: FloatArray, candidate: int, baseline: int
) -> tuple[float, float] | None:
    """The mean change in tokens and the half-width of its 95 % interval; None: too few cases."""
    values, clusters = sweep.differences(tokens, tokens, candidate, baseline)
    if len(values) < MIN_UNITS:
        return None
    change = unit_mean(values, clusters)
    if change.variance is None or change.units < MIN_UNITS:
        return None
    return change.value, critical(0.95, change.units - 1) * float(np.sqrt(change.variance))


def _same_answers(sweep: Sweep, first: int, second: int) -> str:
    """How many of the answers that the scorer read out are the same, where it reads any."""
    trials, answers = sweep.trials, sweep.trials.answers[sweep.scored.graded.scorer]
    places = trials.case * (int(trials.sample.max()) + 1) + trials.sample
    rows = [
        np.flatnonzero((answers.codes >= 0) & (trials.variant == sweep.rows[position]))
        for position in (first, second)
    ]
    _, one, other = np.intersect1d(places[rows[0]], places[rows[1]], return_indices=True)
    if not len(one):
        return ""
    same = int((answers.codes[rows[0][one]] == answers.codes[rows[1][other]]).sum())
    return f", {same:,} of {counted(len(one), 'answer')} the same"


def _truncation(sweep: Sweep) -> Iterator[str]:
    for position, summary in enumerate(sweep.summaries):
        if summary.n_truncated and summary.n_truncated >= TRUNCATED * summary.n_answered:
            yield (
                f"{sweep.name(position)}: {summary.n_truncated:,} of"
                f" {counted(summary.n_answered, 'answer')} cut off by the token limit"
            )


def _stand_ins(sweep: Sweep) -> Iterator[str]:
    """What is told from output tokens for want of something better."""
    answered = [one for one in sweep.summaries if one.n_answered]
    thinking = [one for one in answered if one.thinking.is_on]
    if thinking and all(one.thinking_tokens_mean is None for one in thinking):
        yield "the server does not report thinking tokens: output tokens stand in for them"
    unpriced = [one for one in answered if one.cost_usd is None]
    if unpriced:
        which = "no" if len(unpriced) == len(answered) else "not every"
        yield f"{which} price is known: output tokens stand in for it"
