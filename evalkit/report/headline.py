"""The five answers every page opens with, as plain sentences.

What won, by how much, how sure are we, what did it cost, what should I do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.analysis.results import Analysis, Comparison, VariantSummary
from evalkit.report import format as fmt
from evalkit.report.contests import VERDICTS, Duel, Race, contests
from evalkit.report.names import Names
from evalkit.stats.estimates import Estimate

_TOLD = 6
"""So much is told of an answer in sentences; the tables hold it all."""
_AMOUNTS = 4
_NAMED = 2


@dataclass(frozen=True, slots=True)
class Headline:
    """One question and its answer in sentences."""

    question: str
    sentences: tuple[str, ...]


def headline(analysis: Analysis) -> tuple[Headline, ...]:
    """The answers to the five questions, in their order."""
    names = Names(analysis.variants)
    found = contests(analysis, analysis.leading_scorer, names)
    found.sort(key=lambda contest: not contest.proven())
    return (
        Headline("What won?", tuple(_won(analysis, found))),
        Headline("By how much?", tuple(_by_how_much(analysis, names, found))),
        Headline("How sure are we?", tuple(_how_sure(analysis, found))),
        Headline("What did it cost?", tuple(_cost(analysis, names))),
        Headline("What should I do?", tuple(_advice(analysis, names, found))),
    )


def _won(analysis: Analysis, found: Sequence[Race | Duel]) -> Iterator[str]:
    if not found or not _is_answered(analysis):
        yield _why_nothing_won(analysis)
        return
    told = _alike([(_subject(contest), contest.won()) for contest in found])
    yield from list(told)[:_TOLD]
    left_out = {at for alike in list(told.values())[_TOLD:] for at in alike}
    if left_out:
        more = [one for at in left_out for one in found[at].comparisons]
        settled = sum(one.verdict in ("superior", "inferior") for one in more)
        proven = f"{settled} of them proven" if settled else "none of them proven"
        yield f"{fmt.count(len(more), 'further comparison')} in the table, {proven}."


def _is_answered(analysis: Analysis) -> bool:
    return any(variant.n_answered for variant in analysis.variants)


def _leading_means(analysis: Analysis) -> dict[str, Estimate]:
    """Every variant's mean by the leading scorer, where it has one."""
    return {
        variant.variant: summary.mean
        for variant in analysis.variants
        for summary in variant.scores.values()
        if summary.scorer == analysis.leading_scorer and summary.mean.value is not None
    }


def _subject(contest: Race | Duel) -> str:
    return contest.where if isinstance(contest, Race) else contest.heading


def _alike(told: Sequence[tuple[str, str]]) -> dict[str, list[int]]:
    """Sentences told of several subjects once, each with the places of those it is told of."""
    places: dict[str, list[int]] = {}
    for at, (subject, sentence) in enumerate(told):
        places.setdefault(sentence.removeprefix(f"{subject}: "), []).append(at)
    merged = {}
    for body, found in places.items():
        subjects = [told[at][0] for at in found]
        if len(found) == 1 or not all(subjects):
            merged.update({told[at][1]: [at] for at in found})
        else:
            merged[f"{_together(subjects)}: {body}"] = found
    return merged


def _together(subjects: Sequence[str]) -> str:
    """Subjects in one, what all of them begin with said once: ``b against a with x and y``."""
    firsts = {subject.partition(" with ")[0] for subject in subjects}
    shared = f"{firsts.pop()} with " if len(firsts) == 1 else ""
    own = [subject.removeprefix(shared) for subject in subjects]
    others = [f"{len(own) - _NAMED} others"] if len(own) > _NAMED + 1 else []
    return shared + fmt.listed([*(own[:_NAMED] if others else own), *others])


def _why_nothing_won(analysis: Analysis) -> str:
    asked = sum(variant.n_asked for variant in analysis.variants)
    if not _is_answered(analysis):
        return f"Nothing: none of {fmt.count(asked, 'trial')} was answered."
    if analysis.leading_scorer is None:
        return "Nothing can be said to have won: no answer was scored."
    if len(analysis.variants) == 1:
        return "There was one variant and nothing to compare it with."
    return "Nothing can be said to have won: no two variants could be compared."


def _by_how_much(analysis: Analysis, names: Names, found: Sequence[Race | Duel]) -> Iterator[str]:
    means = _leading_means(analysis)
    if not means or not _is_answered(analysis):
        yield "There is no score to measure a difference with."
    elif not found:
        scored = [
            f"{names[key].phrase} scored {_with_interval(mean)}"
            for key, mean in list(means.items())[:3]
        ]
        yield f"No difference was measured; {fmt.listed(scored)}."
    else:
        rounded = {key: fmt.score(mean) for key, mean in means.items()}
        shown = found if len(found) <= _AMOUNTS + 1 else found[:_AMOUNTS]
        for contest in shown:
            yield contest.amount(rounded)
        if len(found) > len(shown):
            yield "The table of comparisons has the others."


def _with_interval(mean: Estimate) -> str:
    interval = fmt.interval(mean)
    told = f"{fmt.score(mean)}"
    return f"{told} ({fmt.confidence(mean)} interval {interval})" if interval else told


def _how_sure(analysis: Analysis, found: Sequence[Race | Duel]) -> Iterator[str]:
    comparisons = [one for contest in found for one in contest.comparisons]
    if not _is_answered(analysis):
        yield "Nothing was answered, so there is nothing to be sure of."
    elif comparisons:
        verdicts = Counter(one.verdict for one in comparisons)
        told = [f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict]]
        yield (
            f"{fmt.count(len(comparisons), 'comparison')}, {_pairing(comparisons)}:"
            f" {', '.join(told)}."
        )
        yield f"Ranges in brackets are {fmt.confidence(comparisons[0].difference)} intervals."
        yield from _what_would_settle(comparisons)
    elif analysis.leading_scorer is not None:
        yield f"Nothing was compared; scores are of {fmt.count(analysis.n_cases, 'case')}."
    else:
        yield "Nothing was scored, so there is nothing to be sure of."
    yield from _losses(analysis.variants)


