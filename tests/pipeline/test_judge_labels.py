"""A judge whose suite names a column of human grades is checked against them in every report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from builders import a_suite
from stored_runs import a_run

from evalkit.errors import EvalkitError, UsageError
from evalkit.pipeline.compare import compare_run
from evalkit.pipeline.start import start_run
from evalkit.report import html, terminal
from evalkit.store.runs import RunFolder
from evalkit.suite.load import LoadedSuite, load_suite

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
    assert "AC1 0.5" in " ".join(text.split())
    assert not [told for told in report.analysis.warnings if "by chance" in told]


def test_a_judge_that_agrees_with_nobody_is_doubted(tmp_path: Path) -> None:
    labels = [5, 1] * 30 + [""] * 40
    judge = {**JUDGE, "label": "human"}
    run = a_run(
        tmp_path, "aaaaaa", {"off": [1.0, 1.0, 0.0, 0.0] * 25}, human=labels, scorers=[judge]
    )
    (told,) = [one for one in compare_run(run).analysis.warnings if "by chance" in one]
    assert told.startswith("number: 60 human labels of plain/")


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


def a_suite_of(folder: Path, rows: list[dict[str, object]], **judge: object) -> LoadedSuite:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = {**JUDGE, "label": "human", **judge}
    suite = a_suite(scorers=[told], dataset={"path": "rows.jsonl"})
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return load_suite(folder / "suite.yaml", env={})


def started(suite: LoadedSuite, folder: Path) -> RunFolder:
    return start_run(suite, folder / "runs", {"ANTHROPIC_API_KEY": "k"})


def test_labels_that_only_some_rows_have_are_labels(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"question": "1?"}, {"question": "2?", "human": 4}]
    assert started(a_suite_of(tmp_path, rows), tmp_path).path.is_dir()


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (9, "human of case .* is no grade: 9"),
        ("fine", "no grade: 'fine'"),
        ("", "no row has a label in 'human'"),
        ({"plain/another/off": 4}, "no row has a label in 'human' for an answer of plain/"),
    ],
)
def test_labels_that_are_none_are_told_before_anything_is_asked(
    tmp_path: Path, cell: object, told: str
) -> None:
    rows: list[dict[str, object]] = [{"question": "1?"}, {"question": "2?", "human": cell}]
    with pytest.raises(EvalkitError, match=told):
        started(a_suite_of(tmp_path, rows), tmp_path)
    assert not list((tmp_path / "runs").glob("*/*/manifest.json"))


def test_a_pairwise_judge_is_held_against_what_people_prefer(tmp_path: Path) -> None:
    judge = {**JUDGE, "label": "human", "pairwise": {"run": "another"}}
    del judge["rubric"]
    labels = ["better"] * 40 + ["worse"] * 15 + ["tie"] * 5 + [""] * 40
    run = a_run(tmp_path, "aaaaaa", {"off": GRADES}, human=labels, scorers=[judge])
    (check,) = compare_run(run).analysis.judged
    assert check.n_labels == 60
    assert check.agreement.value == pytest.approx(45 / 60)
