"""Each variant by itself: scores with intervals, cost, time, tokens, and scores by tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import CaseScores, Graded, case_scores, count_outcomes, grade
from evalkit.analysis.results import OutcomeClass, ScoreSummary, TagScore, VariantSummary
from evalkit.analysis.samples import case_variance, sample_metrics
from evalkit.analysis.trials import Coded, Trials
from evalkit.analysis.wording import counted
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.estimates import Estimate, mean_estimate, quantile
from evalkit.stats.fixed import fixed_mean
from evalkit.stats.power import detectable_distance
from evalkit.stats.quantiles import quantile_estimate
from evalkit.stats.ratios import amount_estimate, ratio_estimate

MAX_TAGS = 100
"""Scores are given for so many tags, those of the most cases."""


class Scored(NamedTuple):
    """One scorer's grades, by trial and by case."""

    graded: Graded
    cases: CaseScores


def scored_by(trials: Trials, scorer: str) -> Scored:
    """The grades of one scorer."""
    graded = grade(trials, scorer)
    return Scored(graded, case_scores(trials, graded))


def summarise(
    trials: Trials, scored: Mapping[str, Scored], options: Options
) -> tuple[VariantSummary, ...]:
    """One summary a variant, in the order of the suite."""
    return tuple(
        _variant_summary(trials, scored, row, options) for row in range(len(trials.variants))
    )


def tag_scores(trials: Trials, cases: CaseScores, options: Options) -> tuple[TagScore, ...]:
    """The mean of every variant on the cases of each tag, tags in alphabetical order."""
    by_size = sorted(trials.cases.tags.items(), key=lambda item: -len(item[1]))
    return tuple(
        TagScore(tag, variant.key, _case_mean(trials, cases, row, members, options))
        for tag, members in sorted(by_size[:MAX_TAGS], key=lambda item: item[0])
        for row, variant in enumerate(trials.variants)
    )


def _case_mean(
    trials: Trials, cases: CaseScores, row: int, members: IntArray, options: Options
) -> Estimate:
    """A variant's mean over those ``members`` (positions of cases) that have a score."""
    scores = cases.mean[row]
    scored = members[~np.isnan(scores[members])]
    if options.estimand == "dataset" and (drawn := cases.drawn(row, scored)):
        return fixed_mean(drawn, options.confidence)
    clusters = trials.cases.clusters
    units = None if clusters is None else clusters[scored]
    return mean_estimate(scores[scored], units, options.confidence)


def _variant_summary(
    trials: Trials, scored: Mapping[str, Scored], row: int, options: Options
) -> VariantSummary:
    variant, confidence = trials.variants[row], options.confidence
    is_ours = trials.variant == row
    answered, failed = is_ours & trials.is_answered, is_ours & ~trials.is_answered
    cost = _cost(trials, is_ours)
    p50, p95 = (_quantile_estimate(trials, answered, share, confidence) for share in (0.5, 0.95))
    return VariantSummary(
        variant=variant.key,
        prompt=variant.prompt,
        model=variant.model,
        thinking=variant.thinking,
        n_asked=max(int(is_ours.sum()), trials.planned[row]),
        n_answered=int(answered.sum()),
        n_failed=int(failed.sum()),
        n_truncated=int((is_ours & trials.is_truncated).sum()),
        n_refused=int((is_ours & trials.is_refused).sum()),
        scores={
            name: _score_summary(trials, one, row, cost, options) for name, one in scored.items()
        },
        models_answered=tuple(sorted(_tally(trials.model_answered, answered))),
        cost_usd=cost,
        elapsed_p50_s=p50.value if p50 else None,
        elapsed_p95_s=p95.value if p95 else None,
        first_token_p50_s=_quantile(trials, "first_token_s", answered, 0.5),
        input_tokens_mean=_mean(trials.numbers["input_tokens"][answered]),
        output_tokens_mean=_mean(trials.numbers["output_tokens"][answered]),
        thinking_tokens_mean=_mean(trials.numbers["thinking_tokens"][answered]),
        thinking_chars_mean=_mean(trials.numbers["thinking_chars"][answered]),
        failures=_tally(trials.failure, failed),
        elapsed_p50=p50,
        elapsed_p95=p95,
        queued_p50_s=_quantile(trials, "queued_s", is_ours, 0.5),
        backoff_mean_s=_mean(trials.numbers["backoff_s"][is_ours]),
        cost_each=_amount(trials, "cost_usd", answered, confidence),
        n_repeats=int((is_ours & trials.is_repeat).sum()),
    )


