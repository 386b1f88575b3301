"""The five answers every page opens with, as plain sentences.

What won, by how much, how sure are we, what did it cost, what should I do. A sentence claims no
more than the verdicts of the analysis do: without a proven difference nothing has won.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.analysis.results import Analysis, Comparison, VariantSummary, Verdict
from evalkit.report import format as fmt
from evalkit.report.names import Names, thinking_phrase
from evalkit.stats.estimates import Estimate

_NAMED = 3
"""So many variants are named in one sentence; the tables name them all."""

VERDICTS: tuple[Verdict, ...] = ("superior", "inferior", "equivalent", "inconclusive", "too few")


@dataclass(frozen=True, slots=True)
class Headline:
    """One question and its answer in sentences."""

    question: str
    sentences: tuple[str, ...]


def headline(analysis: Analysis) -> tuple[Headline, ...]:
    """The answers to the five questions, in their order."""
    groups = _groups(analysis)
    return (
        Headline("What won?", tuple(_won(analysis, groups))),
        Headline("By how much?", tuple(_by_how_much(analysis, groups))),
        Headline("How sure are we?", tuple(_how_sure(analysis, groups))),
        Headline("What did it cost?", tuple(_cost(analysis))),
        Headline("What should I do?", tuple(_advice(analysis, groups))),
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """The leading scorer's comparisons with one baseline, and how to speak of them.

    ``prefix`` names what all of them share (``plain: ``), ``noun`` what is compared.
    """

    baseline: str
    comparisons: tuple[Comparison, ...]
    prefix: str
    noun: str
    say: Callable[[str], str]

    def of(self, *verdicts: Verdict) -> list[Comparison]:
        """Those with one of these verdicts, the largest difference first."""
        found = [one for one in self.comparisons if one.verdict in verdicts]
        return sorted(found, key=lambda one: -abs(one.difference.value or 0))

    def phrases(self, comparisons: Sequence[Comparison]) -> str:
        """The candidates by name, or how many there are besides the first ones."""
        names = [self.say(one.candidate) for one in comparisons[:_NAMED]]
        if len(comparisons) > _NAMED:
            names.append(fmt.count(len(comparisons) - _NAMED, "other"))
        return fmt.listed(names)

    def sentence(self, text: str) -> str:
        """``text`` as a sentence of this group. Names of the user's own keep their case."""
        if self.prefix:
            return self.prefix + text
        starts_with_ours = self.noun == "setting" or not text.startswith(
            tuple(self.say(one.candidate) for one in self.comparisons)
        )
        return text[:1].upper() + text[1:] if starts_with_ours else text


def _groups(analysis: Analysis) -> list[_Group]:
    names = Names(analysis.variants)
    variants = {variant.variant: variant for variant in analysis.variants}
    by_baseline: dict[str, list[Comparison]] = {}
    for comparison in analysis.comparisons:
        if comparison.scorer == analysis.leading_scorer:
            by_baseline.setdefault(comparison.baseline, []).append(comparison)
    return [
        _group(baseline, comparisons, variants, names)
        for baseline, comparisons in by_baseline.items()
    ]


def _group(
    baseline: str,
    comparisons: list[Comparison],
    variants: dict[str, VariantSummary],
    names: Names,
) -> _Group:
    involved = [variants.get(key) for key in (baseline, *(one.candidate for one in comparisons))]
    known = [variant for variant in involved if variant is not None]
    shared = {(variant.prompt, variant.model) for variant in known}
    if len(known) == len(involved) and len(shared) == 1:
        where = names.group(*shared.pop())
        prefix = f"{where}: " if where else ""
        phrases = {variant.variant: thinking_phrase(variant.thinking) for variant in known}
        return _Group(baseline, tuple(comparisons), prefix, "setting", phrases.__getitem__)
    noun = "variant" if names.has_thinking else "model" if names.has_models else "prompt"
    if names.has_models and names.has_prompts:
        noun = "variant"
    return _Group(baseline, tuple(comparisons), "", noun, lambda key: names[key].phrase)


def _won(analysis: Analysis, groups: Sequence[_Group]) -> Iterator[str]:
    if not groups:
        yield _why_nothing_won(analysis)
    for group in groups:
        yield group.sentence(" ".join(_verdict_sentences(group)))


def _why_nothing_won(analysis: Analysis) -> str:
    asked = sum(variant.n_asked for variant in analysis.variants)
    if not any(variant.n_answered for variant in analysis.variants):
        return f"Nothing: none of {fmt.count(asked, 'trial')} was answered."
    if analysis.leading_scorer is None:
        return "Nothing can be said to have won: no answer was scored."
    if len(analysis.variants) == 1:
        return "There was one variant and nothing to compare it with."
    return "Nothing can be said to have won: no two variants could be compared."


