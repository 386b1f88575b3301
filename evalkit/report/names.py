"""What settings and variants are called in sentences, tables and on axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.analysis.results import VariantSummary
from evalkit.report import format as fmt
from evalkit.types import Thinking

_BUDGET = re.compile(r"an? ([\d,]+)-token budget")
_SIZES = 8
"""So many budgets are named in one sentence."""


def thinking_phrase(thinking: Thinking) -> str:
    """A setting in words, singular: ``thinking off``, ``a 32-token budget``."""
    words = {
        "default": "default thinking",
        "off": "thinking off",
        "adaptive": "adaptive thinking",
        "budget": f"{_article(thinking.budget_tokens or 0)}-token budget",
    }[thinking.mode]
    if not thinking.effort:
        return words
    effort = f"{fmt.name(thinking.effort)} effort"
    return effort if thinking.mode == "default" else f"{words} at {effort}"


def listed_phrases(phrases: Sequence[str], most: int) -> str:
    """Phrases in a list, budgets together: ``thinking off and budgets of 8 and 32 tokens``.

    Of more than ``most`` things it is said how many others there are; budgets are one thing.
    """
    sizes = [found[1] for one in phrases if (found := _BUDGET.fullmatch(one))]
    if len(sizes) > 1:
        others = [f"{len(sizes) - _SIZES} more sizes"] if len(sizes) > _SIZES + 1 else []
        shown = sizes[:_SIZES] if others else sizes
        budgets = f"budgets of {fmt.listed([*shown, *others])}{'' if others else ' tokens'}"
        first = next(at for at, one in enumerate(phrases) if _BUDGET.fullmatch(one))
        rest = [one for one in phrases if not _BUDGET.fullmatch(one)]
        phrases = [*rest[:first], budgets, *rest[first:]]
    if len(phrases) > most:
        left = len(phrases) - most
        phrases = [*phrases[:most], fmt.count(left, "other")]
    return fmt.listed(phrases)


def thinking_tick(thinking: Thinking) -> str:
    """A setting as an axis label: ``off``, ``1024``, ``adaptive high``."""
    base = str(thinking.budget_tokens) if thinking.mode == "budget" else thinking.mode
    if not thinking.effort:
        return base
    effort = fmt.name(thinking.effort)
    return effort if thinking.mode == "default" else f"{base} {effort}"


def capital(text: str) -> str:
    """``text`` with a capital first letter."""
    return text[:1].upper() + text[1:]


def _article(number: int) -> str:
    """``a 32``, ``an 8``, ``an 11,000``: as it is spoken."""
    written = f"{number:,}"
    vowel = written.startswith("8") or written.split(",")[0] in ("11", "18")
    return f"{'an' if vowel else 'a'} {written}"


@dataclass(frozen=True, slots=True)
class Name:
    """One variant's names. ``short`` is its key without what all variants share."""

    key: str
    short: str
    phrase: str


class Names:
    """Names of all variants of a run, told apart by what differs and by nothing else."""

    def __init__(self, variants: Sequence[VariantSummary]) -> None:
        self.has_prompts = len({variant.prompt for variant in variants}) > 1
        self.has_models = len({variant.model for variant in variants}) > 1
        self.has_thinking = len({variant.thinking for variant in variants}) > 1
        self._variants = tuple(variants)
        self._by_key = {variant.variant: self._name(variant) for variant in variants}
        self._parts = {
            variant.variant: (variant.prompt, variant.model, variant.thinking.key)
            for variant in variants
        }

    def __getitem__(self, key: str) -> Name:
        """The names of the variant with this key; a key the run lacks is its own name."""
        plain = fmt.name(key)
        return self._by_key.get(key) or Name(plain, plain, plain)

    def apart(self, candidate: str, baseline: str) -> str:
        """The parts of ``candidate`` in which it differs from ``baseline``: ``think-32``."""
        one, other = self._parts.get(candidate), self._parts.get(baseline)
        if one is None or other is None or one == other:
            return self[candidate].short
        differing = [fmt.name(a) for a, b in zip(one, other, strict=True) if a != b]
        return "/".join(differing)

    def grouped(self) -> list[tuple[str, list[tuple[str, VariantSummary]]]]:
        """All variants with a label each, under the prompt and model that their settings share.

        Where thinking is not one of several axes there is one group without a heading.
        """
        groups: dict[str, list[tuple[str, VariantSummary]]] = {}
        for variant in self._variants:
            group = self.group(variant.prompt, variant.model) if self.has_thinking else ""
            label = fmt.name(variant.thinking.key) if group else self[variant.variant].short
            groups.setdefault(group, []).append((label, variant))
        return list(groups.items())

    @property
    def noun(self) -> str:
        """What the variants are: ``setting``, ``prompt``, ``model``, or ``variant`` of several."""
        parts = {"prompt": self.has_prompts, "model": self.has_models, "setting": self.has_thinking}
        differing = [part for part, differs in parts.items() if differs]
        return differing[0] if len(differing) == 1 else "variant"

    def group(self, prompt: str, model: str) -> str:
        """A prompt and model in words, as far as they differ; empty when the run has but one."""
        parts = [fmt.name(prompt)] if self.has_prompts else []
        parts += [fmt.name(model)] if self.has_models else []
        return " on ".join(parts)

    def _name(self, variant: VariantSummary) -> Name:
        key = fmt.name(variant.variant)
        if not (self.has_prompts or self.has_models or self.has_thinking):
            return Name(key, key, key)
        parts = [fmt.name(variant.prompt)] if self.has_prompts else []
        parts += [fmt.name(variant.model)] if self.has_models else []
        parts += [fmt.name(variant.thinking.key)] if self.has_thinking else []
        group = self.group(variant.prompt, variant.model)
        thinking = thinking_phrase(variant.thinking) if self.has_thinking else ""
        phrase = f"{group} with {thinking}" if group and thinking else group or thinking
        return Name(key, "/".join(parts), phrase)
