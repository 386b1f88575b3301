"""Everything there is to conclude about one run: trials in, one ``Analysis`` out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from evalkit.analysis.comparison import compare
from evalkit.analysis.curve import thinking_curves
from evalkit.analysis.evidence import MAX_MISSING, gather
from evalkit.analysis.findings import scorer_differences, tag_differences
from evalkit.analysis.judging import corrected_difference, judge_checks
from evalkit.analysis.matching import Match, default_baseline, matches
from evalkit.analysis.options import Options
from evalkit.analysis.results import Analysis, Comparison, JudgeCheck, VariantSummary
from evalkit.analysis.summary import MAX_TAGS, Scored, scored_by, summarise, tag_scores
from evalkit.analysis.trials import Trials
from evalkit.analysis.wording import as_percent, counted

MAX_COMPARISONS = 60
"""So many comparisons are made; more would tell a reader less."""


def analyse(trials: Trials, options: Options) -> Analysis:
    """Summaries for every scorer; comparisons, curves and tags for the leading one, else leads.

    Raises ``ValueError`` when the options name a scorer or baseline that the run does not have.
    """
    scored = {name: scored_by(trials, name) for name in trials.scorers}
    leading = _leading(trials, options)
    baseline = _baseline(trials, options)
    summaries = summarise(trials, scored, options)
    found = (
        list(matches(trials.variants, baseline, options.by, trials.runs))
        if baseline is not None
        else []
    )
    chosen = found[:MAX_COMPARISONS]
    lead = scored[leading] if leading is not None else None
    evidence = gather(trials, lead.graded, lead.cases, chosen, options.estimand) if lead else []
    comparisons = compare(trials, leading, evidence, options) if leading else ()
    labels = trials.labels_of.get(leading or "", trials.labels)
    if lead is not None and labels is not None:
        comparisons = tuple(
            replace(one, corrected=corrected_difference(trials, lead.cases, labels, match, options))
            for one, match in zip(comparisons, chosen, strict=True)
        )
    return Analysis(
        scorers=trials.scorers,
        leading_scorer=leading,
        baseline=trials.variants[baseline].key if baseline is not None else None,
        margin=options.margin,
        n_cases=len(trials.cases.ids),
        variants=summaries,
        comparisons=comparisons,
        curves=thinking_curves(trials, lead, summaries, options) if lead else (),
        tags=tag_scores(trials, lead.cases, options) if lead else (),
        tag_differences=tag_differences(trials, lead.cases, chosen, options) if lead else (),
        scorer_differences=scorer_differences(trials, scored, leading, chosen, options),
        seed=options.seed,
        judged=tuple(_judged(trials, scored, leading, options)),
        warnings=(
            *_confounded(comparisons),
            *_not_repeated(lead, options),
            *_data_warnings(trials, found),
            *_missing_warnings(summaries),
        ),
    )


def _judged(
    trials: Trials, scored: Mapping[str, Scored], leading: str | None, options: Options
) -> Iterator[JudgeCheck]:
    """Scorers against the human labels there are for them."""
    labels = dict(trials.labels_of)
    if leading is not None and trials.labels is not None:
        labels = {leading: trials.labels, **labels}
    for name, grades in labels.items():
        if name in scored:
            for check in judge_checks(trials, scored[name].cases, grades, options):
                yield replace(check, scorer=name)


def _leading(trials: Trials, options: Options) -> str | None:
    if options.leading_scorer is None:
        return trials.scorers[0] if trials.scorers else None
    if options.leading_scorer not in trials.scorers:
        raise ValueError(f"there is no scorer {options.leading_scorer!r}")
    return options.leading_scorer


def _baseline(trials: Trials, options: Options) -> int | None:
    if options.baseline is None:
        return default_baseline(trials.variants) if trials.variants else None
    keys = [variant.key for variant in trials.variants]
    if options.baseline not in keys:
        raise ValueError(f"there is no variant {options.baseline!r}")
    return keys.index(options.baseline)


def _data_warnings(trials: Trials, found: Sequence[Match]) -> Iterator[str]:
    if not trials.scorers:
        yield "nothing was scored"
    largest = trials.cases.largest_cluster
    if largest and largest[1] > len(trials.cases.ids) / 2:
        yield (
            f"the cluster {largest[0]!r} holds more than half of the cases:"
            " intervals over clusters are rough"
        )
    if len(found) > MAX_COMPARISONS:
        yield f"the first {MAX_COMPARISONS} of {len(found):,} comparisons are shown"
    repeats = int(trials.is_repeat.sum())
    if repeats:
        yield (
            f"{counted(repeats, 'sample')} came from the stored answer of another sample of the"
            " same case: they count as one"
        )
    if len(trials.cases.tags) > MAX_TAGS:
        yield f"scores are shown for {MAX_TAGS} of {len(trials.cases.tags):,} tags"


def _confounded(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Every difference beside the axis once, with how many comparisons it touches."""
    touched = Counter(confound for one in comparisons for confound in one.confounds)
    for confound, number in touched.items():
        which = [one for one in comparisons if confound in one.confounds]
        whose = (
            f"{which[0].candidate} against {which[0].baseline}"
            if number == 1
            else counted(number, "comparison")
        )
        yield f"confounded: {confound} in {whose}; what is seen may be due to that"


def _not_repeated(lead: Scored | None, options: Options) -> Iterator[str]:
    """That these cases alone cannot be spoken of where samples say nothing of their noise."""
    if options.estimand == "dataset" and lead and np.isnan(lead.cases.within).all(axis=1).any():
        yield (
            "estimand: dataset takes two samples of a case whose scores are averaged: where there"
            " are none, intervals speak of all cases like these"
        )


def _missing_warnings(summaries: Sequence[VariantSummary]) -> Iterator[str]:
    for summary in summaries:
        for score in summary.scores.values():
            lost = score.outcomes["infra_error"] + score.outcomes["unscored"]
            recorded = summary.n_asked - score.outcomes["not_run"]
            if lost > MAX_MISSING * recorded:
                yield (
                    f"{summary.variant}: {score.scorer} is missing for {lost:,} of"
                    f" {counted(recorded, 'trial')}; more than {as_percent(MAX_MISSING)} is too"
                    " much to judge by"
                )
