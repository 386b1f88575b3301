"""Which variants are compared, in which order, against what."""

from __future__ import annotations

from analysis_builders import variant

from evalkit.analysis.matching import Match, default_baseline, matches
from evalkit.types import Thinking, Variant


def told(variants: list[Variant], baseline: int | None = None) -> list[tuple[str, str, str]]:
    chosen = default_baseline(variants) if baseline is None else baseline
    return [
        (one.axis, variants[one.baseline].key, variants[one.candidate].key)
        for one in matches(variants, chosen)
    ]


def test_a_sweep_is_held_against_thinking_off() -> None:
    variants = [variant(8), variant(32), variant()]
    assert default_baseline(variants) == 2
    assert told(variants) == [
        ("thinking", "plain/m/off", "plain/m/think-8"),
        ("thinking", "plain/m/off", "plain/m/think-32"),
    ]


def test_one_axis_at_a_time_thinking_first() -> None:
    variants = [variant(t, prompt=p) for p in ("plain", "terse") for t in ("off", 8)]
    assert told(variants) == [
        ("thinking", "plain/m/off", "plain/m/think-8"),
        ("thinking", "terse/m/off", "terse/m/think-8"),
        ("prompt", "plain/m/off", "terse/m/off"),
        ("prompt", "plain/m/think-8", "terse/m/think-8"),
    ]


def test_models_of_one_prompt() -> None:
    variants = [variant(model=name) for name in ("big", "small", "tiny")]
    assert told(variants) == [
        ("model", "plain/big/off", "plain/small/off"),
        ("model", "plain/big/off", "plain/tiny/off"),
    ]


def test_another_baseline_is_the_reference_on_every_axis() -> None:
    variants = [variant(t, prompt=p) for p in ("plain", "terse") for t in ("off", 8)]
    assert told(variants, baseline=3) == [
        ("thinking", "plain/m/think-8", "plain/m/off"),
        ("thinking", "terse/m/think-8", "terse/m/off"),
        ("prompt", "terse/m/off", "plain/m/off"),
        ("prompt", "terse/m/think-8", "plain/m/think-8"),
    ]


def test_where_the_reference_is_lacking_off_or_the_first_stands_in() -> None:
    adaptive = Variant("plain", "new", Thinking("adaptive"))
    variants = [variant(8), variant(32), adaptive, variant("off", model="new")]
    assert told(variants) == [
        ("thinking", "plain/m/think-8", "plain/m/think-32"),
        ("thinking", "plain/new/off", "plain/new/adaptive"),
    ]


def test_one_variant_is_compared_with_nothing() -> None:
    assert told([variant()]) == []


def test_by_an_axis_only_that_axis() -> None:
    variants = [variant(t, p) for p in ("a", "b") for t in ("off", 8)]
    assert [match.axis for match in matches(variants, 0, "prompt")] == ["prompt", "prompt"]
    assert [match.axis for match in matches(variants, 0, "thinking")] == ["thinking", "thinking"]


def test_by_variant_everything_is_held_against_the_baseline() -> None:
    variants = [variant(t, p) for p in ("a", "b") for t in ("off", 8)]
    found = list(matches(variants, 2, "variant"))
    assert [(match.baseline, match.candidate) for match in found] == [(2, 0), (2, 1), (2, 3)]
    assert {match.axis for match in found} == {None}


def test_the_same_variant_in_two_runs() -> None:
    variants = [variant(t, model=f"m@{run}") for run in ("r1", "r2") for t in ("off", 8)]
    found = list(matches(variants, 0, runs=["r1", "r1", "r2", "r2"]))
    assert found == [Match(0, 2, "run"), Match(1, 3, "run")]
    within = list(matches(variants, 0, "thinking", ["r1", "r1", "r2", "r2"]))
    assert found != within == [Match(0, 1, "thinking"), Match(2, 3, "thinking")]


def test_runs_that_share_no_variant_are_held_against_the_baseline() -> None:
    variants = [variant(model="m@r1"), variant(model="n@r2")]
    assert list(matches(variants, 0, runs=["r1", "r2"])) == [Match(0, 1, None)]
