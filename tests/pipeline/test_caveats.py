"""What stands under the tables: rules, figures, and what is odd, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stored_runs import a_run

from evalkit.pipeline.compare import compare_run
from evalkit.report.caveats import caveats, spread_words
from evalkit.report.names import Names
from evalkit.report.report import Report
from evalkit.report.terminal import render


def told(report: Report) -> str:
    return "\n".join(caveats(report.analysis, Names(report.analysis.variants)))


def report_of(tmp_path: Path, grades: dict[str, Sequence[float | None]], **about: Any) -> Report:
    return compare_run(a_run(tmp_path, "aaaaaa", grades, **about))


def test_rules_and_figures(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"off": [0.0, 1.0] * 30, "1024": [1.0] * 60})
    text = told(report)
    assert "Margin ±2 points; Tango intervals, paired by case." in text
    assert "points up are found in 80% of such runs; seed" in text
    assert "think-1024 against off: p <0.001, by McNemar mid-p <0.001" in text
    assert "by more than the margin" not in text  # the interval says so
    assert "off: service time p50" in text
    assert "What this rests on" in render(report)
    assert all(len(line) <= 80 for line in render(report).splitlines())


def test_losses_and_their_bounds(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"off": [1.0] * 58 + [None] * 2, "1024": [1.0] * 60})
    text = told(report)
    assert "off: 100% as told; 97–100% whatever its 2 missing trials would have been" in text
    assert "2 missing trials (2 in the baseline, 0 here) left out" in text


def test_a_note_on_all_is_said_once(tmp_path: Path) -> None:
    grades = {"off": [0.0, 1.0] * 6, "1024": [1.0] * 12, "2048": [1.0] * 12, "4096": [1.0] * 12}
    text = told(report_of(tmp_path, grades))
    note = "only 12 independent cases: read the verdict with caution"
    assert text.count(note) == 1
    assert f"all comparisons: {note}" in text
    assert "verdicts by Holm over the comparisons with one baseline" in text


def test_many_notes_end_with_how_many_more_there_are(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"off": [0.0, 1.0] * 30, "1024": [1.0] * 60})
    (one,) = report.analysis.comparisons
    noisy = replace(one, notes=tuple(f"note {number}" for number in range(20)))
    text = told(replace(report, analysis=replace(report.analysis, comparisons=(noisy,))))
    assert "note 11" in text
    assert "note 12" not in text
    assert "and 8 more notes on the page" in text


def test_one_variant_has_no_rules_of_comparison(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"off": [1.0] * 20})
    assert "Margin" not in told(report)
    assert spread_words(report.analysis, Names(report.analysis.variants)) == []


def test_what_is_not_measured_is_not_called_chance(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"off": [0.0] * 40, "1024": [1.0] * 30 + [None] * 10})
    text = render(report)
    assert "too many trials are missing to judge by" in text
    assert "may be chance" not in text
    assert "No recommendation: more than 5% of the trials of think-1024 are missing" in " ".join(
        text.split()
    )


def test_notes_that_differ_in_a_number_alone_are_one(tmp_path: Path) -> None:
    grades = {"off": [0.0, 1.0] * 30, "1024": [1.0] * 60, "2048": [1.0] * 60}
    report = report_of(tmp_path, grades)
    note = "cannot be settled with this dataset: it has no more cases and it takes about {}; really"
    one, other, *rest = report.analysis.comparisons
    noisy = (
        replace(one, notes=(note.format("8,400"),)),
        replace(other, notes=(note.format("960"),)),
        *(replace(each, notes=(note.format("1,200"),)) for each in rest),
    )
    text = told(replace(report, analysis=replace(report.analysis, comparisons=noisy)))
    assert text.count("cannot be settled") == 1
    assert "it takes about 960 to 8,400; really" in text


def test_scores_are_told_on_their_own_scale_too(tmp_path: Path) -> None:
    judge = {"type": "judge", "name": "number", "model": "claude-haiku-4-5", "rubric": "Right?"}
    grades = {"off": [0.5] * 30 + [1.0] * 30, "1024": [1.0] * 60}
    report = report_of(tmp_path, grades, scorers=[judge])
    scores = [one.scores["number"] for one in report.analysis.variants]
    assert {one.score_range for one in scores} == {(1, 5)}
    assert "number on its scale from 1 to 5: off 4 (3." in told(report)
    assert "think-1024 5 (4." in told(report)
    assert "on its scale" not in told(report_of(tmp_path / "plain", grades))


def test_clusters_are_counted_where_they_are_the_units(tmp_path: Path) -> None:
    grades = {"off": [0.0, 1.0] * 30, "1024": [1.0] * 60}
    told_of_twins = told(report_of(tmp_path, grades, question="always the same"))
    assert "paired by case" not in told_of_twins  # one cluster is no ground for a test
    plain = report_of(tmp_path / "plain", grades)
    (one,) = plain.analysis.comparisons
    fewer = replace(one, difference=replace(one.difference, units=20))
    clustered = replace(plain, analysis=replace(plain.analysis, comparisons=(fewer,)))
    assert "Tango intervals, paired by case in 20 clusters." in told(clustered)
