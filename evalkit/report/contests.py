"""Comparisons grouped into contests that can be told in a sentence or two.

A race is several candidates against one baseline; a duel is two prompts or models against each
other at every thinking setting. A sentence claims no more than its verdicts do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalkit.analysis.results import Analysis, Comparison, VariantSummary, Verdict
from evalkit.report import format as fmt
from evalkit.report.names import Names, capital, listed_phrases, thinking_phrase

VERDICTS: tuple[Verdict, ...] = ("superior", "inferior", "equivalent", "inconclusive", "too few")
_NAMED = 3
"""So many variants are named in one sentence; the tables name them all."""
_DUEL_WORDS: dict[Verdict, str] = {
    "superior": "better with",
    "inferior": "worse with",
    "equivalent": "as good with",
    "inconclusive": "not settled with",
    "too few": "too few cases with",
}


@dataclass(frozen=True, slots=True)
class Contest:
    """Comparisons that belong together.

    ``heading`` stands over them in a table or chart; there ``label`` names a candidate, and
    ``say`` does in a sentence.
    """

    comparisons: tuple[Comparison, ...]
    heading: str
    label: Callable[[Comparison], str]
    say: Callable[[Comparison], str]

    def of(self, *verdicts: Verdict) -> list[Comparison]:
        """Those with one of these verdicts."""
        return [one for one in self.comparisons if one.verdict in verdicts]

    def phrases(self, comparisons: Sequence[Comparison]) -> str:
        """The candidates in words, and how many there are besides the first ones."""
        return listed_phrases([self.say(one) for one in comparisons], _NAMED)

    def proven(self) -> list[Comparison]:
        """What is proven better, or if nothing is, what is proven worse; the largest first."""
        found = self.of("superior") or self.of("inferior")
        return sorted(found, key=_size, reverse=True)[:_NAMED]

    def largest(self) -> Comparison | None:
        """The comparison with the largest difference seen, proven or not."""
        measured = [one for one in self.comparisons if one.difference.value is not None]
        return max(measured, key=_size, default=None)


@dataclass(frozen=True, slots=True)
class Race(Contest):
    """Several candidates against one ``baseline``, which stands in words.

    ``where`` names what all of them share, ``noun`` what they differ in. ``is_ours`` says that the
    names are our own words, which a sentence may capitalise, and not the suite's.
    """

    baseline: str
    where: str
    noun: str
    is_ours: bool

    def won(self) -> str:
        """Who is better, worse, as good, and not settled."""
        better, worse = self.of("superior"), self.of("inferior")
        equal, open_ = self.of("equivalent"), self.of("inconclusive")
        few = self.of("too few")
        if len(few) == len(self.comparisons):
            return self._told(f"too few cases for a verdict against {self.baseline}.")
        told = [self._best(better, all_equal=len(equal) == len(self.comparisons))]
        if worse:
            told.append(f"{self._subject(worse)} {_be(worse)} worse.")
        if equal:
            does, margin = "does" if len(equal) == 1 else "do", _plain_points(equal[0].margin)
            told.append(f"{self._subject(equal)} {does} as well, within ±{margin} points.")
        if open_ and len(told) > 1 - bool(better):
            told.append(f"{self._subject(open_)} {_be(open_)} not settled.")
        if few:
            told.append(f"{self._subject(few)} had too few cases for a verdict.")
        return self._told(" ".join(told), is_ours=self.is_ours or not better)

    def amount(self, means: dict[str, str]) -> str:
        """How large the proven differences are, or the largest one seen."""
        told = [
            f"{_amount(one)} for {self.say(one)}, {_means(one, means)}." for one in self.proven()
        ]
        if told:
            return self._told(" ".join(told))
        largest = self.largest()
        if largest is None:
            return self._told("no difference could be measured.")
        if largest.difference.value == 0:
            return self._told(f"no difference was seen{_between(largest)}.")
        return self._told(
            f"the largest difference seen is that of {self.say(largest)}, {_amount(largest)}"
            f"{_chance(largest)}"
        )

    def advice(self) -> str:
        """What the verdicts call for."""
        better, equal = self.of("superior"), self.of("equivalent")
        if len(better) == 1:
            return self._told(f"use {self.say(better[0])}.")
        if better:
            return self._told(
                f"use one of {self.phrases(better)}: each is better than {self.baseline}, "
                "but they were not compared with one another."
            )
        if any(not one.is_measured for one in self.comparisons):
            return self._told(f"keep {self.baseline} until the missing trials are asked again.")
        if self.of("inconclusive", "too few"):
            return self._told(f"keep {self.baseline} until more cases settle the rest.")
        if equal:
            return self._told(f"take the cheapest of {self.baseline} and {self.phrases(equal)}.")
        return self._told(f"keep {self.baseline}.")

    def _best(self, better: Sequence[Comparison], *, all_equal: bool) -> str:
        if better:
            return f"{self.phrases(better)} {_be(better)} better than {self.baseline}."
        proven = "" if all_equal else "proven "
        return f"no {self.noun} is {proven}better than {self.baseline}."

    def _told(self, text: str, *, is_ours: bool = True) -> str:
        if self.where:
            return f"{self.where}: {text[:1].lower()}{text[1:]}"
        return capital(text) if is_ours else text

    def _subject(self, comparisons: Sequence[Comparison]) -> str:
        names = self.phrases(comparisons)
        return capital(names) if self.is_ours else names


@dataclass(frozen=True, slots=True)
class Duel(Contest):
    """``one`` prompt or model against ``other`` at several settings."""

    one: str
    other: str

    def won(self) -> str:
        """With which settings the one is better, worse, as good, and not settled."""
        told = [
            f"{words} {self.phrases(found)}"
            for verdict, words in _DUEL_WORDS.items()
            if (found := self.of(verdict))
        ]
        if len(self.of("inconclusive")) == len(self.comparisons):
            return f"{self.heading}: not settled with any setting."
        if len(self.of("too few")) == len(self.comparisons):
            return f"{self.heading}: too few cases with any setting."
        return f"{self.heading}: {'; '.join(told)}."

    def amount(self, means: dict[str, str]) -> str:
        """How large the proven differences are, or the largest one seen."""
        told = [f"{_amount(one)} with {self.say(one)}" for one in self.proven()]
        if told:
            return f"{self.heading}: {fmt.listed(told)}."
        largest = self.largest()
        if largest is None:
            return f"{self.heading}: no difference could be measured."
        if largest.difference.value == 0:
            return f"{self.heading}: no difference was seen{_between(largest)}."
        return (
            f"{self.heading}: the largest difference seen is {_amount(largest)} with "
            f"{self.say(largest)}{_chance(largest)}"
        )

    def advice(self) -> str:
        """What the verdicts call for."""
        told = [
            f"prefer {side} with {self.phrases(found)}"
            for side, found in (
                (self.one, self.of("superior")),
                (self.other, self.of("inferior")),
            )
            if found
        ]
        return f"{self.heading}: {'; '.join(told) or 'nothing speaks for a change yet'}."


def contests(analysis: Analysis, scorer: str | None, names: Names) -> list[Race | Duel]:
    """One scorer's comparisons as contests, races first, in the order of the analysis."""
    variants = {variant.variant: variant for variant in analysis.variants}
    races: dict[str, list[Comparison]] = {}
    duels: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in analysis.comparisons:
        if one.scorer != scorer:
            continue
        sides = _sides(variants.get(one.candidate), variants.get(one.baseline), names)
        if sides:
            duels.setdefault(sides, []).append(one)
        else:
            races.setdefault(one.baseline, []).append(one)
    return [
        *(_race(baseline, found, variants, names) for baseline, found in races.items()),
        *(_duel(sides, found, variants) for sides, found in duels.items()),
    ]


