"""Rules over a run and a bank: every kind of rule, every outcome, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.bank import Bank, BankedVariant, Column
from evalkit.analysis.gate import GateResult, is_decided, judge, make_tests
from evalkit.analysis.gate_plan import Subjects, questions, shuffled_units
from evalkit.analysis.gate_tests import GateTest
from evalkit.analysis.measures import SHARES, measures, recorded
from evalkit.analysis.readings import least_units
from evalkit.analysis.trials import Trials
from evalkit.policies import GatePolicy, MetricRule, ScoreRule

OFF = variant()
GOOD = [1.0] * 170 + [0.0] * 30
DROP = ScoreRule("number", max_drop=0.1)


def bank_of(
    means: Sequence[float], counts: int = 8, within: float | None = 0.05, **columns: Column
) -> Bank:
    n = len(means)
    asked = np.full(n, counts)
    zero = Column(np.zeros(n), asked)
    found = {
        "score:number": Column(np.array(means) * counts, asked),
        **dict.fromkeys(SHARES, zero),
        **columns,
    }
    noise = {"score:number": within, **dict.fromkeys(SHARES, 0.0)}
    return Bank("b", 8, {OFF.key: BankedVariant(found, noise, {}, {"latency_p95": 1.0})})


def made_of(
    trials: Trials, bank: Bank | None, *rules: Any, samples: int = 1, **policy: Any
) -> list[GateTest]:
    subjects = Subjects(
        tuple(one.key for one in trials.variants),
        len(trials.cases.ids),
        trials.cases.tags,
        shuffled_units(trials.cases.ids, trials.cases.clusters, 7),
        samples,
    )
    wanted = GatePolicy(rules=rules, **policy)
    return make_tests(questions(wanted, subjects, bank), wanted.a_fail)


def gate(
    grades: Sequence[Any], bank: Bank | None, *rules: Any, samples: int = 1, **more: Any
) -> GateResult:
    policy = {name: more.pop(name) for name in ("method", "a_fail") if name in more}
    trials = run_of({OFF: grades}, samples=samples, **more)
    tests = made_of(trials, bank, *rules, samples=samples, **policy)
    return judge(trials, tests, samples=samples, a_fail=0.01, seed=7)


def test_the_same_scores_pass_before_all_are_seen():
    result = gate(GOOD, bank_of(GOOD), DROP)
    (one,) = result.rules
    assert (result.verdict, one.outcome) == ("pass", "pass")
    assert one.seen < 200
    assert result.decided_at == one.decided_at == one.seen
    assert one.e_pass is not None
    assert one.e_pass >= 20
    assert one.worst_loss is not None
    assert one.worst_loss < 0.1
    assert one.value == 0


def test_a_loss_is_a_regression():
    worse = [1.0] * 120 + [0.0] * 80
    result = gate(worse, bank_of(GOOD), DROP)
    (one,) = result.rules
    assert (result.verdict, one.outcome) == ("regression", "regression")
    assert one.e_fail is not None
    assert one.e_fail >= 100
    assert one.value == pytest.approx(-0.25)
    assert "proven" in one.why


def test_a_small_loss_stays_open_and_says_what_would_decide():
    slightly = [0.0] * 14 + [1.0] * 166 + [0.0] * 20
    result = gate(slightly, bank_of(GOOD), ScoreRule("number", max_drop=0.08))
    (one,) = result.rules
    assert result.verdict == "inconclusive"
    assert one.decides
    assert "more case" in one.decides
    assert result.decided_at is None


def test_the_order_of_rows_carries_no_meaning():
    grades = [1.0] * 150 + [0.0] * 50
    trials = run_of({OFF: grades})
    tests = made_of(trials, bank_of(GOOD), DROP)
    found = judge(trials, tests, samples=1, a_fail=0.01, seed=7)
    assert found == gate(grades, bank_of(GOOD), DROP)


def test_nothing_after_a_gap_is_seen():
    grades: list[Any] = list(GOOD)
    units = shuffled_units([f"c{i}" for i in range(200)], None, 7)
    grades[int(units[25][0])] = "not_run"
    result = gate(grades, bank_of(GOOD), DROP, planned=200)
    (one,) = result.rules
    assert one.seen == 25
    assert one.outcome == "inconclusive"
    assert one.decides == "175 planned cases not yet measured: go on with the run."


def test_a_few_missing_enter_at_their_worst_and_many_leave_no_verdict():
    few: list[Any] = list(GOOD)
    few[:6] = ["timeout"] * 6
    clean, held = gate(GOOD, bank_of(GOOD), DROP), gate(few, bank_of(GOOD), DROP)
    assert held.verdict == "pass"
    assert held.decided_at is not None
    assert clean.decided_at is not None
    assert held.decided_at >= clean.decided_at
    many: list[Any] = list(GOOD)
    many[::3] = ["timeout"] * len(many[::3])
    lost = gate(many, bank_of(GOOD), DROP, MetricRule("failed", max=0.01))
    assert [one.outcome for one in lost.rules] == ["unmeasured", "regression"]
    assert lost.verdict == "unmeasured"  # never a regression of the model


@pytest.mark.parametrize("method", ["sequential", "fixed"])
def test_what_hinges_on_missing_answers_is_called_fragile(method: str):
    few: list[Any] = list(GOOD)
    few[:9] = ["timeout"] * 9
    narrow = ScoreRule("number", max_drop=0.06)
    (held,) = gate(few, bank_of(GOOD), narrow, method=method).rules
    assert held.outcome == "inconclusive"
    assert held.why.endswith("; fragile: it depends on 9 missing trials")
    (whole,) = gate(GOOD, bank_of(GOOD), narrow, method=method).rules
    assert whole.outcome == "pass"


def test_model_errors_score_nothing_and_count():
    refused: list[Any] = list(GOOD)
    refused[:90] = ["invalid_request"] * 90
    assert gate(refused, bank_of(GOOD), DROP).verdict == "regression"


def test_too_few_cases_give_no_verdict():
    result = gate([0.0] * 9, bank_of([1.0] * 9), DROP)
    assert result.verdict == "inconclusive"
    assert "a verdict needs 10" in result.rules[0].why
    assert gate(["timeout"] * 9, bank_of([1.0] * 9), DROP).verdict == "unmeasured"


def test_what_is_proven_by_fewer_than_ten_waits_for_ten():
    rule = ScoreRule("number", max_drop=0.6)
    (one,) = gate([1.0] * 40, bank_of([1.0] * 40), rule).rules
    assert (one.outcome, one.seen) == ("pass", 10)
    assert one.decided_at is not None
    assert one.decided_at < 10


def test_clusters_are_units():
    grades = [1.0] * 120 + [0.0] * 80
    clusters = [f"k{place // 4}" for place in range(200)]
    result = gate(grades, bank_of(GOOD), DROP, clusters=clusters)
    (one,) = result.rules
    assert one.units == 50
    assert result.verdict == "regression"
    assert one.decided_at == 4 * one.seen


def test_samples_of_a_case_are_fed_together():
    grades = [value for value in GOOD for _ in range(3)]
    result = gate(grades, bank_of(GOOD), DROP, samples=3)
    assert result.verdict == "pass"
    assert result.rules[0].units == 200


def test_a_rule_by_tag_looks_at_its_cases_alone():
    grades = [1.0] * 100 + [0.0] * 60 + [1.0] * 40
    tags = {place: ["new" if place >= 100 else "old"] for place in range(200)}
    rule = ScoreRule("number", max_drop=0.15, tags=("*",))
    result = gate(grades, bank_of([1.0] * 200), rule, tags=tags)
    assert [(one.tag, one.outcome) for one in result.rules] == [
        ("new", "regression"),
        ("old", "pass"),
    ]
    assert result.n_tests == 2
    assert result.verdict == "regression"


@pytest.mark.parametrize(
    ("grades", "outcome"),
    [
        ([1.0] * 200, "pass"),
        ([1.0] * 110 + [0.0] * 90, "regression"),
        ([1.0] * 162 + [0.0] * 38, "inconclusive"),
    ],
    ids=["above", "below", "near"],
)
def test_a_floor_must_be_proven_either_way(grades, outcome):
    result = gate(grades, None, ScoreRule("number", min=0.8))
    assert result.rules[0].outcome == outcome


@pytest.mark.parametrize(("cut", "outcome"), [(1, "pass"), (6, "inconclusive"), (60, "regression")])
def test_a_limit_on_a_share_is_kept_as_seen_and_broken_by_proof(cut, outcome):
    grades: list[Any] = list(GOOD)
    grades[:cut] = ["max_tokens"] * cut
    result = gate(grades, None, MetricRule("truncated", max=0.02))
    assert result.rules[0].outcome == outcome
    assert result.rules[0].value == pytest.approx(cut / 200)


def test_a_share_may_not_rise_above_the_banks():
    grades: list[Any] = list(GOOD)
    grades[:60] = ["refusal"] * 60
    rise = MetricRule("refused", max_increase=0.1)
    assert gate(grades, bank_of(GOOD), rise).verdict == "regression"
    assert gate(GOOD, bank_of(GOOD), rise).verdict == "pass"


def amounts(cost: Sequence[float], seconds: float = 1.0) -> list[Any]:
    return [{"value": 1.0, "cost_usd": usd, "elapsed_s": seconds} for usd in cost]


def test_cost_and_latency():
    cheap, dear = amounts([0.01, 0.012] * 50), amounts([0.03, 0.04] * 50, seconds=3.0)
    limit = MetricRule("cost_usd", max=0.02)
    assert gate(cheap, None, limit).verdict == "pass"
    assert gate(dear, None, limit).verdict == "regression"
    assert gate([1.0] * 100, None, limit).rules[0].why == "no price is known"
    per_right = MetricRule("cost_per_correct", max=0.02)
    assert gate(cheap, None, per_right).verdict == "pass"
    assert gate(dear, None, per_right).verdict == "regression"
    slow = MetricRule("latency_p95", max=2.0)
    assert gate(cheap, None, slow).verdict == "pass"
    assert gate(dear, None, slow).verdict == "regression"
    assert gate(
        dear, bank_of([1.0] * 100), MetricRule("latency_p95", max_increase=0.5)
    ).verdict == ("regression")
    banked = Column(np.full(100, 8 * 0.011), np.full(100, 8))
    rise = MetricRule("cost_usd", max_increase=0.2)
    assert gate(cheap, bank_of([1.0] * 100, cost_usd=banked), rise).verdict == "pass"
    assert gate(dear, bank_of([1.0] * 100, cost_usd=banked), rise).verdict == "regression"


def test_how_the_run_went_is_a_fact():
    grades: list[Any] = list(GOOD)
    grades[:6] = ["timeout"] * 6
    result = gate(
        grades, None, MetricRule("failed", max=0.01), MetricRule("completeness", min=0.95)
    )
    assert [one.outcome for one in result.rules] == ["regression", "pass"]
    assert result.verdict == "regression"


def test_fixed_n_looks_once_at_all():
    result = gate(GOOD, bank_of(GOOD), DROP, method="fixed")
    assert (result.verdict, result.rules[0].method) == ("pass", "Tango")
    worse = [1.0] * 120 + [0.0] * 80
    assert gate(worse, bank_of(GOOD), DROP, method="fixed").verdict == "regression"
    early: list[Any] = [*GOOD[:-1], "not_run"]
    open_ = gate(early, bank_of(GOOD), DROP, method="fixed", planned=200)
    assert open_.verdict == "inconclusive"
    assert "looks once" in open_.rules[0].why


def test_fixed_tests_are_adjusted_by_holm():
    """Three tags lose alike: Holm finds what Bonferroni finds first, and then more."""
    tags = {place: [f"t{place % 3}"] for place in range(300)}
    rule = ScoreRule("number", max_drop=0.02, tags=("*",))
    losses = {0: 20, 1: 10, 2: 10}
    grades = [1.0] * 300
    for tag, lost in losses.items():
        for place in range(tag, 3 * lost + tag, 3):
            grades[place] = 0.0
    result = gate(grades, bank_of([1.0] * 300), rule, method="fixed", tags=tags)
    p = [one.p_value for one in result.rules]
    assert [one.outcome for one in result.rules] == ["regression"] * 3
    assert p[0] < p[1] == p[2]
    alone = gate(
        grades[1::3], bank_of([1.0] * 100), ScoreRule("number", max_drop=0.02), method="fixed"
    )
    assert alone.rules[0].p_value is not None
    assert p[1] == pytest.approx(2 * alone.rules[0].p_value)


def test_alarms_of_all_rules_share_the_error():
    trials = run_of({OFF: GOOD})
    tests = made_of(trials, bank_of(GOOD), DROP, MetricRule("truncated", max=0.1))
    assert [test.alpha_fail for test in tests] == [0.005, 0.005]
    assert tests[0].question.alpha_pass == 0.05  # a pass needs all of them: not corrected


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (ScoreRule("other", max_drop=0.1), "has no other of plain/m/off"),
        (MetricRule("latency_p50", max_increase=0.1), "knows no latency_p50"),
    ],
)
def test_what_the_bank_lacks_is_said(rule, told):
    with pytest.raises(ValueError, match=told):
        made_of(run_of({OFF: GOOD}), bank_of(GOOD), rule)
    with pytest.raises(ValueError, match="none was named"):
        made_of(run_of({OFF: GOOD}), None, DROP)


def test_a_run_stops_when_all_that_needs_proof_has_it():
    def missing(test: GateTest) -> float:
        return 0.0

    trials = run_of({OFF: GOOD})
    tests = made_of(trials, bank_of(GOOD), DROP, MetricRule("truncated", max=0.1))
    assert not is_decided(tests, missing)
    ready = recorded(trials)[0] >= 1
    low, high = measures(trials)["score:number"].bounds()
    tests[0].advance(ready, low[0], high[0])
    assert is_decided(tests, missing)
    assert not is_decided(tests, lambda test: 0.06)
    (fact,) = made_of(trials, None, MetricRule("failed", max=0.1))
    assert not is_decided([fact], missing)


def test_what_would_decide_is_said_in_clusters():
    """30 clusters of 5, and one of 50 that keeps every bet small."""
    clusters = [f"k{place // 5}" for place in range(150)] + ["large"] * 50
    (open_,) = gate(GOOD, bank_of(GOOD), ScoreRule("number", 0.03), clusters=clusters).rules
    assert open_.outcome == "inconclusive"
    assert open_.decides is not None
    assert open_.decides.endswith("more clusters, or a wider margin.")
    # Of equal clusters the rows count as before; what one of 50 does to them is far worse.
    equal = least_units(0.05, 0.25, 0.05, largest=5, mean_size=5.0)
    assert equal == pytest.approx(least_units(0.05, 0.25, 0.05) / 5, abs=1)
    assert least_units(0.05, 0.25, 0.05, largest=50, mean_size=5.0) > 4 * equal