def _pairing(comparisons: Sequence[Comparison]) -> str:
    """On how many cases comparisons rest, those that could not be paired by case apart."""
    sizes = [one.n_pairs for one in comparisons if one.is_paired]
    apart = len(comparisons) - len(sizes)
    told = []
    if sizes:
        low, high = min(sizes), max(sizes)
        told.append(f"paired over {f'{low:,} to ' if low < high else ''}{fmt.count(high, 'case')}")
    if apart:
        which = f"{apart:,} " if sizes else ""
        told.append(f"{which}not paired, the cases differ")
    return ", ".join(told)


def _what_would_settle(comparisons: Sequence[Comparison]) -> Iterator[str]:
    open_ = [one for one in comparisons if one.verdict in ("inconclusive", "too few")]
    needs = [one.needs_cases for one in open_ if one.needs_cases]
    lacks = [one.lacks_cases for one in open_ if one.lacks_cases]
    if needs:
        which = "the open ones" if len(needs) == len(open_) else "those that can be settled"
        which = "it" if len(comparisons) == 1 else which
        yield f"To settle {which}, about {fmt.roughly(max(needs))} more cases are needed."
    if lacks:
        which = "The open ones" if len(lacks) == len(open_) else f"{len(lacks)} of the open ones"
        which = "It" if len(comparisons) == 1 else which
        ends = " to ".join(dict.fromkeys(fmt.roughly(end) for end in (min(lacks), max(lacks))))
        yield f"{which} would take about {ends} cases more than the dataset has."


def _losses(variants: Sequence[VariantSummary]) -> Iterator[str]:
    asked = sum(variant.n_asked for variant in variants)
    failed = sum(variant.n_failed for variant in variants)
    told = [f"{failed:,} failed"] if failed else []
    for number, what in (
        (sum(variant.n_truncated for variant in variants), "cut off by the token limit"),
        (sum(variant.n_refused for variant in variants), "refused"),
    ):
        if number:
            told.append(f"{number:,} {'was' if number == 1 else 'were'} {what}")
    if told:
        yield f"Of {fmt.count(asked, 'trial')}, {fmt.listed(told)}."


def _cost(analysis: Analysis, names: Names) -> Iterator[str]:
    answered = [variant for variant in analysis.variants if variant.n_answered]
    if not answered:
        yield "No answer came back to be paid for."
        return
    yield _money(answered, names)
    means = [
        variant.output_tokens_mean * variant.n_answered
        for variant in answered
        if variant.output_tokens_mean is not None
    ]
    if len(means) == len(answered):
        yield f"The answers took {fmt.tokens(round(sum(means)))} output tokens."
    yield from _times(answered, names)


def _money(answered: Sequence[VariantSummary], names: Names) -> str:
    costs = [
        (variant.cost_usd, names[variant.variant].phrase)
        for variant in answered
        if variant.cost_usd is not None
    ]
    if not costs:
        models = dict.fromkeys(fmt.name(variant.model) for variant in answered)
        return f"Unpriced: no price is known for {fmt.listed(list(models))}."
    total = fmt.money(sum(cost for cost, _ in costs))
    if len(costs) < len(answered):
        missing = len(answered) - len(costs)
        return f"At least {total}: {missing} of {len(answered)} variants are unpriced."
    return f"{total} in all{_from_to(costs, fmt.money)}."


def _times(answered: Sequence[VariantSummary], names: Names) -> Iterator[str]:
    times = [
        (variant.elapsed_p50_s, names[variant.variant].phrase)
        for variant in answered
        if variant.elapsed_p50_s is not None
    ]
    if times:
        middle = fmt.seconds(sorted(times)[len(times) // 2][0])
        yield f"A typical answer took {middle}{_from_to(times, fmt.seconds)}."


def _from_to(values: Sequence[tuple[float, str]], write: Callable[[float], str]) -> str:
    """The least and the most with whose they are, if they differ as written."""
    (least, one), (most, other) = min(values), max(values)
    if write(least) == write(most):
        return ""
    return f": from {write(least)} for {one} to {write(most)} for {other}"


def _advice(analysis: Analysis, names: Names, found: Sequence[Race | Duel]) -> Iterator[str]:
    curves = [curve for curve in analysis.curves if curve.scorer == analysis.leading_scorer]
    if not _is_answered(analysis):
        yield "Look at the failures below, mend their cause and run again."
        return
    means = {mean.value for mean in _leading_means(analysis).values()}
    if means == {0.0}:
        yield "Look at the cases first: no answer scored at all. The scorer may read them wrongly."
        return
    if analysis.leading_scorer is None:
        yield "Add a scorer to the suite, so that answers can be graded."
    elif not (curves or found):
        yield "Add a second prompt, model or thinking setting to compare with."
    if means == {1.0} and found:
        yield "Take the cheapest, or ask harder cases: every answer was right."
        return
    told = []
    for curve in curves:
        where = names.group(curve.prompt, curve.model)
        sentence = fmt.one_line(curve.sentence)
        told.append(
            (where, f"{where}: {sentence[:1].lower()}{sentence[1:]}" if where else sentence)
        )
    told += [
        (_subject(contest), contest.advice())
        for contest in found
        if not curves or isinstance(contest, Duel)
    ]
    sentences = list(_alike(told))
    yield from sentences[:_TOLD]
    if len(sentences) > _TOLD:
        yield "The sections below have advice for the others."
