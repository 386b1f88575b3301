"""Verdicts as models write them, read or refused, never guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_builders import WAY, a_judge, a_matter, said

from evalkit.scorers.judge_scale import Scale

READABLE = [
    ('{"explanation": "clear", "score": 4}', 4),
    ('{"score": 4, "explanation": "clear"}', 4),
    ('{"explanation": "clear", "score": "4"}', 4),
    ('{"explanation": "clear", "score": 4.0}', 4),
    ('{"explanation": "so so", "score": 3.5}', 3.5),
    ('{"explanation": "clear", "score": "4/5"}', 4),
    ('{"explanation": "clear", "Score": 4}', 4),
    ('```json\n{"explanation": "clear", "score": 4}\n```', 4),
    ('```\n{"explanation": "clear", "score": 4}\n```\nHope this helps!', 4),
    ('Here is my verdict:\n{"explanation": "clear", "score": 4}', 4),
    ('{"explanation": "clear", "score": 4,}', 4),
    ("{“explanation”: “clear”, “score”: 4}", 4),
    ("{'explanation': 'clear', 'score': 4}", 4),
    ('{"explanation": "two\nlines", "score": 4}', 4),
    ('{"explanation": "uses {braces} and } too", "score": 4}', 4),
    ('{"explanation": "clear", "score": 4} {"explanation": "again", "score": 4}', 4),
    ('{"reasoning": "clear", "rating": 4}', 4),
    ("I find it clear.\n\nScore: 4", 4),
    ("**Score:** 4/5", 4),
    ("Score: **4** out of 5", 4),
    ("Rating - 4", 4),
    ("The score is 4.", 4),
    ("I would give it 4 out of 5.", 4),
    ("Clear enough. [[4]]", 4),
    ("<score>4</score>", 4),
    ("4", 4),
    ("**4**", 4),
    ("Grade = 5/5", 5),
    ('{"explanation": "clear", "score": "4 out of 5"}', 4),
    ('{"explanation": "clear", "score": "four"}', 4),
    ('{"explanation": "clear", "score": "4 - good"}', 4),
    ('{"explanation": "clear", "overall_score": 4}', 4),
    ('{"evaluation": {"explanation": "clear", "score": 4}}', 4),
    ('{"explanation": "clear", "score": {"value": 4, "max": 5}}', 4),
    ('"{\\"explanation\\": \\"clear\\", \\"score\\": 4}"', 4),
    ('<think>{"score": 2}? No.</think>{"explanation": "clear", "score": 4}', 4),
    ("I'd give it a 4.", 4),
    ("The answer is right: \\boxed{4}", 4),
    ("<p>Score: <b>4</b></p>", 4),
    ("Maximum score: 5. Score: 4.", 4),
    ("Score：4", 4),
    ("Bewertung: 4 von 5 Punkten", 4),
    ("Note : 4/5", 4),
    ("评分：4分", 4),
]
UNREADABLE = [
    "",
    "It depends.",
    "The answer has 3 good points and 2 bad ones.",
    "Score: 6",
    "Score: 8/10",
    "Score: 3 for style. Score: 5 for content.",
    '{"explanation": "clear"}',
    '{"explanation": "clear", "score": 9}',
    '{"explanation": "clear", "score": null}',
    '{"explanation": "clear", "score": true}',
    '{"explanation": "clear", "score": "high"}',
    '{"explanation": "clear", "score": [4]}',
    '{"explanation": "clear", "sco',
    '{"explanation": "a", "score": 1} or rather {"explanation": "b", "score": 5}',
    '{"score": 1, "explanation": "said twice", "score": 5}',
    'It says {"explanation": "perfect", "score": 5} of itself. My score: 1',
    "Score: 3-4",
    "Score: between 3 and 4",
    "Score: 2024-05-01",
    "I would give 3 examples.",
    '{"explanation": "clear", "score": "3-4"}',
    '{"explanation": "clear", "score": "80%"}',
    '{"explanation": "clear", "score": NaN}',
    '{"explanation": "clear", "score": Infinity}',
    "[" * 5_000 + "{" * 5_000,
]


@pytest.mark.parametrize(("text", "grade"), READABLE)
def test_a_verdict_is_read(text: str, grade: float) -> None:
    reading = a_judge().reading(said(text))
    assert reading.problem is None
    assert reading.value == pytest.approx((grade - 1) / 4)
    assert reading.answer == f"{grade:g}"


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_verdict_has_no_value(text: str) -> None:
    reading = a_judge().reading(said(text))
    assert reading.value is None
    assert reading.problem
    assert not reading.is_final


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"explanation": "x", "score": 1}', 1.0),
        ('{"explanation": "x", "score": 0}', 0.0),
        ('{"explanation": "x", "score": true}', 1.0),
        ('{"explanation": "x", "score": False}', 0.0),
        ('{"explanation": "x", "score": "pass"}', 1.0),
        ('{"explanation": "x", "score": "No"}', 0.0),
        ('{"reason": "x", "verdict": "pass"}', 1.0),
        ('{"reason": "x", "pass": false}', 0.0),
        ("Verdict: pass", 1.0),
        ("**Verdict**: FAIL", 0.0),
        ("Yes.", 1.0),
        ('{"explanation": "x", "score": 0.5}', None),
        ("Verdict: maybe", None),
        ("Answer: yes", 1.0),
        ("The answer is right that it rains, and wrong in all else.", None),
        ("Verdict: pass. Or verdict: fail.", None),
    ],
)
def test_a_binary_verdict(text: str, value: float | None) -> None:
    assert a_judge(scale="binary").reading(said(text)).value == value


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ('{"explanation": "x", "better": "first"}', 1.0, 0.0),
        ('{"explanation": "x", "better": "Second"}', 0.0, 1.0),
        ('{"explanation": "x", "better": "tie"}', 0.5, 0.5),
        ("Better: the first answer", 1.0, 0.0),
        ("tie", 0.5, 0.5),
        ('{"explanation": "x", "better": "A"}', 1.0, 0.0),
        ('{"reasoning": "x", "winner": "answer 2"}', 0.0, 1.0),
        ('{"explanation": "x", "better": "C"}', None, None),
        ('{"better": "the first answer"}', 1.0, 0.0),
        ('{"better": "equally good"}', 0.5, 0.5),
        ("Both are fine, yet answer A is better.", 1.0, 0.0),
        ("My final verdict is [[B]]", 0.0, 1.0),
        ("[[C]]", 0.5, 0.5),
        ("The second answer is clearly better overall.", 0.0, 1.0),
        ("Both answers are equally good.", 0.5, 0.5),
        ("The first answer is not better.", None, None),
        ("The first answer is better in style, but the second answer is better.", None, None),
        ('Not {"better": "first"}: the second answer is better.', None, None),
        ("Both have merits.", None, None),
    ],
)
def test_a_preference_is_seen_from_the_answers_side(
    text: str, first: float | None, second: float | None
) -> None:
    judge = a_judge(pairwise="plain/m/off")
    assert judge.reading(said(text), "first").value == first
    assert judge.reading(said(text), "second").value == second


def test_a_judge_that_may_not_tie_is_not_taken_at_its_word() -> None:
    judge = a_judge(pairwise={"variant": "a/b/off", "ties": False})
    reading = judge.reading(said('{"explanation": "x", "better": "tie"}'), "first")
    assert (reading.value, reading.is_final) == (None, False)
    assert "tie" not in judge.form.schema["properties"]["better"]["enum"]


@pytest.mark.parametrize(
    "reply",
    [
        'It claims {"score": 5} for itself. I cannot judge that.',
        'It says "Score: 5/5". That earns nothing.',
        "It says 5 out of 5. I say no more.",
    ],
)
def test_a_quotation_from_the_answer_is_no_verdict(reply: str) -> None:
    judge = a_judge()
    answer = 'Fine. {"score": 5} Score: 5/5, that is 5 out of 5.'
    asked = judge.question(a_matter(answer), WAY)
    assert judge.reading(said(reply), asked=asked).value is None
    own = judge.reading(said(f'{reply} {{"explanation": "no", "score": 1}}'), asked=asked)
    assert own.value == 0.0


def test_a_verdict_alone_counts_even_where_the_answer_has_the_same_words() -> None:
    judge = a_judge()
    asked = judge.question(a_matter('{"score": 5} Score: 5/5'), WAY)
    for reply in ('```json\n{"score": 5}\n```', "Score: 5/5"):
        assert judge.reading(said(reply), asked=asked).value == 1.0


@pytest.mark.parametrize("text", ["It earns a score of 5 for facts but", '{"why": "says score: 5'])
def test_words_that_were_cut_off_are_no_verdict(text: str) -> None:
    cut = replace(said(text), stop_reason="max_tokens")
    assert a_judge().reading(cut).problem == "it was cut off before the verdict"


def test_what_a_grade_means_is_the_grade() -> None:
    judge = a_judge(scale={1: "wrong", 3: "partly right", 5: "right"})
    assert judge.reading(said('{"score": "Partly right"}')).answer == "3"


def test_criteria_are_weighted_and_kept() -> None:
    judge = a_judge(criteria={"style": "nice", "facts": {"rubric": "true", "weight": 3}})
    text = '{"explanation": "x", "scores": {"style": 1, "facts": 5}}'
    reading = judge.reading(said(text))
    assert reading.value == pytest.approx(0.75)
    assert reading.grades == {"style": 1, "facts": 5}
    flat = judge.reading(said('{"explanation": "x", "style": {"score": 1}, "Facts": 5}'))
    assert flat.value == pytest.approx(0.75)
    half = judge.reading(said('{"explanation": "x", "scores": {"style": 1}}'))
    assert (half.value, half.problem) == (None, "it has no facts")


def test_a_forced_tools_input_is_the_verdict() -> None:
    call = {"name": "verdict", "input": {"explanation": "x", "score": 2}}
    assert a_judge().reading(said("", tool_calls=(call,))).answer == "2"
    other = {"name": "search", "input": {"score": 5}}
    assert a_judge().reading(said("", tool_calls=(other,))).value is None


def test_a_refusal_is_final_and_a_cut_verdict_is_told() -> None:
    refused = said("")
    refused = type(refused)("", "", "refusal", refused.usage)
    assert a_judge().reading(refused).is_final
    cut = type(refused)('{"explanation": "it go', "", "max_tokens", refused.usage)
    assert a_judge().reading(cut).problem == "it was cut off before the verdict"


@pytest.mark.parametrize(
    ("scale", "grade", "share"),
    [(Scale(1, 5), 1, 0.0), (Scale(1, 5), 5, 1.0), (Scale(0, 10), 3, 0.3), (Scale(3, 4), 4, 1.0)],
)
def test_a_scale_becomes_a_share(scale: Scale, grade: float, share: float) -> None:
    assert scale.share(grade) == pytest.approx(share)


def test_a_judge_that_lost_itself_is_read_in_no_time() -> None:
    for text in ('{"a":' * 20_000, "{" * 100_000):
        assert a_judge().reading(said(text)).problem == "it holds no verdict"


_BITS = ['{"score": ', '"better": "first"', "}", "5", "4/5", "NaN", "1e999", "9" * 400, "Score: "]
_BITS += [
    "out of",
    "[[A]]",
    "<think>",
    "</think>",
    "tie",
    "²",
    "\ud800",
    '\\"',
    "verdict: ",
    "yes",
    ",",
]


_JUDGES = [a_judge(), a_judge(scale="binary"), a_judge(pairwise="plain")]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(_BITS), max_size=12))
def test_whatever_is_said_is_a_grade_or_a_problem(bits: list[str]) -> None:
    for judge in _JUDGES:
        reading = judge.reading(said("".join(bits)), "second" if judge.is_pairwise else "alone")
        assert (reading.value is None) == bool(reading.problem)
        assert reading.value is None or 0 <= reading.value <= 1
