"""JUnit XML against a schema as strict as any CI server's, and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from report_builders import HOSTILE, World, hostile_report, report

from evalkit.report import junit
from evalkit.report.junit import Check, Suite


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).parent / "schemas" / "junit.xsd")


WORLDS = [World(), World(scorers=()), World(p_failed=1.0), World(n_cases=1), World(price=1e-5)]


@pytest.mark.parametrize("world", WORLDS)
def test_it_is_valid(schema: xmlschema.XMLSchema, world: World) -> None:
    schema.validate(junit.render(report(world)))


def test_a_hostile_report_is_valid_and_whole(schema: xmlschema.XMLSchema) -> None:
    text = junit.render(hostile_report())
    schema.validate(text)
    text.encode("utf-8")
    (suite,) = ET.fromstring(text)
    assert "<script>window.hacked = 1</script>" in suite.get("name", "")
    assert len(suite.findall("testcase")) == int(suite.get("tests", ""))


def test_a_proven_loss_fails_an_open_question_is_skipped() -> None:
    shown = report()
    (suite,) = ET.fromstring(junit.render(shown))
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    for one in shown.analysis.comparisons:
        case = cases[f"{one.candidate} against {one.baseline}"]
        assert (case.find("failure") is not None) == (one.verdict == "inferior")
        assert (case.find("skipped") is not None) == (one.verdict in ("inconclusive", "too few"))
        if one.verdict == "inferior":
            failure = case.find("failure")
            assert failure is not None
            assert "points" in failure.get("message", "")
            assert "Cases lost:\ncase-" in (failure.text or "")
    failed = sum(one.verdict == "inferior" for one in shown.analysis.comparisons)
    assert suite.get("failures") == str(failed) != "0"
    assert suite.get("timestamp") == "2026-11-23T11:28:05"


def test_a_variant_without_any_answer_is_an_error() -> None:
    (suite,) = ET.fromstring(junit.render(report(World(p_failed=1.0))))
    errors = suite.findall("testcase/error")
    assert len(errors) == 8
    assert "none of 50 trials was answered: 50 timeout" in errors[0].get("message", "")


def test_any_suites_can_be_written(schema: xmlschema.XMLSchema) -> None:
    checks = (
        Check("a", "g", "passed", elapsed_s=1.25),
        Check("b", "g", "failed", "why", f"at length\n\uffff{HOSTILE}"),
        Check("", "", "error", "\x00"),
        Check("d", "g", "skipped", "later"),
    )
    text = junit.document(
        [Suite("one", checks, datetime(2026, 1, 2, tzinfo=UTC)), Suite("", (), facts=(("a", "b"),))]
    )
    schema.validate(text)
    first = ET.fromstring(text)[0]
    told = [first.get(name) for name in ("tests", "failures", "errors", "skipped", "time")]
    assert told == ["4", "1", "1", "1", "1.250"]
    assert "⟨U+FFFF⟩" in (first.findall("testcase")[1][0].text or "")
