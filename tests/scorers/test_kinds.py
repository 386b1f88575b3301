import json

import pytest
from builders import a_case, a_response

from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec
from evalkit.types import Usage


def graded(spec, text="", target=None, inputs=None, **fields):
    scorer = build_scorer(ScorerSpec.model_validate(spec))
    return scorer.score(a_case(target=target, **(inputs or {})), a_response(text, **fields))


@pytest.mark.parametrize(
    ("spec", "text", "target", "value"),
    [
        ({"type": "exact", "ignore_punctuation": True}, "Paris.", "Paris", 1.0),
        ({"type": "exact", "ignore_punctuation": True}, "`**Paris**`", "Paris", 1.0),
        ({"type": "exact", "ignore_articles": True}, "The  cat", "cat", 1.0),
        ({"type": "exact", "ignore_accents": True}, "café", "CAFE", 1.0),
        ({"type": "exact", "whitespace": True}, "a  b", "a b", 0.0),
        ("exact", "１２", "12", 1.0),
        ("includes", "It is Paris, of course", "paris", 1.0),
        ({"type": "includes", "values": ["a1", "b2"]}, "only a1", None, 0.5),
        ({"type": "includes", "values": ["a1", "b2"], "any": True}, "only a1", None, 1.0),
        ({"type": "excludes", "values": ["sorry"]}, "I am Sorry", None, 0.0),
        ({"type": "starts_with", "values": "Yes"}, "yes, it is", None, 1.0),
        ({"type": "ends_with", "values": "."}, "No stop", None, 0.0),
        ("includes", "anything", None, None),
        ("similarity", "kitten", "kitten", 1.0),
        ({"type": "similarity", "threshold": 0.5}, "kitten", "zzz", 0.0),
        ({"type": "regex", "pattern": r"####\s*(\S+)"}, "#### 5\n#### 7", "7", 1.0),
        ({"type": "regex", "pattern": r"####\s*(\S+)"}, "#### 5", "7", 0.0),
        ({"type": "regex", "pattern": r"\d", "invert": True}, "no digit", None, 1.0),
        ({"type": "regex", "pattern": r"\d+", "full": True}, "12 apples", None, 0.0),
        ("multiple_choice", "The answer is (B).", "B", 1.0),
        ("multiple_choice", "**C**", "C", 1.0),
        ("multiple_choice", "I think A is wrong.\nAnswer: D", "D", 1.0),
        ("multiple_choice", "A) one\nB) two\n\nAnswer: **A**", "A", 1.0),
        ("multiple_choice", r"\boxed{\text{B}}", "B", 1.0),
        ("multiple_choice", "b", "B", 1.0),
        ("multiple_choice", "I have no idea", "B", 0.0),
        ("yes_no", "Yes, it is.", "true", 1.0),
        ("yes_no", "No reason to doubt. Answer: yes", "no", 0.0),
        ("yes_no", "perhaps", "no", 0.0),
        ("json", 'Here:\n```json\n{"a": 1}\n```', None, 1.0),
        ("json", "no object", None, 0.0),
        ("json", "[NaN]", None, 0.0),
        ({"type": "json", "strict": True}, 'so {"a": 1}', None, 0.0),
        ({"type": "json", "schema": {"required": ["a"]}}, '{"b": 1}', None, 0.0),
        ("json_equal", '{"a": 1, "b": {"c": 2}}', '{"a": 1.0, "b": {"c": 3}}', 0.5),
        ("json_equal", '{"a": true}', '{"a": 1}', 0.0),
        ({"type": "json_equal", "ignore_extra": True}, '{"a": 1, "z": 2}', '{"a": 1}', 1.0),
        ("yaml", "```yaml\na: [1, 2]\n```", None, 1.0),
        ("yaml", "a: [1", None, 0.0),
        ("xml_tag", "<answer> Paris </answer>", "paris", 1.0),
        ("xml_tag", "Paris", "paris", 0.0),
        ({"type": "length", "max": 2, "unit": "words"}, "one two three", None, 0.0),
        ("json", '```json\n{"a": 1}\n```\nand\n```\nnot json\n```', None, 1.0),
        ("json", 'Sure: {"a": [1, 2]} as asked.', None, 1.0),
        ("json", '```json\n{"a": 1}', None, 1.0),
        ("json", "{'a': 1}", None, 0.0),
        ("json", '{"a": 1,}', None, 0.0),
        ("json", "[" * 100_000, None, 0.0),
        ({"type": "json", "schema": {"type": "object"}}, "[1]", None, 0.0),
        ("json_equal", '{"a": [1, 2, 3]}', '{"a": [1, 2, 4]}', pytest.approx(2 / 3)),
        ({"type": "json_equal", "partial": False}, '{"a": [1, 2]}', '{"a": [1, 3]}', 0.0),
        ("json_equal", '{"b": 2, "a": 1}', '{"a": 1, "b": 2}', 1.0),
        ("json_equal", '{"a": null}', "{}", 0.0),
        ("json_equal", "{}", "not json", None),
        ("json_equal", "[]", "[]", 1.0),
        ("yaml", "a: !!python/object/apply:os.system ['id']", None, 0.0),
        ("yaml", "just text", None, 0.0),
        ("xml_tag", "<ANSWER type='x'>\nParis\n</ANSWER>", "paris", 1.0),
        ("xml_tag", "<answer>Rome</answer> no: <answer>Paris</answer>", "Paris", 1.0),
        ("xml_tag", "<answer>AT&amp;T</answer>", "AT&T", 1.0),
        ("xml_tag", "<answer>Paris", "Paris", 0.0),
        ("xml_tag", "<answer>" * 30_000, "Paris", 0.0),
        ({"type": "xml_tag", "tag": "final", "compare": False}, "<final>x</final>", "y", 1.0),
    ],
)
def test_grades(spec, text, target, value):
    score = graded(spec, text, target)
    assert score.value == value
    assert value == 1.0 or score.reason


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+$", "a" * 40 + "!"),
        (r"(a|aa)+$", "a" * 60 + "!"),
        (r"(.*)*x", "a" * 60),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
        (r"(x+x+)+y", "x" * 60),
        (r"^(\w+\s?)*$", "word " * 20 + "!!!"),
        (r"^(a?){40}a{40}$", "a" * 39 + "b"),
        (r"\s+$", " " * 60_000 + "x"),
        (r"(.*?,){25}P", "1," * 60),
        (r"^(.+)+@", "a" * 60),
    ],
)
def test_famous_catastrophes_end(pattern, text):
    score = graded({"type": "regex", "pattern": pattern, "timeout_s": 0.05}, text)
    assert score.value in (0.0, None)
    assert score.reason in ("no match", "the pattern took longer than 0.05 s")


