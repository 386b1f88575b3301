"""CSV: read back as written, safe in spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest
from report_builders import World, hostile_report, report

from evalkit.report import csv as report_csv


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_each_variant_scorer_and_comparison() -> None:
    shown = report(World(scorers=("number", "exact"), price=1e-5))
    rows = read(report_csv.render(shown))
    compared = {(row["variant"], row["baseline"]) for row in rows if row["baseline"]}
    assert len(compared) == len(shown.analysis.comparisons)
    assert {row["variant"] for row in rows} == {one.variant for one in shown.analysis.variants}
    first = shown.analysis.variants[1]
    (row,) = [r for r in rows if r["variant"] == first.variant and r["scorer"] == "number"]
    assert float(row["score"]) == first.scores["number"].mean.value
    assert float(row["cost_usd"]) == first.cost_usd
    assert row["verdict"] in ("superior", "inferior", "inconclusive")
    assert row["suite"] == "quickstart"


def test_unknown_is_empty_never_zero() -> None:
    rows = read(report_csv.render(report(World(p_failed=1.0))))
    for row in rows:
        assert row["score"] == row["cost_usd"] == row["elapsed_p50_s"] == ""
        assert row["answered"] == "0"
    (row, *_) = read(report_csv.render(report(World(scorers=()))))
    assert (row["scorer"], row["score"], row["asked"]) == ("", "", "50")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\n=1",
        "  =1",
        "＝1",
        "=cmd|' /C calc'!A0",
        "'=1",
        "\r=1",
    ],
)
def test_no_text_can_be_a_formula(text: str) -> None:
    cell = report_csv.cell(text)
    assert cell.startswith("'")


def test_numbers_stay_numbers_and_words_words() -> None:
    assert report_csv.cell(-0.5) == -0.5
    assert report_csv.cell("plain/a-b") == "plain/a-b"
    assert report_csv.cell(None) is None


def test_hostile_names_stay_in_their_cells() -> None:
    shown = hostile_report()
    text = report_csv.render(shown)
    rows = read(text)
    assert {None} & set(rows[0]) == set()
    assert len({len(row) for row in rows}) == 1
    assert not any(sign in text for sign in "\x00\x1b\x07\u202e\ud800")