def _score_summary(
    trials: Trials, scored: Scored, row: int, cost: float | None, options: Options
) -> ScoreSummary:
    (graded, cases), confidence = scored, options.confidence
    reduction = trials.reductions.get(graded.scorer)
    outcomes = count_outcomes(trials, graded, row)
    low, high = _mean(cases.low[row]), _mean(cases.high[row])
    all_cases = np.arange(len(trials.cases.ids))
    mean = _case_mean(trials, cases, row, all_cases, options)
    return ScoreSummary(
        scorer=graded.scorer,
        mean=mean,
        outcomes=outcomes,
        cost_per_right_usd=(
            None if cost is None or not outcomes["right"] else cost / outcomes["right"]
        ),
        answered_only=_mean(cases.answered[row]),
        bounds=None if low is None or high is None else (low, high),
        notes=tuple(_notes(outcomes)),
        samples=tuple(sample_metrics(trials, graded, cases, row, confidence)),
        samples_range=_samples_range(cases, row),
        variance=case_variance(cases, row),
        detectable=detectable_distance(mean),
        cost_per_right=None if cost is None else _cost_per_right(trials, graded, row, confidence),
        reduction=reduction.name if reduction else None,
        score_range=trials.ranges.get(graded.scorer),
    )


def _samples_range(cases: CaseScores, row: int) -> tuple[int, int] | None:
    """The fewest and the most different answers of a case that has any."""
    seen = cases.samples[row][cases.samples[row] > 0]
    return (int(seen.min()), int(seen.max())) if len(seen) else None


def _cost_per_right(trials: Trials, graded: Graded, row: int, confidence: float) -> Estimate | None:
    """Dollars for each right answer, a ratio over cases with Fieller's interval."""
    rows = (trials.variant == row) & ~np.isnan(trials.numbers["cost_usd"])
    n_cases = len(trials.cases.ids)
    places = trials.case[rows]
    asked = np.bincount(places, minlength=n_cases) > 0
    paid = trials.numbers["cost_usd"][rows]
    cost = np.bincount(places, weights=paid, minlength=n_cases).astype(np.float64)
    right = np.bincount(trials.case[rows & (graded.score == 1)], minlength=n_cases)
    clusters = trials.cases.clusters
    return ratio_estimate(
        cost[asked],
        right[asked].astype(np.float64),
        None if clusters is None else clusters[asked],
        confidence,
    )


def _notes(outcomes: Mapping[OutcomeClass, int]) -> Iterator[str]:
    if number := outcomes["model_error"]:
        yield f"{counted(number, 'model error')} counted as 0"
    if number := outcomes["infra_error"]:
        yield f"{counted(number, 'infrastructure error')} left out"
    if number := outcomes["unscored"]:
        yield f"{counted(number, 'unscored answer')} left out"
    if number := outcomes["not_run"]:
        yield f"{counted(number, 'trial')} not run"


def _cost(trials: Trials, is_ours: BoolArray) -> float | None:
    """What a variant cost in all, or None if the price of any answer is unknown."""
    cost = trials.numbers["cost_usd"]
    known = is_ours & ~np.isnan(cost)
    is_whole = known.any() and not (is_ours & trials.is_answered & ~known).any()
    return float(cost[known].sum()) if is_whole else None


def _mean(values: FloatArray) -> float | None:
    """The mean of what is known, or None."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _quantile(trials: Trials, number: str, rows: BoolArray, share: float) -> float | None:
    values = trials.numbers[number][rows]
    return quantile(values[~np.isnan(values)], share)


def _quantile_estimate(
    trials: Trials, rows: BoolArray, share: float, confidence: float
) -> Estimate | None:
    """A quantile of service time with its interval over independent units."""
    known = rows & ~np.isnan(trials.numbers["elapsed_s"])
    if not known.any():
        return None
    times = trials.numbers["elapsed_s"][known]
    return quantile_estimate(times, share, trials.units(known), confidence)


def _amount(trials: Trials, number: str, rows: BoolArray, confidence: float) -> Estimate | None:
    known = rows & ~np.isnan(trials.numbers[number])
    if not known.any():
        return None
    return amount_estimate(trials.numbers[number][known], trials.units(known), confidence)


def _tally(column: Coded, rows: BoolArray) -> dict[str, int]:
    """How often each name occurs in these rows."""
    codes = column.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.names))
    return {name: int(counts[code]) for code, name in enumerate(column.names) if counts[code]}
