"""Gains, policies, metrics and changes in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_builders import World, analysis, cases, comparison, gap, provenance, share

from evalkit.analysis.leads import TagDifference
from evalkit.analysis.results import Policy, SampleMetric, StepGain
from evalkit.report import html, terminal
from evalkit.report.figures import (
    amount_change,
    finding_words,
    gain_words,
    metric_name,
    needs_words,
    policy_words,
)
from evalkit.report.report import build_report
from evalkit.stats.estimates import Estimate
from evalkit.stats.sampling import VarianceSplit


def amount(value: float, reach: float | None) -> Estimate:
    low, high = (None, None) if reach is None else (value - reach, value + reach)
    return Estimate(value, low, high, None, 50, 50, None, 0.95, "t(49)")


GAIN = StepGain(
    cheaper="off",
    dearer="think-8",
    score=gap(0.2, 0.05, 0.35),
    tokens=amount(502.0, 10.0),
    token_kind="thinking",
    per_1k_tokens=amount(0.4, 0.3),
    per_dollar=amount(100.0, 60.0),
)
POLICY = Policy("off, then think-8", "ask <twice>", share(45, 50), gap(0.1, 0.0, 0.2), 0.004, 0.01)


def test_a_gain() -> None:
    words = gain_words(GAIN)
    assert words.startswith(
        "+20 points for +502 thinking tokens: +40 points per 1,000 (+10 to +70)"
    )
    assert "+100 points per $0.01 (+40 to +160)" in words


def test_a_gain_without_bounds_says_so() -> None:
    words = gain_words(replace(GAIN, per_1k_tokens=amount(0.4, None), per_dollar=None))
    assert words == "+20 points for +502 thinking tokens: unbounded per 1,000"


def test_a_policy() -> None:
    assert policy_words(POLICY) == (
        "90% (79–96%) at $0.0040 a case, 40% of the dearest's; against it +10 points"
    )
    assert "$" not in policy_words(replace(POLICY, cost_usd=None))


@pytest.mark.parametrize(
    ("name", "said"), [("pass@k", "pass@4"), ("pass^k", "pass^4"), ("majority@k", "majority@4")]
)
def test_metric_names(name: str, said: str) -> None:
    assert metric_name(SampleMetric(name, 4, share(5, 10), 0)) == said  # type: ignore[arg-type]


def test_needs_and_changes() -> None:
    one = comparison("b", "a", gap(0.0, -0.1, 0.1), "inconclusive")
    assert needs_words(one) == ""
    assert needs_words(replace(one, needs_cases=1234)) == "1,200 more"
    assert needs_words(replace(one, needs_samples=9)) == "9 samples"
    assert amount_change(amount(-1.5, 0.25), "seconds") == "−1.5 s (−1.8 s to −1.2 s)"
    assert amount_change(amount(0.5, None), "dollars") == "+$0.50"
    assert amount_change(None, "dollars") == ""


def test_a_finding() -> None:
    found = TagDifference(
        tag="t",
        baseline="a",
        candidate="b",
        difference=gap(0.2, 0.1, 0.3),
        p_value=0.001,
        p_adjusted=0.02,
        is_finding=True,
    )
    assert finding_words(found) == "+20 points (+10 to +30), p adjusted 0.020"


def test_pages_show_them() -> None:
    world = World(prompts=("plain",), price=1e-6)
    concluded = analysis(world)
    (curve,) = concluded.curves
    points = tuple(
        replace(point, sent='{"thinking": 1}', n_answered=50, n_thinking=50, front_share=0.5)
        for point in curve.points
    )
    metric = SampleMetric("pass@k", 2, share(40, 50), 0)
    variants = tuple(
        replace(
            variant,
            scores={
                name: replace(
                    score,
                    samples=(metric,),
                    samples_range=(2, 2),
                    variance=VarianceSplit(0.1, 0.05, 0.025, 0.67),
                )
                for name, score in variant.scores.items()
            },
        )
        for variant in concluded.variants
    )
    concluded = replace(
        concluded,
        variants=variants,
        curves=(replace(curve, points=points, gains=(GAIN,), policies=(POLICY,)),),
    )
    report = build_report(concluded, provenance(world), cases(world))
    page, text = html.render(report), terminal.render(report)
    for told in ("+20 points for +502 thinking tokens", "off, then think-8", "pass@2"):
        assert told in page
        assert told in text
    assert "ask &lt;twice&gt;" in page
    assert "0.100" in page
    assert max(map(len, text.splitlines())) <= 80
