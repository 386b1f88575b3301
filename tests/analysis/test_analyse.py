"""A whole run analysed: the order of things, warnings, and never nan, whatever comes in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from analysis_builders import run_of, variant
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.analysis.analysis import MAX_COMPARISONS, analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import Analysis
from evalkit.types import Variant

OFF, SMALL = variant(), variant(8)
OPTIONS = Options(seed=1)


def numbers_in(value: Any) -> Iterator[float]:
    """Every number anywhere in a result."""
    if is_dataclass(value):
        for field in fields(value):
            yield from numbers_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from numbers_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, int | float):
        yield value
    else:
        assert value is None or isinstance(value, str)


def assert_sound(analysis: Analysis) -> None:
    assert all(math.isfinite(number) for number in numbers_in(analysis))
    for summary in analysis.variants:
        for score in summary.scores.values():
            assert sum(score.outcomes.values()) == summary.n_asked
            if score.mean.low is not None and score.mean.high is not None:
                assert score.mean.high > score.mean.low


DEGENERATE: dict[str, dict[Variant, list[Any]]] = {
    "no variant": {},
    "no case": {OFF: [], SMALL: []},
    "nothing run": {OFF: ["not_run"] * 12, SMALL: ["not_run"] * 12},
    "one case": {OFF: [1.0], SMALL: [0.0]},
    "one variant": {OFF: [1.0, 0.0] * 10},
    "all pass": {OFF: [1.0] * 20, SMALL: [1.0] * 20},
    "all fail": {OFF: [0.0] * 20, SMALL: [0.0] * 20},
    "opposites": {OFF: [0.0] * 20, SMALL: [1.0] * 20},
    "all alike in part": {OFF: [0.3] * 20, SMALL: [0.3] * 20},
    "shifted alike": {OFF: [0.3] * 20, SMALL: [0.4] * 20},
    "all failed": {OFF: ["timeout"] * 20, SMALL: ["timeout"] * 20},
    "all refused by the server": {OFF: ["not_found"] * 20, SMALL: ["not_found"] * 20},
    "one arm failed": {OFF: [1.0] * 20, SMALL: ["overloaded"] * 20},
    "one arm not run": {OFF: [1.0] * 20, SMALL: ["not_run"] * 20},
    "all unscored": {OFF: [None] * 20, SMALL: [None] * 20},
    "all refused": {OFF: ["refusal"] * 20, SMALL: ["max_tokens"] * 20},
    "no case in common": {OFF: [1.0, "not_run"] * 10, SMALL: ["not_run", 1.0] * 10},
}


@pytest.mark.parametrize("grades", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("clusters", [None, ["g"] * 20, [f"g{place % 12}" for place in range(20)]])
def test_degenerate_runs(grades: dict[Variant, list[Any]], clusters: list[str] | None) -> None:
    analysis = analyse(run_of(grades, clusters=clusters, tags={0: ["t"]}), OPTIONS)
    assert_sound(analysis)
    for comparison in analysis.comparisons:
        if comparison.verdict in ("superior", "inferior", "equivalent"):
            assert comparison.difference.units >= 10


GRADES = st.sampled_from(
    [
        1.0,
        1.0,
        0.5,
        0.0,
        None,
        "max_tokens",
        "refusal",
        "no_text",
        "timeout",
        "not_found",
        "not_run",
    ]
)


@settings(max_examples=80)
@given(
    st.lists(st.lists(GRADES, min_size=24, max_size=24), min_size=1, max_size=3),
    st.sampled_from([1, 2, 3]),
    st.booleans(),
)
def test_any_run_yields_sound_results(arms: list[list[Any]], samples: int, in_groups: bool) -> None:
    grades = {variant(("off", 8, 128)[place]): arm for place, arm in enumerate(arms)}
    clusters = [f"g{case % 11}" for case in range(24)] if in_groups else None
    assert_sound(analyse(run_of(grades, samples=samples, clusters=clusters), OPTIONS))


def test_the_same_run_gives_the_same_analysis() -> None:
    grades = {OFF: [0.1 * (place % 7) for place in range(60)], SMALL: [0.5, 0.4, 1.0] * 20}
    assert analyse(run_of(grades), OPTIONS) == analyse(run_of(grades), OPTIONS)
    other = analyse(run_of(grades), Options(seed=2))
    assert (
        other.comparisons[0].difference
        == analyse(run_of(grades), OPTIONS).comparisons[0].difference
    )


def test_what_an_analysis_names() -> None:
    analysis = analyse(run_of({SMALL: [1.0] * 12, OFF: [0.0] * 12}), OPTIONS)
    assert analysis.scorers == ("number",)
    assert analysis.leading_scorer == "number"
    assert analysis.baseline == "plain/m/off"
    assert analysis.margin == 0.02
    assert analysis.n_cases == 12
    assert [one.variant for one in analysis.variants] == ["plain/m/think-8", "plain/m/off"]
    assert [one.candidate for one in analysis.comparisons] == ["plain/m/think-8"]
    assert analysis.warnings == ()


def test_a_baseline_of_ones_own() -> None:
    run = run_of({OFF: [0.0] * 12, SMALL: [1.0] * 12})
    analysis = analyse(run, Options(seed=1, baseline="plain/m/think-8"))
    assert [(one.baseline, one.verdict) for one in analysis.comparisons] == [
        ("plain/m/think-8", "inferior")
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(seed=1, leading_scorer="judge"), "no scorer 'judge'"),
        (Options(seed=1, baseline="nobody"), "no variant 'nobody'"),
    ],
)
def test_unknown_names_are_refused(options: Options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        analyse(run_of({OFF: [1.0]}), options)


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.0, 2.0])
def test_a_margin_lies_between_0_and_1(bad: float) -> None:
    with pytest.raises(ValueError, match="margin must lie between 0 and 1"):
        Options(seed=1, margin=bad)
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        Options(seed=1, confidence=bad)


def test_confidence_reaches_every_interval() -> None:
    run = run_of({OFF: [1.0, 0.0] * 20, SMALL: [1.0] * 40}, tags={0: ["t"], 1: ["t"]})
    analysis = analyse(run, Options(seed=1, confidence=0.8))
    estimates = [
        analysis.variants[0].scores["number"].mean,
        analysis.comparisons[0].difference,
        analysis.tags[0].mean,
        analysis.curves[0].points[0].score,
    ]
    assert {one.confidence for one in estimates} == {0.8}


def test_missing_scores_are_warned_of() -> None:
    analysis = analyse(run_of({OFF: [1.0] * 30, SMALL: [1.0] * 27 + ["timeout"] * 3}), OPTIONS)
    assert analysis.warnings == (
        "plain/m/think-8: number is missing for 3 of 30 trials;"
        " more than 5% is too much to judge by",
    )


def test_a_dominating_cluster_is_warned_of() -> None:
    clusters = ["big"] * 11 + [f"g{place}" for place in range(9)]
    analysis = analyse(run_of({OFF: [1.0] * 20}, clusters=clusters), OPTIONS)
    assert analysis.warnings == (
        "the cluster 'big' holds more than half of the cases: intervals over clusters are rough",
    )


def test_very_many_comparisons_are_bounded() -> None:
    grades = {
        variant(setting, prompt=f"p{number:02}"): [1.0] * 10
        for number in range(30)
        for setting in ("off", 8, 16)
    }
    analysis = analyse(run_of(grades), OPTIONS)
    assert len(analysis.comparisons) == MAX_COMPARISONS
    assert {one.axis for one in analysis.comparisons} == {"thinking"}
    assert f"the first {MAX_COMPARISONS} of 147 comparisons are shown" in analysis.warnings


def test_nothing_scored_is_said() -> None:
    run = replace(run_of({OFF: [1.0], SMALL: [1.0]}), values={}, answers={})
    analysis = analyse(run, OPTIONS)
    assert analysis.leading_scorer is None
    assert (analysis.comparisons, analysis.curves, analysis.tags) == ((), (), ())
    assert analysis.variants[0].n_answered == 1
    assert analysis.warnings == ("nothing was scored",)
