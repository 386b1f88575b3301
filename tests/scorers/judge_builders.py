"""Judges and verdicts for tests."""

from __future__ import annotations

from typing import Any

from evalkit.pipeline.judges.bench import build_judge
from evalkit.scorers.judge import Judge, Matter, Way
from evalkit.suite.judge_schema import JudgeSpec
from evalkit.types import Case, Response, Usage

WAY = Way("judge", "claude-sonnet-4-6", 1024)


def a_judge(**options: Any) -> Judge:
    spec = {"model": "claude-sonnet-4-6", "rubric": "Is it kind?", **options}
    return build_judge("kind", JudgeSpec.model_validate(spec))


def said(text: str, **fields: Any) -> Response:
    return Response(text=text, thinking="", stop_reason="end_turn", usage=Usage(), **fields)


def a_matter(text: str = "Yes.", **fields: Any) -> Matter:
    case = Case("c1", {"question": "Is it?", "hint": "h"}, target="yes")
    return Matter(case, "Is it?", said(text), **fields)
