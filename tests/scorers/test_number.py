from decimal import Decimal

import pytest
from builders import a_case, a_response

from evalkit.scorers.number import Number, find_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Answer: 12", "12"),
        ("It is $1,234.50.", "1234.50"),
        ("7 - 5 = 2", "2"),
        ("So x=-3", "-3"),
        ("It is −5 degrees", "-5"),
        ("(-4)", "-4"),
        ("$-5", "-5"),
        ("5-3", "3"),
        ("between 10-12 apples", "12"),
        ("So 3 + 4 is 7.\n#### 1,000\nand 3 more", "1000"),
        (r"thus \boxed{42} of the 7", "42"),
        ("12%", "12"),
        ("it is .5", "0.5"),
        ("about 2e3 of them", "2000"),
        ("The answer is **18**.", "18"),
        ("18 apples.", "18"),
        ("She has 3 apples. Then she has 5.", "5"),
        ("1,2,3", "3"),
        ("1,234,567 people", "1234567"),
        ("no idea", None),
        ("", None),
        ("####", None),
    ],
)
def test_the_number_an_answer_gives(text, number):
    assert find_number(text) == (Decimal(number) if number else None)


@pytest.mark.parametrize(
    ("text", "target", "value", "answer"),
    [
        ("Answer: 12.0", "12", 1.0, "12"),
        ("1,200", "1200", 1.0, "1200"),
        ("13", "12", 0.0, "13"),
        ("none", "12", 0.0, None),
        ("12", "twelve", None, None),
        ("12", None, None, None),
    ],
)
def test_scores_are_one_zero_or_null_with_a_reason(text, target, value, answer):
    score = Number().score(a_case(target=target), a_response(text))
    assert (score.value, score.answer) == (value, answer)
    assert (score.reason is None) == (value == 1.0)


def test_tolerance_is_absolute():
    assert Number(tolerance=0.05).score(a_case(target="3.14"), a_response("3.1")).value == 1.0
    assert Number(tolerance=0.01).score(a_case(target="3.14"), a_response("3.1")).value == 0.0


def test_thinking_is_not_scored():
    assert Number().score(a_case(), a_response("13", thinking="It is 12")).value == 0.0