def _verdict_sentences(group: _Group) -> Iterator[str]:
    baseline = group.say(group.baseline)
    better, worse = group.of("superior"), group.of("inferior")
    equal, open_ = group.of("equivalent"), group.of("inconclusive")
    few = group.of("too few")
    margin = fmt.points(group.comparisons[0].margin, 1).lstrip("+").removesuffix(".0")
    if better:
        yield f"{group.phrases(better)} {_be(better)} better than {baseline}."
    elif equal and not (open_ or few or worse):
        yield f"no {group.noun} is better than {baseline}."
    elif len(few) == len(group.comparisons):
        yield f"too few cases for a verdict against {baseline}."
        return
    else:
        yield f"no {group.noun} is proven better than {baseline}."
    if worse:
        yield f"{_upper(group, worse)} {_be(worse)} worse."
    if equal:
        does = "does" if len(equal) == 1 else "do"
        yield f"{_upper(group, equal)} {does} as well, within ±{margin} points."
    if open_ and (better or worse or equal):
        yield f"{_upper(group, open_)} {_be(open_)} not settled."
    if few:
        yield f"{_upper(group, few)} had too few cases for a verdict."


def _upper(group: _Group, comparisons: Sequence[Comparison]) -> str:
    text = group.phrases(comparisons)
    return text[:1].upper() + text[1:] if group.noun == "setting" else text


def _be(comparisons: Sequence[Comparison]) -> str:
    return "is" if len(comparisons) == 1 else "are"


def _by_how_much(analysis: Analysis, groups: Sequence[_Group]) -> Iterator[str]:
    if not groups:
        yield from _scores_alone(analysis)
    means = {variant.variant: fmt.score(mean) for variant, mean in _leading_means(analysis)}
    for group in groups:
        yield group.sentence(" ".join(_amounts(group, means)))


def _scores_alone(analysis: Analysis) -> Iterator[str]:
    names = Names(analysis.variants)
    means = _leading_means(analysis)
    if not means:
        yield "There is no score to measure a difference with."
        return
    scored = [
        f"{names[variant.variant].phrase} scored {_with_interval(mean)}"
        for variant, mean in means[:_NAMED]
    ]
    yield f"No difference was measured; {fmt.listed(scored)}."


def _leading_means(analysis: Analysis) -> list[tuple[VariantSummary, Estimate]]:
    return [
        (variant, summary.mean)
        for variant in analysis.variants
        for summary in variant.scores.values()
        if summary.scorer == analysis.leading_scorer
    ]


def _with_interval(mean: Estimate) -> str:
    text = fmt.score(mean)
    if not fmt.interval(mean):
        return text
    return f"{text} ({fmt.confidence(mean)} interval {fmt.interval(mean)})"


def _amounts(group: _Group, means: dict[str, str]) -> Iterator[str]:
    proven = group.of("superior") or group.of("inferior")
    if proven:
        for index, one in enumerate(proven[:_NAMED]):
            who = group.say(one.candidate) if index == 0 else _upper(group, [one])
            against = f"{means.get(one.candidate)} against {means.get(one.baseline)}"
            yield f"{who} {_amount(one)}, {against}."
        return
    measured = [one for one in group.of(*VERDICTS) if one.difference.value is not None]
    if not measured:
        yield "no difference could be measured."
        return
    largest = measured[0]
    end = "." if largest.verdict == "equivalent" else ", which proves nothing."
    yield f"the largest difference seen is {group.say(largest.candidate)} {_amount(largest)}{end}"


def _amount(comparison: Comparison) -> str:
    difference = comparison.difference
    text = f"{fmt.difference(difference)} points"
    if not fmt.difference_interval(difference):
        return text
    return f"{text} ({fmt.difference_interval(difference)})"


