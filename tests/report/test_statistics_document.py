"""The document on statistics names every field that the JSON has."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from evalkit.analysis.results import (
    Analysis,
    Comparison,
    CurvePoint,
    ScoreSummary,
    ThinkingCurve,
)
from evalkit.stats.estimates import Estimate

DOCUMENT = Path(__file__).parents[2] / "docs" / "statistics.md"


@pytest.mark.parametrize(
    "kind", [Estimate, Analysis, ScoreSummary, Comparison, ThinkingCurve, CurvePoint]
)
def test_every_field_is_told(kind: type) -> None:
    told = DOCUMENT.read_text().partition("## The JSON")[2]
    named = set(re.findall(r"`(\w+)`", told))
    assert {field.name for field in dataclasses.fields(kind)} <= named
