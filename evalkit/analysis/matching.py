"""Which variants are held against which."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.analysis.results import Axis
from evalkit.types import Variant


@dataclass(frozen=True, slots=True)
class Match:
    """Two variants, by position, that differ in one ``axis`` only."""

    baseline: int
    candidate: int
    axis: Axis


def default_baseline(variants: Sequence[Variant]) -> int:
    """The position of the first variant, or of the one like it with thinking off."""
    first = variants[0]
    for position, variant in enumerate(variants):
        is_like = (variant.prompt, variant.model) == (first.prompt, first.model)
        if is_like and variant.thinking.mode == "off":
            return position
    return 0


def matches(variants: Sequence[Variant], baseline: int) -> Iterator[Match]:
    """All pairs that differ in one axis, each against the baseline's value on that axis.

    Thinking settings come first, then prompts, then models. Where a group lacks the baseline's
    value, thinking off stands in for it, else the group's first variant.
    """
    wanted = variants[baseline]
    yield from _along("thinking", lambda one: (one.prompt, one.model), variants, wanted)
    yield from _along("prompt", lambda one: (one.model, one.thinking), variants, wanted)
    yield from _along("model", lambda one: (one.prompt, one.thinking), variants, wanted)


def _along(
    axis: Axis,
    group_of: Callable[[Variant], Hashable],
    variants: Sequence[Variant],
    wanted: Variant,
) -> Iterator[Match]:
    groups: dict[Hashable, list[int]] = {}
    for position, variant in enumerate(variants):
        groups.setdefault(group_of(variant), []).append(position)
    for members in groups.values():
        same = [one for one in members if getattr(variants[one], axis) == getattr(wanted, axis)]
        off = [one for one in members if variants[one].thinking.mode == "off"]
        reference = (same or off or members)[0]
        yield from (Match(reference, one, axis) for one in members if one != reference)