def _how_sure(analysis: Analysis, groups: Sequence[_Group]) -> Iterator[str]:
    comparisons = [one for group in groups for one in group.comparisons]
    if comparisons:
        verdicts = Counter(one.verdict for one in comparisons)
        told = [f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict]]
        pairs = _span([one.n_pairs for one in comparisons])
        yield (
            f"{fmt.count(len(comparisons), 'comparison')}, each case against itself "
            f"({pairs} cases): {', '.join(told)}."
        )
        yield f"Intervals are {fmt.confidence(comparisons[0].difference)}."
        yield from _what_would_settle(comparisons)
    elif analysis.leading_scorer is not None:
        yield f"There are {fmt.count(analysis.n_cases, 'case')} and no comparison."
    else:
        yield "Nothing was scored, so there is nothing to be sure of."
    yield from _losses(analysis.variants)


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _what_would_settle(comparisons: Sequence[Comparison]) -> Iterator[str]:
    open_ = [one for one in comparisons if one.verdict in ("inconclusive", "too few")]
    needs = [one.needs_cases for one in open_ if one.needs_cases]
    if not needs:
        return
    which = "it" if len(open_) == 1 else "all that is open" if len(needs) == len(open_) else "some"
    yield f"Settling {which} needs about {max(needs):,} more cases."


def _losses(variants: Sequence[VariantSummary]) -> Iterator[str]:
    asked = sum(variant.n_asked for variant in variants)
    losses = (
        (sum(variant.n_failed for variant in variants), "failed"),
        (sum(variant.n_truncated for variant in variants), "cut off by the token limit"),
        (sum(variant.n_refused for variant in variants), "refused"),
    )
    told = [f"{number:,} {what}" for number, what in losses if number]
    if told:
        yield f"Of {fmt.count(asked, 'trial')}, {fmt.listed(told)}."


def _cost(analysis: Analysis) -> Iterator[str]:
    answered = [variant for variant in analysis.variants if variant.n_answered]
    if not answered:
        yield "No answer was paid for."
        return
    names = Names(analysis.variants)
    yield _money(answered, names)
    output = [variant.output_tokens_mean for variant in answered]
    if None not in output:
        total = sum((variant.output_tokens_mean or 0) * variant.n_answered for variant in answered)
        yield f"The answers took {fmt.tokens(round(total))} output tokens."
    yield from _times(answered, names)


def _money(answered: Sequence[VariantSummary], names: Names) -> str:
    costs = [
        (variant.cost_usd, names[variant.variant].phrase)
        for variant in answered
        if variant.cost_usd is not None
    ]
    if not costs:
        models = fmt.listed(_distinct(fmt.one_line(variant.model) for variant in answered))
        return f"Unpriced: no price is known for {models}."
    total = fmt.money(sum(cost for cost, _ in costs))
    if len(costs) < len(answered):
        missing = fmt.count(len(answered) - len(costs), "variant")
        return f"At least {total}: {missing} of {len(answered)} unpriced."
    (least, cheapest), (most, dearest) = min(costs), max(costs)
    if least == most:
        return f"{total} in all."
    return f"{total} in all, {fmt.money(least)} ({cheapest}) to {fmt.money(most)} ({dearest})."


def _times(answered: Sequence[VariantSummary], names: Names) -> Iterator[str]:
    times = [
        (variant.elapsed_p50_s, names[variant.variant].phrase)
        for variant in answered
        if variant.elapsed_p50_s is not None
    ]
    if not times:
        return
    (least, fastest), (most, slowest) = min(times), max(times)
    if fmt.seconds(least) == fmt.seconds(most):
        yield f"A typical answer took {fmt.seconds(least)}."
    else:
        yield (
            f"A typical answer took {fmt.seconds(least)} ({fastest}) "
            f"to {fmt.seconds(most)} ({slowest})."
        )


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _advice(analysis: Analysis, groups: Sequence[_Group]) -> Iterator[str]:
    curves = [curve for curve in analysis.curves if curve.scorer == analysis.leading_scorer]
    if not any(variant.n_answered for variant in analysis.variants):
        yield "Look at the failures below, mend their cause and run again."
    elif analysis.leading_scorer is None:
        yield "Add a scorer to the suite, so that answers can be graded."
    elif curves:
        names = Names(analysis.variants)
        for curve in curves:
            where = names.group(curve.prompt, curve.model)
            sentence = fmt.one_line(curve.sentence)
            yield f"{where}: {sentence}" if where else sentence
    elif groups:
        for group in groups:
            yield group.sentence(_choice(group))
    else:
        yield "Add a second prompt, model or thinking setting to compare with."


def _choice(group: _Group) -> str:
    baseline = group.say(group.baseline)
    better, open_ = group.of("superior"), group.of("inconclusive", "too few")
    if len(better) == 1:
        return f"use {group.say(better[0].candidate)}."
    if better:
        return (
            f"use one of {group.phrases(better)}: each is better than {baseline}, "
            "but they were not compared with one another."
        )
    if open_:
        return f"keep {baseline} until more cases settle the rest."
    if group.of("equivalent"):
        return f"take the cheapest of {baseline} and {group.phrases(group.of('equivalent'))}."
    return f"keep {baseline}."
