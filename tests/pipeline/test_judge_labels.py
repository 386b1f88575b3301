"""A judge whose suite names a column of human grades is checked against them in every report."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import a_run

from evalkit.errors import UsageError
from evalkit.pipeline.compare import compare_run
from evalkit.report import html, terminal

JUDGE = {"type": "judge", "name": "number", "model": "claude-sonnet-4-6", "rubric": "Is it right?"}
# The judge passes 90 of 100; people labelled the first 60 and passed 40 of them.
GRADES = [1.0] * 90 + [0.0] * 10
LABELS = [5] * 40 + [1] * 20 + [""] * 40


def test_labels_on_the_judges_scale_check_and_correct_it(tmp_path: Path) -> None:
    judge = {**JUDGE, "label": "human"}
    run = a_run(tmp_path, "aaaaaa", {"off": GRADES}, human=LABELS, scorers=[judge])
    report = compare_run(run)
    (check,) = report.analysis.judged
    assert (check.scorer, check.n_labels) == ("number", 60)
    assert check.agreement.value == pytest.approx(40 / 60)
    assert check.corrected.value == pytest.approx(40 / 60)
    assert check.kappa == pytest.approx(0.0)
    (section,) = [one for one in report.sections if one.key == "labels"]
    assert section.tables[0].rows[0][1:3] == ("number", "60")
    text = terminal.render(report)
    assert "Against human labels" in text
    assert "fails 0% (0–16%) of what they fail" in " ".join(text.split())
    assert "Against human labels" in html.render(report)


def test_a_label_off_the_scale_is_told_with_its_case(tmp_path: Path) -> None:
    judge = {**JUDGE, "label": "human"}
    run = a_run(tmp_path, "aaaaaa", {"off": GRADES}, human=[7] * 100, scorers=[judge])
    with pytest.raises(UsageError, match="c0 is no grade: 7") as told:
        compare_run(run)
    assert "from 1 to 5, the judge's scale" in str(told.value.hint)


def test_a_judge_without_labels_is_not_checked(tmp_path: Path) -> None:
    run = a_run(tmp_path, "aaaaaa", {"off": GRADES}, human=LABELS, scorers=[JUDGE])
    report = compare_run(run)
    assert report.analysis.judged == ()
    assert not [one for one in report.sections if one.key == "labels"]