def test_a_pattern_that_has_cost_much_time_gets_less(monkeypatch):
    monkeypatch.setattr("evalkit.scorers.pattern._PATIENCE_S", 0.04)
    spec = {"type": "regex", "pattern": r"(?:a|a)*$", "timeout_s": 0.05}
    scorer = build_scorer(ScorerSpec.model_validate(spec))
    slow = [scorer.score(a_case(), a_response("a" * 60 + "b")).reason for _ in range(2)]
    assert slow[1] == "the pattern took longer than 0.0005 s"
    assert scorer.score(a_case(), a_response("aa")).value == 1.0


def test_a_target_that_is_no_tool_call():
    call = {"name": "add", "input": {"a": 1}}
    assert graded("tool_call", "", "not json", tool_calls=(call,)).value is None
    assert "the target is no" in graded("tool_call", "", '{"a": 1}', tool_calls=(call,)).reason
    named = json.dumps({"name": "add", "arguments": {"a": 1}})
    assert graded("tool_call", "", named, tool_calls=({"name": "sub"}, call)).value == 1.0


def test_a_catastrophic_pattern_ends_in_a_null_score():
    spec = {"type": "regex", "pattern": r"(?:a|a)*$", "timeout_s": 0.05}
    score = graded(spec, "a" * 60 + "b")
    assert score.value is None
    assert "longer than 0.05 s" in score.reason


def test_choices_by_text_and_place():
    inputs = {"options": ["red", "dark red", "blue"]}
    spec = {"type": "multiple_choice", "choices": "options"}
    assert graded(spec, "It is dark red", "B", inputs).value == 1.0
    assert graded(spec, "It is dark red", "1", inputs).value == 1.0
    assert graded(spec, "It is blue", "red", inputs).value == 0.0


def test_fields_and_tool_calls():
    text = json.dumps({"who": {"name": "Ada"}, "year": 1815})
    spec = {"type": "fields", "fields": {"who.name": "name", "year": "born"}}
    assert graded(spec, text, None, {"name": "ada", "born": 1816}).value == 0.5
    call = {"name": "add", "input": {"a": 1, "b": 2}}
    spec = {"type": "tool_call", "tool": "add", "arguments": {"a": 1, "b": 3}}
    assert graded(spec, tool_calls=(call,)).value == 0.75
    assert graded("tool_call", "", json.dumps(call), tool_calls=(call,)).value == 1.0
    assert graded("tool_call", "", json.dumps(call)).value == 0.0


def test_limits():
    assert graded({"type": "latency", "max_s": 1}, elapsed_s=2.0).value == 0.0
    assert graded({"type": "cost", "max_usd": 1}).value is None
    assert graded({"type": "cost", "max_usd": 1}, cost_usd=0.5).value == 1.0
    usage = Usage(10, 20, thinking_tokens=9)
    assert graded({"type": "thinking_tokens", "max": 8}, usage=usage).value == 0.0
    assert graded("stop_reason", stop_reason="max_tokens").value == 0.0
    assert graded("refusal", stop_reason="refusal").value == 1.0


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"type": "similarity", "threshold": 80}, "a share from 0 to 1, found 80"),
        ({"type": "includes", "values": ["a", ""]}, "an empty text"),
        ({"type": "number", "tolerance": -1}, "tolerance is 0 or more"),
        ({"type": "number", "relative": float("nan")}, "relative is 0 or more"),
        ({"type": "length", "min": 5, "max": 2}, "no less than min, found 5 to 2"),
        ({"type": "latency", "max_s": -1}, "max_s is 0 or more"),
        ({"type": "cost", "max_usd": -0.1}, "max_usd is 0 or more"),
        ({"type": "thinking_tokens", "max": -1}, "max is 0 or more"),
        ({"type": "xml_tag", "tag": "<answer>"}, "without brackets"),
        ({"type": "math", "digits": -1}, "digits is from 0 to 15"),
        ({"type": "regex", "pattern": "a", "timeout_s": 0}, "timeout_s is more than 0"),
        ({"type": "json", "timeout_s": 0}, "timeout_s is more than 0"),
        ({"type": "code", "output_kb": 0}, "output_kb is more than 0"),
    ],
)
def test_options_that_no_answer_can_meet(spec, told):
    with pytest.raises(ValueError, match=told):
        build_scorer(ScorerSpec.model_validate(spec))
