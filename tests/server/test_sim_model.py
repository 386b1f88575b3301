"""The simulated model: thinking, cuts, structured output, tools, skill, the prompt cache."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import DatasetError
from evalkit.server.answers import AnswerBook, Entry, load_answers
from evalkit.server.backend import Answer, Call
from evalkit.server.catalogue import catalogue
from evalkit.server.examples import example
from evalkit.server.simulated import Simulated, Skill

HAIKU = "claude-haiku-4-5"
BOOK = AnswerBook(Entry(f"How much is {n} plus 1000?", str(n + 1000)) for n in range(400))


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def call(name: str = HAIKU, *, draw: int = 0, begins_in_s: float = 0.0, **fields: Any) -> Call:
    model = catalogue().find(name)
    assert model is not None
    body = {"max_tokens": 40_000, "messages": [{"role": "user", "content": "hello"}], **fields}
    digest = json.dumps(fields, sort_keys=True, default=str)
    return Call(body, model, digest, draw, begins_in_s=begins_in_s)


def kinds(answer: Answer) -> list[str]:
    return [block["type"] for block in answer.blocks]


def enabled(budget: int, **fields: Any) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget, **fields}}


def thinking_tokens(answer: Answer) -> int:
    tokens: int = answer.usage["output_tokens_details"]["thinking_tokens"]
    return tokens


def test_a_budget_is_a_target_that_may_be_overshot_a_little() -> None:
    backend = Simulated()
    used = [thinking_tokens(backend.answer(call(draw=n, **enabled(4000)))) for n in range(200)]
    assert max(used) > 4000
    assert max(used) <= 4240
    assert min(used) < 2000


def test_thinking_comes_first_with_a_signature_and_counts_as_output() -> None:
    answer = Simulated().answer(call(**enabled(2000)))
    assert kinds(answer) == ["thinking", "text"]
    assert answer.blocks[0]["thinking"]
    assert len(answer.blocks[0]["signature"]) > 40
    assert answer.usage["output_tokens"] > thinking_tokens(answer) > 0


@pytest.mark.parametrize(
    ("model", "thinking", "is_shown"),
    [
        (HAIKU, {"type": "enabled", "budget_tokens": 2000}, True),
        (HAIKU, {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, False),
        ("claude-opus-4-7", {"type": "adaptive"}, False),
        ("claude-opus-4-7", {"type": "adaptive", "display": "summarized"}, True),
        ("claude-opus-5-5", None, False),
    ],
)
def test_display_decides_whether_thinking_text_is_shown(
    model: str, thinking: dict[str, Any] | None, is_shown: bool
) -> None:
    fields: dict[str, Any] = {"thinking": thinking} if thinking else {}
    answers = [Simulated().answer(call(model, draw=n, **fields)) for n in range(20)]
    blocks = [answer.blocks[0] for answer in answers if kinds(answer)[0] == "thinking"]
    assert blocks
    assert {bool(block["thinking"]) for block in blocks} == {is_shown}
    assert all(block["signature"] for block in blocks)
    assert all(thinking_tokens(answer) for answer in answers if len(answer.blocks) == 2)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (HAIKU, {}),
        (HAIKU, {"thinking": {"type": "disabled"}}),
        ("claude-opus-4-8", {}),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
    ],
)
def test_thinking_that_is_off_leaves_text_alone(model: str, fields: dict[str, Any]) -> None:
    answer = Simulated().answer(call(model, **fields))
    assert kinds(answer) == ["text"]
    assert thinking_tokens(answer) == 0


def test_effort_moves_adaptive_thinking_and_low_effort_sometimes_skips_it() -> None:
    def mean(level: str) -> float:
        fields: dict[str, Any] = {
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": level},
        }
        answers = [Simulated().answer(call("claude-opus-5", draw=n, **fields)) for n in range(80)]
        return sum(map(thinking_tokens, answers)) / len(answers)

    means = [mean(level) for level in ("low", "medium", "high", "xhigh", "max")]
    assert means == sorted(means)
    low: dict[str, Any] = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}
    answers = [Simulated().answer(call("claude-opus-5", draw=n, **low)) for n in range(80)]
    assert {len(answer.blocks) for answer in answers} == {1, 2}


def test_max_tokens_cuts_the_text() -> None:
    answer = Simulated().answer(call(max_tokens=5))
    assert answer.stop_reason == "max_tokens"
    assert answer.usage["output_tokens"] == 5
    assert len(answer.blocks[0]["text"]) <= 20


def test_max_tokens_reached_while_thinking_leaves_no_text() -> None:
    answers = [
        Simulated().answer(call(draw=n, max_tokens=2001, **enabled(2000))) for n in range(99)
    ]
    cut = [answer for answer in answers if kinds(answer) == ["thinking"]]
    assert cut
    for answer in cut:
        assert answer.stop_reason == "max_tokens"
        assert answer.usage["output_tokens"] == thinking_tokens(answer) == 2001


def test_max_tokens_of_zero_only_warms_the_cache() -> None:
    answer = Simulated().answer(call(max_tokens=0))
    assert answer.blocks == ()
    assert answer.stop_reason == "max_tokens"


def test_a_full_window_is_its_own_stop_reason() -> None:
    long = [{"role": "user", "content": "x" * int(199_985 * 3.8)}]
    answer = Simulated().answer(call(messages=long))
    assert answer.stop_reason == "model_context_window_exceeded"


def test_a_stop_sequence_ends_the_text() -> None:
    answer = Simulated().answer(call(stop_sequences=["never said", "e", " "]))
    text = answer.blocks[0]["text"]
    assert answer.stop_reason == "stop_sequence"
    assert answer.stop_sequence in ("e", " ")
    assert text
    assert "e" not in text
    assert " " not in text
    unmet = Simulated().answer(call(stop_sequences=["never said"]))
    assert (unmet.stop_reason, unmet.stop_sequence) == ("end_turn", None)


def test_structured_output_satisfies_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "note": {"type": "string"},
            "verdict": {"enum": ["pass", "fail"]},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "share": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "boolean"}},
            "nothing": {"type": "null"},
            "either": {"anyOf": [{"const": 1}, {"const": 2}]},
            "maybe": {"type": ["string", "null"]},
        },
        "required": ["verdict", "score"],
    }
    for draw in range(20):
        fields: dict[str, Any] = {
            "output_config": {"format": {"type": "json_schema", "schema": schema}}
        }
        value = json.loads(Simulated().answer(call(draw=draw, **fields)).blocks[0]["text"])
        assert list(value)[:2] == ["verdict", "score"]
        assert value["verdict"] in ("pass", "fail")
        assert 1 <= value["score"] <= 5
        assert 0 <= value["share"] <= 1
        assert all(isinstance(tag, bool) for tag in value["tags"])
        assert value["either"] in (1, 2)
        assert value["maybe"] is None or isinstance(value["maybe"], str)


def test_an_example_of_an_array_has_as_many_items_as_demanded() -> None:
    value = example({"type": "array", "minItems": 3, "items": {"const": 0}}, random.Random(0))
    assert value == [0, 0, 0]


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "second"}])
def test_a_forced_tool_is_called(choice: dict[str, str]) -> None:
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    tools = [{"name": name, "input_schema": form} for name in ("first", "second")]
    answer = Simulated().answer(call(tools=tools, tool_choice=choice))
    assert answer.stop_reason == "tool_use"
    (block,) = answer.blocks
    assert block["name"] == choice.get("name", "first")
    assert isinstance(block["input"]["n"], int)


def share_right(skill: Skill, **fields: Any) -> float:
    backend = Simulated(skill=skill, answers=BOOK)
    right = 0
    for n in range(400):
        turn = {"role": "user", "content": f"How much is {n} plus 1000? Give only a number."}
        answer = backend.answer(call(messages=[turn], **fields))
        right += answer.blocks[-1]["text"] == str(n + 1000)
    return right / 400


def test_skill_grows_with_the_budget_along_its_curve() -> None:
    skill = Skill(base=0.3, gain=0.6, half_tokens=2000)
    assert skill.at(0) == pytest.approx(0.3)
    assert skill.at(2000) == pytest.approx(0.6)
    assert skill.at(1e9) == pytest.approx(0.9)
    for budget in (None, 2000, 16_000):
        fields = enabled(budget) if budget else {}
        expected = skill.at(budget or 0)
        assert share_right(skill, **fields) == pytest.approx(expected, abs=0.1)


def test_effects_follow_the_model_the_system_prompt_and_the_prompt() -> None:
    skill = Skill(base=0.4, gain=0.0, effects=(("haiku", 0.2), ("carefully", 0.3), ("plus", -0.4)))
    assert skill.at(0, "claude-haiku\n\nGive") == pytest.approx(0.6)
    assert skill.at(0, "x\nThink carefully.") == pytest.approx(0.7)
    assert skill.at(0, "x plus y") == pytest.approx(0.0)
    low, high = share_right(skill), share_right(skill, system="Think carefully, numbers only.")
    assert high - low == pytest.approx(0.3, abs=0.1)


def test_consistency_makes_draws_of_a_question_agree() -> None:
    def agreement(consistency: float) -> float:
        backend = Simulated(skill=Skill(0.5, 0.0, 1.0, consistency), answers=BOOK)
        same = 0
        for n in range(200):
            turn = {"role": "user", "content": f"How much is {n} plus 1000? Number only."}
            both = [
                backend.answer(call(draw=draw, messages=[turn])).blocks[0]["text"] == str(n + 1000)
                for draw in (0, 1)
            ]
            same += both[0] == both[1]
        return same / 200

    assert agreement(1.0) == 1.0
    assert agreement(0.0) < 0.65


def test_the_book_finds_the_question_that_ends_last() -> None:
    book = AnswerBook([Entry("What is one?", "1"), Entry("What is two?", "2"), Entry("two?", "3")])
    found = book.find("Example: What is one? It is 1. Now: What is two? Answer.")
    assert found is not None
    assert found.answer == "2"
    assert book.find("What is three?") is None


_WORDS = st.text("ab ", min_size=1, max_size=30)


@given(st.lists(_WORDS, min_size=1, max_size=6, unique=True), st.text("ab ", max_size=60))
def test_the_search_finds_what_trying_every_place_finds(questions: list[str], prompt: str) -> None:
    found = AnswerBook(Entry(text, text) for text in questions).find(prompt)
    everywhere = [
        (start + len(text), len(text), text)
        for text in questions
        for start in range(len(prompt))
        if prompt.startswith(text, start)
    ]
    assert (found.question if found else None) == max(everywhere, default=(0, 0, None))[2]


def test_wrong_answers_are_wrong() -> None:
    book = AnswerBook(
        [Entry("a", "7"), Entry("b", "1,250.5"), Entry("c", "B"), Entry("d", "C"), Entry("e", "0")]
    )
    for entry in [Entry("a", "7"), Entry("b", "1,250.5"), Entry("c", "B"), Entry("e", "0")]:
        wrong = {book.wrong_answer(entry, random.Random(n)) for n in range(50)}
        assert entry.answer not in wrong
        assert wrong


def test_answers_are_read_from_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"question": "Q?", "answer": "so 3 * 4 = 12 #### 12", "more": 1}\n\n')
    entry = load_answers(path).find("Q?")
    assert entry == Entry("Q?", "12")


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"question": "x"}', '{"question": " ", "answer": 1}']
)
def test_a_bad_answer_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(f'{{"question": "Q?", "answer": 1}}\n{line}\n')
    with pytest.raises(DatasetError, match=r"answers\.jsonl:2"):
        load_answers(path)
    with pytest.raises(DatasetError, match="No such file"):
        load_answers(tmp_path / "none.jsonl")


SYSTEM = [{"type": "text", "text": "word " * 4000, "cache_control": {"type": "ephemeral"}}]


def counters(answer: Answer) -> tuple[int, int, int]:
    usage = answer.usage
    return (
        usage["input_tokens"],
        usage["cache_creation_input_tokens"],
        usage["cache_read_input_tokens"],
    )


def test_a_cached_prefix_is_written_once_read_after_and_forgotten_in_time() -> None:
    clock = Clock()
    backend = Simulated(clock=clock)
    first = counters(backend.answer(call(system=SYSTEM)))
    assert first[1] > 4096
    assert first[2] == 0
    second = counters(backend.answer(call(system=SYSTEM)))
    assert second == (first[0], 0, first[1])
    clock.now_s += 299
    assert counters(backend.answer(call(system=SYSTEM))) == second
    clock.now_s += 301
    assert counters(backend.answer(call(system=SYSTEM))) == first


def test_an_hour_is_an_hour_and_counted_apart() -> None:
    clock = Clock()
    backend = Simulated(clock=clock)
    system = [{**SYSTEM[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    usage = backend.answer(call(system=system)).usage
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] == 0
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] > 4096
    clock.now_s += 3599
    assert counters(backend.answer(call(system=system)))[2] > 4096


def test_what_is_written_can_be_read_only_once_its_answer_has_begun() -> None:
    clock = Clock()
    backend = Simulated(clock=clock)
    for _ in range(3):
        usage = counters(backend.answer(call(system=SYSTEM, begins_in_s=2.0)))
        assert usage[1] > 0
        assert usage[2] == 0
    clock.now_s += 2.1
    assert counters(backend.answer(call(system=SYSTEM, begins_in_s=2.0)))[2] > 0


def test_short_prefixes_other_models_and_other_thinking_share_nothing() -> None:
    backend = Simulated()
    short = [{**SYSTEM[0], "text": "word " * 100}]
    assert counters(backend.answer(call(system=short)))[1:] == (0, 0)
    backend.answer(call(system=SYSTEM))
    assert counters(backend.answer(call(system=SYSTEM, **enabled(2000))))[2] == 0
    assert counters(backend.answer(call("claude-opus-4-5", system=SYSTEM)))[2] == 0


def test_automatic_caching_marks_the_whole_prompt() -> None:
    backend = Simulated()
    fields: dict[str, Any] = {
        "cache_control": {"type": "ephemeral"},
        "messages": [{"role": "user", "content": "word " * 4000}],
    }
    written = counters(backend.answer(call(**fields)))
    read = counters(backend.answer(call(**fields)))
    assert written[1] == read[2] > 4096
