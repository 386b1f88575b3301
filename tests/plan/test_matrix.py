import pytest
from builders import a_suite

from evalkit.plan.matrix import capabilities_of, plan_variants
from evalkit.plan.problems import plan_problems
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import Suite
from evalkit.suite.source import SourceMap
from evalkit.types import Endpoint

COLUMNS = frozenset({"question", "answer"})


def problems(**fields) -> list[str]:
    suite = Suite.model_validate(a_suite(**fields))
    loaded = LoadedSuite(suite, SourceMap("s.yaml", {}), "")
    return [problem.message for problem in plan_problems(loaded, COLUMNS)]


def test_a_suite_that_works_has_no_problems():
    assert problems(thinking=["off", 1024]) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"models": ["claude-sonnet-5-5"], "thinking": [2048]},
            "claude-sonnet-5-5 takes no budget",
        ),
        ({"thinking": ["high"]}, "claude-haiku-4-5 takes no adaptive thinking"),
        ({"thinking": [512]}, "budgets of 1024 tokens or more"),
        (
            {"models": [{"model": "claude-haiku-4-5", "temperature": 0.5}], "thinking": [1024]},
            "temperature",
        ),
        ({"prompts": {"p": "{{ queston }}"}}, "the prompt uses 'queston', which no row has"),
        ({"prompts": {"p": {"user": "x", "images": "photo"}}}, "the prompt uses 'photo'"),
        ({"prompts": {"p": "{% if %}"}}, "template line 1"),
        ({"models": ["mystery"], "budget": {"max_cost_usd": 1}}, "no price is known for mystery"),
        (
            {
                "models": ["claude-opus-5-5"],
                "thinking": ["adaptive"],
                "prompts": {"p": {"user": "x", "tools": [{"name": "a"}], "tool_choice": "any"}},
            },
            "claude-opus-5-5 takes no forced tool",
        ),
        (
            {
                "thinking": [1024],
                "prompts": {"p": {"user": "x", "tools": [{"name": "a"}], "tool_choice": "any"}},
            },
            "a forced tool goes with no thinking budget",
        ),
    ],
)
def test_what_cannot_work_is_found_before_anything_is_sent(fields, told):
    found = problems(**fields)
    assert any(told in message for message in found), found


def test_an_unknown_model_is_not_refused_unless_the_suite_says_what_it_takes():
    assert problems(models=["mystery"], thinking=["off", 16, "high"]) == []
    model = {"model": "mystery", "capabilities": {"thinking": ["budget"], "min_budget": 64}}
    found = problems(models=[model], thinking=["off", 16, 64, "high"])
    assert len(found) == 3
    assert "mystery cannot switch thinking off" in found[0]
    assert "mystery takes budgets of 64 tokens or more" in found[1]


def test_the_suites_word_on_a_known_model_goes_before_the_tables():
    spec = {"model": "claude-haiku-4-5", "capabilities": {"min_budget": 16}}
    assert problems(models=[spec], thinking=[16]) == []
    suite = Suite.model_validate(a_suite(models=[spec]))
    assert capabilities_of(suite.models[0]).max_output_tokens == 64000


def test_thinking_text_is_asked_for_where_it_would_be_left_out():
    def display(model, thinking):
        suite = Suite.model_validate(a_suite(models=[model], thinking=[thinking]))
        (planned,) = plan_variants(suite, {suite.models[0].name: Endpoint("m", "http://x")})
        return planned.variant.thinking.display

    assert display("claude-sonnet-5-5", "adaptive") == "summarized"
    assert display("claude-sonnet-5-5", {"mode": "adaptive", "display": "omitted"}) == "omitted"
    assert display("claude-haiku-4-5", 1024) is None
    assert display("mystery", "adaptive") is None


@pytest.mark.parametrize(
    ("model", "thinking", "room"),
    [
        ("claude-haiku-4-5", "off", 0),
        ("claude-haiku-4-5", "4k", 4096),
        ("claude-haiku-4-5", "default", 0),
        ("claude-sonnet-5-5", "high", 16384),
        ("claude-sonnet-5-5", "default", 16384),
        ("claude-sonnet-5-5", {"mode": "adaptive", "room": "32k"}, 32768),
        ("claude-sonnet-5-5", {"mode": "adaptive", "room": "900k"}, 128000 - 1024),
        ("mystery", "adaptive", 16384),
        ("mystery", "default", 0),
    ],
)
def test_thinking_has_room_of_its_own(model, thinking, room):
    suite = Suite.model_validate(a_suite(models=[model], thinking=[thinking]))
    (planned,) = plan_variants(suite, {suite.models[0].name: Endpoint("m", "http://x")})
    assert planned.max_tokens == suite.answer_tokens + room
