"""What verdicts rest on and what qualifies them, each thing said once however many it touches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from evalkit.analysis.leads import Lead
from evalkit.analysis.results import (
    Analysis,
    Comparison,
    ScoreSummary,
    VariantSummary,
)
from evalkit.report import format as fmt
from evalkit.report.figures import amount_change
from evalkit.report.names import Names
from evalkit.stats.estimates import Estimate

_NAMED = 3
_ABOUT = re.compile(r"(?<=takes about )[\d,]+")
_SHOWN = ("confounded: ", "by more than the margin")
"""How notes begin that warnings and intervals show as well."""
_MOST = 12
_NOTABLE_S = 0.001
_FEW = 4
"""So few comparisons, or variants, have a line of their own."""


def caveats(analysis: Analysis, names: Names) -> list[str]:
    """Sentences for under the tables: the rules of the verdicts, then what is odd about some."""
    notes = list(_notes(analysis, names))
    more = [f"and {len(notes) - _MOST:,} more notes on the page"] if len(notes) > _MOST else []
    return [
        *_rules(analysis),
        *_each(analysis, names),
        *_leads(analysis, names),
        *notes[:_MOST],
        *more,
        *_losses(analysis, names),
        *_scales(analysis, names),
        *_times(analysis, names),
    ]


def spread_words(analysis: Analysis, names: Names) -> list[str]:
    """Where scores of several samples vary: between cases, or from sample to sample."""
    found = [
        (names[one.variant].short, one.scores[analysis.leading_scorer])
        for one in analysis.variants
        if analysis.leading_scorer and analysis.leading_scorer in one.scores
    ]
    told = [(name, words) for name, score in found if (words := _spread(score))]
    return [f"{name}: {words}" for name, words in told[:_FEW]]


def _spread(score: ScoreSummary) -> str:
    if score.samples_range is None or score.samples_range[1] < 2:
        return ""
    low, high = score.samples_range
    told = f"{low} samples a case" if low == high else f"{low} to {high} samples a case"
    if score.variance is None or score.variance.icc is None:
        return told
    return f"{told}; {fmt.percent(score.variance.icc)} of what varies lies between cases"


def _losses(analysis: Analysis, names: Names) -> Iterator[str]:
    """How much a score hangs on what counts as 0 and on what is missing."""
    found = [
        (names[one.variant].short, one.scores[analysis.leading_scorer])
        for one in analysis.variants
        if analysis.leading_scorer and analysis.leading_scorer in one.scores
    ]
    told = [(name, words) for name, score in found if (words := _loss(score))]
    for name, words in told[:_FEW]:
        yield f"{name}: {words}"
    if len(told) > _FEW:
        yield f"and {fmt.count(len(told) - _FEW, 'more variant')} with losses, on the page"


def _loss(score: ScoreSummary) -> str:
    told = []
    errors = score.outcomes["model_error"]
    missing = score.outcomes["infra_error"] + score.outcomes["unscored"]
    if errors and score.answered_only is not None:
        told.append(
            f"{fmt.percent(score.answered_only)} without its {fmt.count(errors, 'model error')}"
        )
    if missing and score.bounds is not None:
        low, high = score.bounds
        told.append(
            f"{fmt.percent(low).rstrip('%')}–{fmt.percent(high)} whatever its"
            f" {fmt.count(missing, 'missing trial')} would have been"
        )
    return f"{fmt.score(score.mean)} as told; {', '.join(told)}" if told else ""


def _reductions(analysis: Analysis) -> Iterator[str]:
    """Scores that are no means over samples."""
    found = {
        name: score.reduction
        for one in analysis.variants
        for name, score in one.scores.items()
        if score.reduction
    }
    if found:
        told = fmt.listed([f"{fmt.name(name)} as {how}" for name, how in found.items()])
        yield f"Several samples of a case are scored by {told}."


def _scales(analysis: Analysis, names: Names) -> Iterator[str]:
    """Scores on the scale they were given on, where that is another than 0 to 1."""
    for scorer in analysis.scorers:
        found = [(one.variant, one.scores[scorer]) for one in analysis.variants[:_FEW]]
        scale = found[0][1].score_range if found else None
        told = [
            f"{names[variant].short} {words}"
            for variant, score in found
            if scale is not None and (words := _on_scale(score.mean, *scale))
        ]
        if scale is not None and told:
            low, high = scale
            yield f"{fmt.name(scorer)} on its scale from {low:g} to {high:g}: {', '.join(told)}"


def _on_scale(mean: Estimate, low: float, high: float) -> str:
    ends = [
        None if end is None else f"{low + end * (high - low):.3g}"
        for end in (mean.value, mean.low, mean.high)
    ]
    value, least, most = ends
    return f"{value} ({least} to {most})" if least and most else value or ""


def _times(analysis: Analysis, names: Names) -> Iterator[str]:
    """Service times with their intervals, where variants are few."""
    if len(analysis.variants) > _FEW:
        return
    for one in analysis.variants:
        told = [
            f"{name} {fmt.seconds(found.value)} ({ends})"
            for name, found in (("p50", one.elapsed_p50), ("p95", one.elapsed_p95))
            if found is not None and found.value is not None and (ends := _ends(found))
        ]
        if told:
            waits = "".join(_waits(one))
            yield f"{names[one.variant].short}: service time {fmt.listed(told)}{waits}"


def _waits(one: VariantSummary) -> Iterator[str]:
    """The other two clocks, where they ran at all."""
    if one.queued_p50_s is not None and one.queued_p50_s >= _NOTABLE_S:
        yield f"; waited {fmt.seconds(one.queued_p50_s)} for room (p50)"
    if one.backoff_mean_s is not None and one.backoff_mean_s >= _NOTABLE_S:
        yield f"; waited {fmt.seconds(one.backoff_mean_s)} after errors (mean)"


def _ends(found: Estimate) -> str:
    """The interval of a quantile; an end may be lacking."""
    low, high = (None if end is None else fmt.seconds(end) for end in (found.low, found.high))
    if low is None:
        return f"up to {high}" if high else ""
    return f"{low} to {high}" if high else f"from {low}, no upper limit"


def _rules(analysis: Analysis) -> Iterator[str]:
    """What samples make, margin, method and power: what every verdict here rests on."""
    yield from _reductions(analysis)
    tested = [one for one in analysis.comparisons if one.p_value is not None]
    if not tested:
        return
    methods = dict.fromkeys(one.difference.method.split(" on ")[0] for one in tested)
    margin = f"{100 * analysis.margin:.3g}"
    told = f"Margin ±{margin} points; {fmt.listed(list(methods))} intervals"
    if all(one.is_paired for one in tested):
        told += f", paired by case{_in_clusters(tested)}"
    if any(one.p_value != one.p_adjusted for one in tested):
        told += "; verdicts by Holm over the comparisons with one baseline"
    yield f"{told}."
    sizes = [one.detectable for one in tested if one.detectable is not None]
    if sizes:
        ends = list(dict.fromkeys(f"{100 * size:.2g}" for size in (min(sizes), max(sizes))))
        told = f"Differences from {' to '.join(ends)} points up are found in 80% of such runs"
        yield f"{told}; seed {analysis.seed}." if analysis.seed is not None else f"{told}."


def _in_clusters(tested: Sequence[Comparison]) -> str:
    """How many independent units there are, where those are not the cases."""
    sizes = [one.difference.units for one in tested]
    if sizes == [one.n_pairs for one in tested]:
        return ""
    low, high = min(sizes), max(sizes)
    return f" in {low:,} clusters" if low == high else f" in {low:,} to {high:,} clusters"


def _each(analysis: Analysis, names: Names) -> Iterator[str]:
    """p-values, time and price, where comparisons are few."""
    if len(analysis.comparisons) > _FEW:
        return
    for one in analysis.comparisons:
        told = list(_figures(one))
        if told:
            yield f"{_who(one, names)}: {'; '.join(told)}"


def _leads(analysis: Analysis, names: Names) -> Iterator[str]:
    """What other scorers and single tags find: where to look, no verdicts."""
    found: list[tuple[str, Lead]] = [
        *((f"by {one.scorer}", one) for one in analysis.scorer_differences if one.is_finding),
        *((f"on {one.tag}", one) for one in analysis.tag_differences if one.is_finding),
    ]
    for where, one in found[:_FEW]:
        yield (
            f"a lead, no verdict: {fmt.name(where)} {_who(one, names)}"
            f" {fmt.difference(one.difference)} points ({fmt.difference_interval(one.difference)})"
        )
    if len(found) > _FEW:
        yield f"and {fmt.count(len(found) - _FEW, 'more lead')} in the JSON"


def _figures(one: Comparison) -> Iterator[str]:
    if one.p_value is not None:
        p = f"p {fmt.p_value(one.p_value)}"
        if one.p_adjusted != one.p_value:
            p += f", adjusted {fmt.p_value(one.p_adjusted)}"
        method = (one.p_check_method or "").split(" (")[0]
        yield f"{p}, by {method} {fmt.p_value(one.p_check)}" if method else p
    for change, kind in ((one.elapsed_s, "seconds"), (one.cost_usd, "dollars")):
        if words := amount_change(change, kind):
            yield f"{words} an answer"


def _notes(analysis: Analysis, names: Names) -> Iterator[str]:
    """Notes with whose they are, but for what a reader has seen already.

    Those that differ in a number alone are one, with the least and the most.
    """
    whose: dict[str, list[tuple[Comparison, str]]] = {}
    for one in analysis.comparisons:
        corrected = _corrected(one)
        for note in (*one.notes, *([corrected] if corrected else [])):
            if not note.startswith(_SHOWN):
                number = _ABOUT.search(note)
                whose.setdefault(_ABOUT.sub("{}", note), []).append(
                    (one, number[0] if number else "")
                )
    for note, found in whose.items():
        numbers = sorted({number for _, number in found}, key=lambda number: (len(number), number))
        span = " to ".join(dict.fromkeys((numbers[0], numbers[-1])))
        who = _all_of([one for one, _ in found], analysis.comparisons, names)
        yield f"{who}: {note.replace('{}', span)}"


def _corrected(one: Comparison) -> str | None:
    if one.corrected is None:
        return None
    interval = fmt.difference_interval(one.corrected)
    return (
        f"by {fmt.count(one.corrected.units, 'human label')} the difference is"
        f" {fmt.difference(one.corrected)} points ({interval}); a judge that errs alike on both"
        " sides shrinks a difference and keeps its sign"
    )


def _all_of(found: Sequence[Comparison], everything: Sequence[Comparison], names: Names) -> str:
    if len(found) == len(everything) > 1:
        return "all comparisons"
    told = [_who(one, names) for one in found[:_NAMED]]
    if len(found) > _NAMED:
        told.append(fmt.count(len(found) - _NAMED, "other"))
    return fmt.listed(told)


def _who(one: Comparison | Lead, names: Names) -> str:
    return f"{names[one.candidate].short} against {names[one.baseline].short}"
