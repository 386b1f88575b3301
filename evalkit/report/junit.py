"""Checks as JUnit XML, which CI servers read: one test case a check.

Written so that both the strict schema that grew out of Ant and Jenkins' own accept it: every
attribute that either demands, children in the order of the former. Signs that XML cannot hold are
made visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from xml.etree import ElementTree as ET

from evalkit.analysis.results import Comparison
from evalkit.report import format as fmt
from evalkit.report import rows
from evalkit.report.names import Names
from evalkit.report.report import Report

Status = Literal["passed", "failed", "error", "skipped"]

_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Check:
    """One test case: ``message`` says in a line why it did not pass, ``detail`` at length."""

    name: str
    group: str
    status: Status
    message: str = ""
    detail: str = ""
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Suite:
    """Checks that belong together. ``at`` is aware; ``facts`` become properties."""

    name: str
    checks: tuple[Check, ...]
    at: datetime | None = None
    facts: tuple[tuple[str, str], ...] = ()
    out: str = ""


def render(report: Report) -> str:
    """Every comparison as a check, failed where the candidate is proven worse than its baseline.

    An open one is skipped, with what would settle it; a variant none of whose trials was answered
    is an error.
    """
    provenance = report.provenance
    checks = (*_answered(report), *_compared(report))
    told = "\n\n".join(
        "\n".join([answer.question, *answer.sentences]) for answer in report.headline
    )
    facts = tuple(rows.provenance_facts(provenance))
    return document([Suite(provenance.suite, checks, provenance.started_at, facts, told)])


def document(suites: Sequence[Suite]) -> str:
    """The XML document of these suites, ended by a line feed."""
    root = ET.Element("testsuites")
    for place, suite in enumerate(suites):
        root.append(_suite(suite, place))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(suite: Suite, place: int) -> ET.Element:
    counts = {
        status: sum(check.status == status for check in suite.checks)
        for status in ("failed", "error", "skipped")
    }
    at = (suite.at or datetime.fromtimestamp(0, UTC)).astimezone(UTC)
    element = ET.Element(
        "testsuite",
        {
            "package": "evalkit",
            "id": str(place),
            "name": _line(suite.name) or "evalkit",
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}",
            "hostname": "localhost",
            "tests": str(len(suite.checks)),
            "failures": str(counts["failed"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": f"{sum(check.elapsed_s for check in suite.checks):.3f}",
        },
    )
    properties = ET.SubElement(element, "properties")
    for name, value in suite.facts:
        ET.SubElement(properties, "property", {"name": _line(name), "value": _line(value)})
    element.extend(_case(check) for check in suite.checks)
    ET.SubElement(element, "system-out").text = _text(suite.out)
    ET.SubElement(element, "system-err").text = ""
    return element


def _case(check: Check) -> ET.Element:
    element = ET.Element(
        "testcase",
        {
            "name": _line(check.name) or fmt.UNKNOWN,
            "classname": _line(check.group) or "evalkit",
            "time": f"{check.elapsed_s:.3f}",
        },
    )
    if check.status == "skipped":
        ET.SubElement(element, "skipped", {"message": _line(check.message)})
    elif check.status != "passed":
        kind = "failure" if check.status == "failed" else "error"
        fate = ET.SubElement(element, kind, {"message": _line(check.message), "type": kind})
        fate.text = _text(check.detail)
    return element


def _answered(report: Report) -> Iterator[Check]:
    for one in report.analysis.variants:
        if one.n_asked and not one.n_answered:
            kinds = fmt.listed([f"{count:,} {kind}" for kind, count in one.failures.items()])
            told = f"none of {fmt.count(one.n_asked, 'trial')} was answered: {kinds or 'not run'}"
            yield Check(one.variant, "answered", "error", told)
        else:
            yield Check(one.variant, "answered", "passed")


def _compared(report: Report) -> Iterator[Check]:
    names = Names(report.analysis.variants)
    flips = {(one.baseline, one.candidate): one for one in report.details.flips}
    for one in report.analysis.comparisons:
        name = f"{one.candidate} against {one.baseline}"
        found = flips.get((one.baseline, one.candidate))
        lost = [rows.flip_words(flip) for flip in found.lost] if found else []
        detail = "\n".join([*one.notes, *(["Cases lost:", *lost] if lost else [])])
        yield Check(name, one.scorer, _status(one), _message(one, names), detail)


def _status(one: Comparison) -> Status:
    if one.verdict == "inferior":
        return "failed"
    return "skipped" if one.verdict in ("inconclusive", "too few") else "passed"


def _message(one: Comparison, names: Names) -> str:
    interval = fmt.difference_interval(one.difference)
    told = f"{one.verdict}: {names[one.candidate].short} {fmt.difference(one.difference)} points"
    needs = f"; needs about {fmt.roughly(one.needs_cases)} more cases" if one.needs_cases else ""
    return f"{told} ({interval}){needs}" if interval else f"{told}{needs}"


def _line(text: str) -> str:
    return _ILLEGAL.sub(_shown, fmt.one_line(text))


def _text(text: str) -> str:
    return _ILLEGAL.sub(_shown, fmt.neutral(text))


def _shown(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"
