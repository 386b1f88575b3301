"""Input at the edge, one test a case: what is said then, and that nothing certain is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from analysis_builders import SCHEMA, run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.results import Analysis, Comparison, ScoreSummary
from evalkit.stats.multiplicity import benjamini_hochberg, holm
from evalkit.stats.paired import mcnemar_mid_p
from evalkit.types import Variant

OFF, ON, DEAR = variant(), variant(8), variant(128)
OPTIONS = Options(seed=1)


def analysed(grades: dict[Variant, list[Any]], **run: Any) -> Analysis:
    return analyse(run_of(grades, **run), OPTIONS)


def compared(grades: dict[Variant, list[Any]], **run: Any) -> Comparison:
    (one,) = analysed(grades, **run).comparisons
    return one


def scored(grades: list[Any], **run: Any) -> ScoreSummary:
    return analysed({OFF: grades}, **run).variants[0].scores["number"]


def test_no_scored_row() -> None:
    summary = scored([None] * 12)
    assert (summary.mean.value, summary.mean.low, summary.mean.high) == (None, None, None)
    assert summary.mean.note == "no scored rows"
    one = compared({OFF: [None] * 12, ON: [None] * 12})
    assert (one.verdict, one.difference.value, one.p_value) == ("too few", None, None)


@pytest.mark.parametrize(("grades", "clusters"), [([1.0], None), ([1.0, 0.0, 1.0, 1.0], ["a"] * 4)])
def test_one_row_or_one_cluster(grades: list[float], clusters: list[str] | None) -> None:
    mean = scored(grades, clusters=clusters).mean
    assert mean.value == np.mean(grades)
    assert (mean.low, mean.high, mean.se) == (None, None, None)
    assert "only one independent unit" in (mean.note or "")
    one = compared({OFF: grades, ON: grades[::-1]}, clusters=clusters)
    assert one.verdict == "too few"
    assert (one.difference.low, one.detectable) == (None, None)


@pytest.mark.parametrize(("grade", "low", "high"), [(1.0, 0.839, 1.0), (0.0, 0.0, 0.161)])
def test_all_pass_and_all_fail(grade: float, low: float, high: float) -> None:
    mean = scored([grade] * 20).mean
    assert (mean.low, mean.high) == pytest.approx((low, high), abs=5e-4)


def test_no_discordant_pair() -> None:
    one = compared({OFF: [1.0, 0.0] * 20, ON: [1.0, 0.0] * 20})
    assert (one.p_value, one.p_check) == (1.0, 1.0)
    assert mcnemar_mid_p(0, 0) == 1.0
    reach = 1.959964**2 / (40 + 1.959964**2)
    assert one.difference.low == pytest.approx(-reach, abs=1e-6)
    assert one.difference.high == pytest.approx(reach, abs=1e-6)
    assert one.verdict == "inconclusive"
    assert one.needs_cases


def test_no_variance_in_partial_scores() -> None:
    mean = scored([0.3] * 20).mean
    assert (mean.n_eff, mean.note) == (20, "no variation: cached answers?")
    one = compared({OFF: [0.3] * 20, ON: [0.4] * 20})
    assert one.difference.n_eff == 20
    assert (one.difference.high or 0) - (one.difference.low or 0) > 0.2


def test_one_stored_answer_for_both() -> None:
    row = {"source": "cache", "value": 1.0}
    kept = [row | {"message_id": f"m{place}"} for place in range(20)]
    one = compared({OFF: kept, ON: kept})
    assert (one.n_identical, one.difference.value) == (20, 0.0)
    assert any("no difference there by construction" in note for note in one.notes)


@pytest.mark.parametrize(
    ("n", "verdict", "told"),
    [
        (9, "too few", "9 independent cases, and a verdict needs 10"),
        (12, "superior", "only 12 independent cases: read the verdict with caution"),
        (40, "superior", None),
    ],
)
def test_few_units(n: int, verdict: str, told: str | None) -> None:
    one = compared({OFF: [0.0] * n, ON: [1.0] * n})
    assert one.verdict == verdict
    assert one.difference.value == 1.0
    assert told in one.notes if told else not any("independent" in note for note in one.notes)


def test_one_huge_cluster() -> None:
    clusters = ["giant"] * 30 + [f"c{place}" for place in range(20)]
    grades = [1.0] * 30 + [0.0, 1.0] * 10
    found = analysed({OFF: grades}, clusters=clusters)
    assert any("'giant' holds more than half" in warning for warning in found.warnings)
    alone = scored(grades).mean
    grouped = found.variants[0].scores["number"].mean
    assert (grouped.se or 0) > 2 * (alone.se or 0)


def test_unequal_and_missing_samples() -> None:
    grades = [1.0, 0.0, "not_run", 1.0, "not_run", "not_run", 0.5, "timeout", None] + [1.0] * 30
    summary = scored(grades, samples=3)
    assert summary.samples_range == (1, 3)
    means = [0.5, 1.0, 0.5] + [1.0] * 10
    assert summary.mean.value == pytest.approx(np.mean(means))


@pytest.mark.parametrize("bad", [1.0001, -0.5, 2.0, float("inf")])
def test_a_score_outside_its_range_is_an_error(bad: float) -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        scored([1.0, bad])


def test_a_score_that_is_no_number_is_missing() -> None:
    summary = scored([1.0] * 30 + [float("nan")])
    assert (summary.mean.value, summary.mean.n) == (1.0, 30)
    assert summary.outcomes["unscored"] == 1
    assert summary.bounds == pytest.approx((30 / 31, 1.0))


def test_ties_in_p_values() -> None:
    assert holm([0.01, 0.01, 0.04, 0.04, 0.5]) == pytest.approx([0.05, 0.05, 0.12, 0.12, 0.5])
    tied = benjamini_hochberg([0.01, 0.01, 0.04, 0.04, 0.5])
    assert tied == pytest.approx([0.025, 0.025, 0.05, 0.05, 0.5])


def test_settings_of_the_same_cost_keep_their_order() -> None:
    rows = [{"value": grade, "cost_usd": 0.01} for grade in [1.0, 0.0] * 20]
    (curve,) = analysed({OFF: rows, ON: rows, DEAR: rows}).curves
    assert [point.thinking.key for point in curve.points] == ["off", "think-8", "think-128"]
    assert all(point.is_on_front for point in curve.points)
    assert curve.gains[0].per_dollar is not None
    assert curve.gains[0].per_dollar.low is None


@pytest.mark.parametrize("margin", [0.0, -0.02, 1.0, 1.5, float("nan")])
def test_margins_that_mean_nothing(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must lie between 0 and 1"):
        Options(seed=1, margin=margin)


def test_a_95th_percentile_of_few_rows() -> None:
    rows = [{"value": 1.0, "elapsed_s": float(place)} for place in range(50)]
    p95 = analysed({OFF: rows}).variants[0].elapsed_p95
    assert p95 is not None
    assert (p95.low, p95.high, p95.note) == (43.0, None, "no upper limit: too few values")


def test_model_errors_and_infrastructure_errors() -> None:
    # 100 asked, 95 scored (90 right), 3 model errors, 2 infrastructure errors.
    summary = scored([1.0] * 90 + [0.0] * 5 + ["not_found"] * 3 + ["timeout"] * 2)
    assert summary.mean.value == pytest.approx(90 / 98)
    assert summary.answered_only == pytest.approx(90 / 95)
    assert summary.bounds == pytest.approx((0.90, 0.92))
    assert sum(summary.outcomes.values()) == 100


def test_missing_rows_of_pairs() -> None:
    # Complete pairs (baseline, candidate): 11, 10, 01; then one side each time out.
    baseline = [1.0, 1.0, 0.0, 1.0, "timeout", 0.0]
    candidate = [1.0, 0.0, 1.0, "timeout", 1.0, "timeout"]
    one = compared({OFF: baseline, ON: candidate})
    assert (one.n_pairs, one.n_unpaired, one.difference.value) == (3, 3, 0.0)
    assert one.bounds == pytest.approx((-1 / 6, 2 / 6))


def test_more_errors_of_one_variant_are_no_chance() -> None:
    failing = ["timeout"] * 3 + ["not_found"] * 17 + [1.0] * 80
    one = compared({OFF: [1.0] * 100, ON: failing})
    assert one.failures is not None
    assert one.failures.value == pytest.approx(0.20)
    assert (one.p_failures or 1) < 0.001
    assert any(note.startswith("fails more often: 20 points") for note in one.notes)
    even = compared({OFF: [1.0] * 100, ON: ["timeout"] + [1.0] * 99})
    assert not any("fails" in note for note in even.notes)


@pytest.mark.parametrize("samples", [1, 3])
def test_the_order_of_rows_decides_nothing(samples: int) -> None:
    import pyarrow as pa

    from evalkit.analysis.trials import read_trials
    from evalkit.tables import CASES, SCORES

    rng = np.random.default_rng(4)
    rows, grades = [], []
    for setting in (OFF, ON, DEAR):
        for case in range(40):
            for sample in range(samples):
                key = f"{setting.key}/{case}/{sample}"
                shared = {"trial_key": key, "case_id": f"c{case}", "variant_key": setting.key}
                rows.append(
                    shared
                    | {"sample": sample, "status": "ok", "text": "x", "source": "api"}
                    | {"cost_usd": rng.random(), "elapsed_s": rng.random(), "output_tokens": 9}
                )
                value = rng.integers(0, 11) / 10
                grades.append(shared | {"sample": sample, "value": value, "answer": str(value)})
    cases = [
        {"case_id": f"c{case}", "inputs": "{}", "cluster": f"g{case % 13}", "tags": [str(case % 2)]}
        for case in range(40)
    ]

    def result(order: Any) -> dict[str, Any]:
        trials = read_trials(
            pa.Table.from_pylist([rows[at] for at in order], schema=SCHEMA),
            {"number": pa.Table.from_pylist(grades, schema=SCORES)},
            pa.Table.from_pylist(cases, schema=CASES),
            dict.fromkeys((OFF, ON, DEAR), 40 * samples),
        )
        return dataclasses.asdict(analyse(trials, OPTIONS))

    once = result(range(len(rows)))
    assert once == result(range(len(rows)))
    assert once == result(rng.permutation(len(rows)))
