"""Two stored runs and more: paired by case, refused where they differ, differences named first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stored_runs import a_run

from evalkit.errors import UsageError
from evalkit.pipeline.compare import compare_run, compare_runs
from evalkit.report import html, json, terminal
from evalkit.store.manifest import write_manifest

WORSE = [0.0] * 30 + [1.0] * 70
BETTER = [1.0] * 90 + [0.0] * 10


def test_the_same_variant_in_two_runs_is_paired_by_case(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE, "1024": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER, "1024": WORSE})
    analysis = compare_runs([old, new]).analysis
    first, second = analysis.comparisons
    assert first.baseline == "plain/claude-haiku-4-5@aaaaaa/off"
    assert first.candidate == "plain/claude-haiku-4-5@bbbbbb/off"
    assert (first.axis, first.verdict) == ("run", "superior")
    assert (first.wins, first.losses, first.n_pairs, first.n_unpaired) == (30, 10, 100, 0)
    assert (second.wins, second.losses) == (0, 0)
    assert first.confounds == ()
    assert len(analysis.variants) == 4
    assert analysis.n_cases == 100


def test_every_page_can_be_written(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER})
    report = compare_runs([old, new])
    text = terminal.render(report)
    assert "claude-haiku-4-5@bbbbbb" in text
    assert "superior" in text
    assert "claude-haiku-4-5@aaaaaa" in html.render(report)
    assert '"run_id": "aaaaaa, bbbbbb"' in json.render(report)
    assert report.n_cases == 100
    (shown, *_) = report.examples
    assert len(shown.case.answers) == 2
    assert shown.is_flip


def test_a_run_or_a_variant_can_be_the_baseline(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE, "1024": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER, "1024": BETTER})
    for wanted in ("bbbbbb", "bbb", "plain/claude-haiku-4-5@bbbbbb/off"):
        comparisons = compare_runs([old, new], baseline=wanted).analysis.comparisons
        assert {one.verdict for one in comparisons} == {"inferior"}
        assert {"@bbbbbb/" in one.baseline for one in comparisons} == {True}
    with pytest.raises(UsageError, match="no variant 'cccccc'"):
        compare_runs([old, new], baseline="cccccc")


def test_a_margin_chosen_afterwards_decides_and_is_told(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": WORSE, "1024": WORSE})
    assert compare_run(run).analysis.comparisons[0].verdict == "inconclusive"
    analysis = compare_runs([run], margin=0.1).analysis
    assert (analysis.margin, analysis.comparisons[0].verdict) == (0.1, "equivalent")
    assert (
        "the margin of 10 points was chosen for this comparison: the suite's, set before the run,"
        " is 2 points"
    ) in analysis.warnings


def test_the_suite_says_what_a_report_assumes(tmp_path: Path) -> None:
    grades = {"off": WORSE, "1024": WORSE, "2048": BETTER}
    plain = compare_run(a_run(tmp_path, "aaaaaa", grades)).analysis
    assert {one.axis for one in plain.comparisons} == {"thinking"}
    said = a_run(tmp_path, "bbbbbb", grades, report={"by": "variant", "estimand": "dataset"})
    analysis = compare_run(said).analysis
    assert {one.axis for one in analysis.comparisons} == {None}
    assert any("estimand: dataset" in told for told in analysis.warnings)  # of one sample each
    asked = compare_run(said, by="thinking").analysis
    assert {one.axis for one in asked.comparisons} == {"thinking"}


def test_by_thinking_within_each_run(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, name * 6, {"off": WORSE, "1024": BETTER}) for name in "ab"]
    comparisons = compare_runs(runs, by="thinking").analysis.comparisons
    assert [one.axis for one in comparisons] == ["thinking", "thinking"]
    assert all(one.baseline.endswith("/off") for one in comparisons)
    (one,) = compare_run(runs[0], by="thinking").analysis.comparisons
    assert one.axis == "thinking"
    assert compare_run(runs[0], by="prompt").analysis.comparisons == ()


def test_another_dataset_is_refused_or_named_first(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER[:80]})
    with pytest.raises(UsageError, match=r"the dataset differs \(b2:"):
        compare_runs([old, new])
    analysis = compare_runs([old, new], allow=True).analysis
    assert analysis.warnings[0].startswith("not the same: the dataset differs")
    (one,) = analysis.comparisons
    assert (one.n_pairs, one.n_unpaired, one.is_paired) == (80, 20, True)
    assert "20 cases scored in one variant only, left out" in one.notes


def test_without_common_cases_pairing_is_lost(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER}, cases=[f"d{place}" for place in range(100)])
    (one,) = compare_runs([old, new], allow=True).analysis.comparisons
    assert (one.n_pairs, one.n_unpaired, one.is_paired) == (0, 200, False)
    assert one.difference.method == "Newcombe, unpaired"
    assert one.verdict == "superior"


def test_another_prompt_or_scorer_is_refused_or_named(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER}, prompts={"plain": "{{ question }} Answer:"})
    with pytest.raises(UsageError, match="the prompt plain differs"):
        compare_runs([old, new])
    (one,) = compare_runs([old, new], allow=True).analysis.comparisons
    assert one.confounds[0].startswith("prompt plain b2:")
    loose = a_run(
        tmp_path, "cccccc", {"off": BETTER}, scorers=[{"type": "number", "tolerance": 0.5}]
    )
    with pytest.raises(UsageError, match="the scorer number is set up differently"):
        compare_runs([old, loose])


def test_another_temperature_is_a_confound(tmp_path: Path) -> None:
    old = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    model = {"name": "claude-haiku-4-5", "model": "claude-haiku-4-5", "temperature": 0.5}
    new = a_run(tmp_path, "bbbbbb", {"off": BETTER}, models=[model], answer_tokens=50)
    (one,) = compare_runs([old, new]).analysis.comparisons
    assert set(one.confounds) == {
        "max_tokens for the answer 50 against 1024",
        "temperature 0.5 against unset",
    }


def test_a_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": WORSE})
    with pytest.raises(UsageError, match="given twice"):
        compare_runs([run, run])


def test_three_runs_against_the_first(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path, name * 6, {"off": grades})
        for name, grades in zip("abc", (WORSE, BETTER, WORSE), strict=True)
    ]
    comparisons = compare_runs(runs).analysis.comparisons
    assert [one.baseline[-10:] for one in comparisons] == ["aaaaaa/off"] * 2
    assert comparisons[0].p_adjusted == pytest.approx(2 * (comparisons[0].p_value or 0))


def test_the_seed_comes_from_the_ids(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, name * 6, {"off": WORSE}) for name in "ab"]
    seeds = {compare_run(run).analysis.seed for run in runs} | {compare_runs(runs).analysis.seed}
    assert len(seeds) == 3
    assert compare_run(runs[0]).analysis.seed == compare_run(runs[0]).analysis.seed


def test_rows_that_repeat_another_count_as_one(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": WORSE, "1024": BETTER}, question="the same")
    analysis = compare_run(run).analysis
    (one,) = analysis.comparisons
    assert (one.n_pairs, one.difference.units, one.verdict) == (100, 1, "too few")
    assert analysis.warnings[0].startswith("99 cases repeat the content of another")
    assert "no interval" in (one.difference.note or "")


def test_scores_from_a_cache_shared_by_two_runs(tmp_path: Path) -> None:
    rows = {"source": "cache", "message_id": "msg_1"}
    runs = [a_run(tmp_path, name * 6, {"off": WORSE}, rows=rows) for name in "ab"]
    (one,) = compare_runs(runs).analysis.comparisons
    assert one.n_identical == 100


def test_human_labels_correct_a_judge(tmp_path: Path) -> None:
    # The judge passes 90; of the 50 labelled cases it passes all, humans 40.
    human = ["yes"] * 40 + ["no"] * 10 + [""] * 50
    run = a_run(tmp_path, "aaaaaa", {"off": BETTER}, human=human)
    report = compare_runs([run], human="human")
    (one,) = report.analysis.judged
    assert one.n_labels == 50
    assert one.agreement.value == pytest.approx(0.8)
    assert one.sensitivity is not None
    assert one.sensitivity.value == 1.0
    assert one.specificity is not None
    assert one.specificity.value == 0.0
    # A judge that passes everything it is checked on tells nothing: labels alone decide.
    assert (one.weight, one.corrected.value) == (0.0, pytest.approx(0.8))
    assert one.kappa == pytest.approx(0.0)
    assert (one.ac1 or 0) > 0.7
    assert "Against human labels" in html.render(report)
    assert compare_run(run).analysis.judged == ()


def test_labels_of_each_variant_and_labels_that_are_none(tmp_path: Path) -> None:
    key = "plain/claude-haiku-4-5/off"
    run = a_run(tmp_path, "aaaaaa", {"off": BETTER, "1024": WORSE}, human=[{key: 1}] * 100)
    (one,) = compare_runs([run], human="human").analysis.judged
    assert (one.variant, one.corrected.value) == (key, 1.0)
    with pytest.raises(UsageError, match="no column 'labels'"):
        compare_runs([run], human="labels")
    odd = a_run(tmp_path, "bbbbbb", {"off": BETTER}, human=["perhaps"] * 100)
    with pytest.raises(UsageError, match="c0 is no grade: 'perhaps'"):
        compare_runs([odd], human="human")


@pytest.mark.parametrize(
    ("grades", "suite", "verdict"),
    [
        ({"off": [1.0] * 3}, {"scorers": []}, None),
        ({"off": [None] * 20, "1024": [None] * 20}, {}, "too few"),
        ({"off": [1.0], "1024": [0.0]}, {}, "too few"),
        ({"off": [1.0] * 9, "1024": [0.0] * 9}, {}, "too few"),
        ({"off": [1.0] * 20, "1024": [1.0] * 20}, {}, "inconclusive"),
        ({"off": [1.0] * 20, "1024": [0.0] * 20}, {}, "inferior"),
        ({"off": [1.0] * 20, "1024": [None] * 20}, {}, "too few"),
    ],
)
def test_degenerate_runs_have_pages_and_no_false_certainty(
    tmp_path: Path, grades: dict[str, list[float | None]], suite: dict[str, object], verdict: str
) -> None:
    report = compare_run(a_run(tmp_path, "aaaaaa", grades, **suite))
    assert [one.verdict for one in report.analysis.comparisons] == [verdict] * (verdict is not None)
    for one in report.analysis.comparisons:
        if one.difference.low is not None:
            assert (one.difference.high or 0) - one.difference.low > 0.05
    text = terminal.render(report) + json.render(report)
    assert not {"nan", "NaN", "inf"} & set(text.replace('"', " ").replace(",", " ").split())
    assert "</html>" in html.render(report)


def test_what_has_no_outcome_is_told_first(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": BETTER, "1024": WORSE})
    assert compare_run(run).warnings == ()
    part = run.responses_path / "part-00000.parquet"
    pq.write_table(pq.read_table(part).slice(0, 120), part)
    stopped = replace(run.manifest(), status="stopped", stopped_because="the \x1b[31mdisk is full")
    write_manifest(run.path, stopped)
    report = compare_run(run)
    assert report.warnings[0] == (
        "80 of 200 trials have no outcome (the \x1b[31mdisk is full): all figures are of the others"
    )
    assert "80 of 200 trials have no outcome (the ⟨U+001B⟩[31mdisk" in terminal.render(report)
    write_manifest(run.path, replace(stopped, status="running", stopped_because=None))
    told = compare_run(run).warnings
    assert told[0] == "run aaaaaa has not ended: compare again when it has"
    assert told[1].startswith("80 of 200 trials have no outcome: ")