def _duel(
    sides: tuple[str, str, str], found: list[Comparison], variants: dict[str, VariantSummary]
) -> Duel:
    one, other, where = sides
    return Duel(
        tuple(found),
        f"{one} against {other}{where}",
        lambda comparison: fmt.name(variants[comparison.candidate].thinking.key),
        lambda comparison: thinking_phrase(variants[comparison.candidate].thinking),
        one,
        other,
    )


def _sides(
    candidate: VariantSummary | None, baseline: VariantSummary | None, names: Names
) -> tuple[str, str, str] | None:
    """What the two differ in and what they share, if it is all but one of several settings."""
    if candidate is None or baseline is None or not names.has_thinking:
        return None
    if candidate.thinking != baseline.thinking:
        return None
    if candidate.prompt == baseline.prompt:
        where = f" with {fmt.name(candidate.prompt)}" if names.has_prompts else ""
        return fmt.name(candidate.model), fmt.name(baseline.model), where
    if candidate.model == baseline.model:
        where = f" on {fmt.name(candidate.model)}" if names.has_models else ""
        return fmt.name(candidate.prompt), fmt.name(baseline.prompt), where
    one, other = (names.group(side.prompt, side.model) for side in (candidate, baseline))
    return one, other, ""


def _race(
    baseline: str, found: list[Comparison], variants: dict[str, VariantSummary], names: Names
) -> Race:
    involved = [variants.get(key) for key in (baseline, *(one.candidate for one in found))]
    shared = {(one.prompt, one.model) for one in involved if one is not None}
    is_ours = None not in involved and len(shared) == 1
    where = names.group(*shared.pop()) if is_ours else ""

    def say(key: str) -> str:
        return thinking_phrase(variants[key].thinking) if is_ours else names[key].phrase

    against = f"against {say(baseline) if is_ours else names[baseline].short}"
    return Race(
        tuple(found),
        f"{where}, {against}" if where else against,
        lambda one: names.apart(one.candidate, one.baseline),
        lambda one: say(one.candidate),
        say(baseline),
        where,
        "setting" if is_ours else names.noun,
        is_ours,
    )


def _size(comparison: Comparison) -> float:
    return abs(comparison.difference.value or 0.0)


def _be(comparisons: Sequence[Comparison]) -> str:
    return "is" if len(comparisons) == 1 else "are"


def _plain_points(margin: float) -> str:
    return f"{100 * margin:.3g}"


def _amount(comparison: Comparison) -> str:
    interval = fmt.difference_interval(comparison.difference)
    text = f"{fmt.difference(comparison.difference)} points"
    return f"{text} ({interval})" if interval else text


def _between(comparison: Comparison) -> str:
    """What is left open where no difference was seen."""
    interval = fmt.difference_interval(comparison.difference)
    return f" ({interval} points)" if interval else ""


def _means(comparison: Comparison, means: dict[str, str]) -> str:
    candidate, baseline = comparison.candidate, comparison.baseline
    return f"{means.get(candidate, fmt.UNKNOWN)} against {means.get(baseline, fmt.UNKNOWN)}"


def _chance(comparison: Comparison) -> str:
    if not comparison.is_measured:
        return ", but too many trials are missing to judge by."
    return "." if comparison.verdict == "equivalent" else ", which may be chance."
