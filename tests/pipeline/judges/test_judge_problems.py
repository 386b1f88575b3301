"""What is wrong with a judge is told with its line and what to do, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_suite

from evalkit.errors import ConfigError
from evalkit.pipeline.judges.bench import build_benches
from evalkit.pipeline.start import check_suite
from evalkit.suite.load import LoadedSuite, load_suite

MODEL = "claude-sonnet-4-6"
PLAIN = "plain/claude-haiku-4-5/off"


def loaded(folder: Path, judge: dict[str, Any], **fields: Any) -> LoadedSuite:
    (folder / "rows.jsonl").write_text('{"question": "What is 1 + 1?", "answer": 2}\n')
    whole = {"type": "judge", "name": "kind", "model": MODEL, **judge}
    suite = a_suite(scorers=["number", whole], **{"thinking": ["off", 1024], **fields})
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    return load_suite(folder / "suite.yaml", env={})


@pytest.mark.parametrize(
    ("judge", "place", "told"),
    [
        ({}, "scorers.1", "a judge needs a rubric"),
        ({"rubric": "x", "model": "claude-sonet-4-6"}, "model", f"did you mean '{MODEL}'"),
        ({"rubric": "x", "model": []}, "model", "expected at least one entry"),
        ({"rubric": "x", "model": [MODEL, MODEL]}, "model", "is there twice.*votes: 2"),
        ({"rubric": "x", "model": {"base_url": "http://x"}}, "model", "is missing"),
        (
            {"rubric": "x", "model": {"model": "m", "name": "claude-haiku-4-5"}},
            "model",
            "another model is called 'claude-haiku-4-5'",
        ),
        ({"rubric": "x", "model": {"model": "m", "api_key": "k"}}, "api_key", "name its variable"),
        ({"rubric": "x", "scale": "5-1"}, "scale", "goes up"),
        ({"rubric": "x", "scale": "good"}, "scale", "'good' is no scale; write 1-5, binary"),
        ({"rubric": "x", "scale": [0, 1000]}, "scale", "more than 100 steps"),
        ({"rubric": "x", "scale": {1: "bad", "best": "x"}}, "scale", "found 'best'"),
        ({"criteria": {"style": {"rubric": "x", "weight": 0}}}, "weight", "more than 0"),
        ({"rubric": "x", "votes": 0}, "votes", "at least 1"),
        ({"rubric": "x", "rubrik": "y"}, "rubrik", "did you mean 'rubric'"),
        ({"rubric": {"file": "no.md"}}, "rubric.file", "cannot read .*no.md"),
        ({"rubric": "x", "thinking": 512}, "thinking", "1024 tokens or more"),
        ({"rubric": "x", "temperature": 0, "thinking": 1024}, "thinking", "no temperature 0"),
        (
            {"rubric": "x", "structure": "tool", "model": "claude-opus-5-5"},
            "structure",
            "use schema",
        ),
        ({"rubric": "x", "prompt": "{{ anser }} {{ answer }}"}, "prompt", "did you mean 'answer'"),
        ({"rubric": "x", "prompt": "{{ answer }} {{ row.q }}"}, "prompt", "no row has this column"),
        ({"rubric": "x", "prompt": "{{ rubric }}"}, "prompt", "does not show what is to be judged"),
        ({"rubric": "x", "prompt": "{{ answer"}, "prompt", "template line 1"),
        ({"rubric": "x", "task": "{{ quest }}"}, "task", "uses 'quest', which no row has"),
        ({"rubric": "x", "reference": "{{ goal }}"}, "reference", "uses 'goal'"),
        ({"rubric": "Answers {{ quest }}?"}, "rubric", "uses 'quest', which no row has"),
        ({"criteria": {"facts": "{{ quest }}"}}, "criteria.facts", "uses 'quest'"),
        ({"rubric": "Is {{ it"}, "scorers.1", "kind.rubric, template line 1"),
        ({"pairwise": "plain/claude-haiku-4-5/of"}, "pairwise", f"did you mean '{PLAIN}'"),
        ({"pairwise": {"ties": True}}, "pairwise", "needs whom to compare with"),
        ({"pairwise": PLAIN, "scale": "1-5"}, "scorers.1", "pairwise has no scale"),
        ({"pairwise": PLAIN, "criteria": {"a": "b"}}, "scorers.1", "one answer at a time"),
    ],
)
def test_a_fault_is_told_where_it_stands(
    tmp_path: Path, judge: dict[str, Any], place: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        check_suite(loaded(tmp_path, judge))
    places = [problem.where for problem in error.value.problems]
    assert any(place in where and "suite.yaml:" in where for where in places), places


def test_a_reference_needs_a_target(tmp_path: Path) -> None:
    judge = {"rubric": "x", "reference": True}
    with pytest.raises(ConfigError, match="no right answer to show"):
        check_suite(loaded(tmp_path, judge, dataset={"path": "rows.jsonl"}))


def test_a_cap_needs_the_judges_price(tmp_path: Path) -> None:
    judge = {"rubric": "x", "model": {"model": "mystery", "base_url": "http://127.0.0.1:9"}}
    budget = {"max_cost_usd": 1}
    with pytest.raises(ConfigError, match="no price is known for mystery"):
        check_suite(loaded(tmp_path, judge, budget=budget))
    check_suite(loaded(tmp_path, judge))


def test_files_are_read_in_and_found_beside_the_suite(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "judge.md").write_text("Look: {{ answer }}")
    (tmp_path / "rubric.md").write_text("Is it kind?\n")
    suite = loaded(
        tmp_path,
        {"rubric": {"file": "rubric.md"}, "prompt": {"file": "prompts/judge.md"}},
    )
    check_suite(suite)
    (bench,) = build_benches(suite.suite, {})
    assert bench.judge.rubric is not None
    assert bench.judge.rubric.source == "Is it kind?"
    assert bench.judge.user.source == "Look: {{ answer }}"


@pytest.mark.parametrize(
    ("model", "thinking", "structure"),
    [
        ("claude-sonnet-4-6", "default", "schema"),
        ("claude-opus-4-1", "off", "tool"),
        ("claude-opus-4-1", 2048, "text"),
        ("local", "off", "text"),
    ],
)
def test_a_verdict_is_asked_for_as_the_model_can(
    tmp_path: Path, model: str, thinking: object, structure: str
) -> None:
    suite = loaded(tmp_path, {"rubric": "x", "model": model, "thinking": thinking})
    check_suite(suite)
    (bench,) = build_benches(suite.suite, {})
    assert bench.seats[0].way.structure == structure
    budget = thinking if isinstance(thinking, int) else 0
    assert bench.seats[0].way.max_tokens == 1024 + budget
