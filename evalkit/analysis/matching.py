"""Which variants are held against which."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.analysis.options import By
from evalkit.analysis.results import Axis
from evalkit.types import Thinking, Variant


@dataclass(frozen=True, slots=True)
class Match:
    """Two variants, by position, that differ in one ``axis`` only (None: in whatever they do)."""

    baseline: int
    candidate: int
    axis: Axis | None


@dataclass(frozen=True, slots=True)
class _Arm:
    prompt: str
    model: str
    thinking: Thinking
    run: str


_SHARED: dict[Axis, Callable[[_Arm], Hashable]] = {
    "thinking": lambda one: (one.run, one.prompt, one.model),
    "prompt": lambda one: (one.run, one.model, one.thinking),
    "model": lambda one: (one.run, one.prompt, one.thinking),
    "run": lambda one: (one.prompt, one.model, one.thinking),
}
"""What two variants have in common that differ in one axis."""


def default_baseline(variants: Sequence[Variant]) -> int:
    """The position of the first variant, or of the one like it with thinking off."""
    first = variants[0]
    for position, variant in enumerate(variants):
        is_like = (variant.prompt, variant.model) == (first.prompt, first.model)
        if is_like and variant.thinking.mode == "off":
            return position
    return 0


def run_name(model: str, run: str) -> str:
    """What a model is called where several runs are compared: ``claude-haiku-4-5@3f21bc``."""
    return f"{model}@{run}"


def matches(
    variants: Sequence[Variant],
    baseline: int,
    by: By | None = None,
    runs: Sequence[str] = (),
) -> Iterator[Match]:
    """Pairs of variants, each against the baseline's value on the axis they differ in.

    ``by`` names the axis; ``variant`` holds all against the baseline, None takes every axis in
    turn: thinking settings first, then prompts, then models; with several ``runs`` (one label a
    variant) the same variant in two runs, or all against the baseline if no variant is in two.
    Where a group lacks the baseline's value, thinking off stands in for it, else its first.
    """
    arms = [
        _Arm(one.prompt, one.model.removesuffix(f"@{run}") if run else one.model, one.thinking, run)
        for one, run in zip(variants, runs or [""] * len(variants), strict=True)
    ]
    if by == "variant":
        others = (one for one in range(len(arms)) if one != baseline)
        yield from (Match(baseline, one, None) for one in others)
        return
    axes: tuple[Axis, ...] = ("thinking", "prompt", "model")
    if by is not None or len(set(runs)) > 1:
        axes = (by or "run",)
    found = [match for axis in axes for match in _along(axis, arms, arms[baseline])]
    if found or by is not None:
        yield from found
    elif len(arms) > 1:
        yield from matches(variants, baseline, "variant")


def _along(axis: Axis, arms: Sequence[_Arm], wanted: _Arm) -> Iterator[Match]:
    groups: dict[Hashable, list[int]] = {}
    for position, arm in enumerate(arms):
        groups.setdefault(_SHARED[axis](arm), []).append(position)
    for members in groups.values():
        same = [one for one in members if getattr(arms[one], axis) == getattr(wanted, axis)]
        off = [one for one in members if arms[one].thinking.mode == "off"]
        reference = (same or off or members)[0]
        yield from (Match(reference, one, axis) for one in members if one != reference)
