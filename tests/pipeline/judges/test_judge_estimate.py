"""What judges will cost is part of what a suite will cost, told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_suite

from evalkit.pipeline.estimate import estimate_suite
from evalkit.pipeline.judges.estimate import first_questions
from evalkit.pipeline.preview import preview_suite
from evalkit.plan.estimate import PlanEstimate
from evalkit.suite.load import load_suite

JUDGE = {"type": "judge", "name": "kind", "model": "claude-sonnet-4-6", "rubric": "Is it kind?"}


def estimate(folder: Path, *judges: dict[str, Any], **fields: Any) -> PlanEstimate:
    rows = "".join(f'{{"question": "What is {n}?", "answer": {n}}}\n' for n in range(10))
    (folder / "rows.jsonl").write_text(rows)
    scorers = ["number", *judges]
    suite = a_suite(scorers=scorers, thinking=["off", 1024], answer_tokens=200, **fields)
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return estimate_suite(load_suite(folder / "suite.yaml", env={}), {})


def test_every_answer_order_vote_and_model_is_counted(tmp_path: Path) -> None:
    rival = "plain/claude-haiku-4-5/off"
    plan = estimate(
        tmp_path,
        {**JUDGE, "votes": 3},
        {**JUDGE, "name": "pair", "model": ["claude-opus-4-8", "claude-sonnet-4-6"]}
        | {"pairwise": rival, "rubric": "Which is kinder?"},
        samples=2,
    )
    counted = {item.variant: item.requests for item in plan.judges}
    assert counted == {
        "kind/claude-sonnet-4-6/default": 10 * 2 * 2 * 3,
        "pair/claude-opus-4-8/default": 10 * 2 * 1 * 2,
        "pair/claude-sonnet-4-6/default": 10 * 2 * 1 * 2,
    }
    assert plan.requests == 40 + sum(counted.values())
    own = sum(item.expected_cost_usd or 0 for item in plan.variants)
    judged = sum(item.expected_cost_usd or 0 for item in plan.judges)
    assert judged > 0
    assert plan.expected_cost_usd == pytest.approx(own + judged)
    assert all((one.max_cost_usd or 0) > (one.expected_cost_usd or 0) for one in plan.judges)


def test_judges_take_their_time_at_the_limits(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 10}
    assert estimate(tmp_path, limits=limits).expected_minutes == 2.0
    assert estimate(tmp_path, JUDGE, limits=limits).expected_minutes == 4.0


def test_a_judge_without_a_price_is_named(tmp_path: Path) -> None:
    model = {"model": "mystery", "base_url": "http://127.0.0.1:9"}
    plan = estimate(tmp_path, {**JUDGE, "model": model})
    assert plan.unpriced == ("kind/mystery/default",)


def test_a_plan_shows_what_judges_would_be_asked(tmp_path: Path) -> None:
    estimate(tmp_path, {**JUDGE, "task": "{{ question }}", "structure": "text"})
    suite = load_suite(tmp_path / "suite.yaml", env={})
    preview = preview_suite(suite, {})
    (asked,) = first_questions(suite.suite, preview.variants[0], preview.first, {})
    assert (asked.judge, asked.model) == ("kind", "claude-sonnet-4-6")
    assert "Is it kind?" in asked.body["system"]
    assert 'name="task">\nWhat is 0?\n' in asked.body["messages"][0]["content"]
