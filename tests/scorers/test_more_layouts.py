"""Choices and numbers as they are written by those who answer at length, or elsewhere."""

import pytest
from builders import a_case, a_response

from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec

CITIES = ["Paris", "London", "Berlin", "Madrid"]
NUMBERED = {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}


def graded(spec, text, target, **inputs):
    scorer = build_scorer(ScorerSpec.model_validate(spec))
    return scorer.score(a_case(target=target, **inputs), a_response(text))


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B\n\nExplanation: Option A is wrong because of C.", "B"),
        ("B. London\n\nExplanation: option A is wrong.", "B"),
        ("**C**\n\nOption A was tempting.", "C"),
        ("A is wrong. B is wrong. C is wrong. So D.", "D"),
        ("B, C, and D are wrong; A.", "A"),
        ("It's not A, so it must be B.", "B"),
        ("I'd eliminate A, B and D. That leaves C.", "C"),
        ("Of these, D seems most likely.", "D"),
        ("The answer is 'B'.", "B"),
        ("La respuesta es B", "B"),
        ("Réponse : B", "B"),
        ("Correct: B", "B"),
        ("Ｂ", "B"),
        ("（B）", "B"),
        ("A - Paris", "A"),
        ("=> B", "B"),
        ("- B", "B"),
        ("{B}", "B"),
        ("Not A", None),
        ("The answer is A or B", None),
        ("A - Paris\nB - London", None),
        ("I am a teapot.", None),
    ],
)
def test_letters(text, letter):
    assert graded("multiple_choice", text, letter or "A").answer == letter


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("Paris is in France, so the answer is Madrid.", "D", 1.0),
        ("It isn't Paris. It's London.", "B", 1.0),
        ("London is not in France; Paris is.", "A", 0.0),
        ("A. Paris\nB. London\nC. Berlin\nD. Madrid", "D", 0.0),
        ("A. Paris\nB. London\nC. Berlin\nD. Madrid\n\nI think of Berlin", "C", 1.0),
    ],
)
def test_texts_of_options(text, target, value):
    spec = {"type": "multiple_choice", "choices": "options"}
    assert graded(spec, text, target, options=CITIES).value == value


@pytest.mark.parametrize("options", [NUMBERED, {"1": "x", "2": "y", "3": "z"}])
@pytest.mark.parametrize("text", ["B", "The answer is 2.", "2", "(B) y"])
@pytest.mark.parametrize("target", ["2", "y", "B"])
def test_options_with_numbers(options, text, target):
    spec = {"type": "multiple_choice", "choices": "options"}
    assert graded(spec, text, target, options=options).value == 1.0
    assert graded(spec, text, "1", options=options).value == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The answer should be yes; there is no other way.", "yes"),
        ("The claim isn't true.", "no"),
        ("Ｙｅｓ", "yes"),
    ],
)
def test_yes_and_no(text, said):
    assert graded("yes_no", text, "yes").answer == said


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("Rs. 12,34,567.50", "1234567.5", 1.0),
        ("₹ 1,00,000", "100000", 1.0),
        ("₹ 2.5 lakh, or 0.025 crore", "250000", 1.0),
        ("£1m", "1000000", 1.0),
        ("12m", "12", 1.0),
        ("_12_", "12", 1.0),
        ("答えは25です", "25", 1.0),
        ("0.1 + 0.2 = 0.30000000000000004", "0.3", 1.0),
        ("1/3", "0.3333333333333333", 1.0),
        ("0.3333", "1/3", 0.0),
        ("100000000000000001", "100000000000000002", 0.0),
        (r"\boxed{3\sqrt{2}}", "2", 0.0),
        (r"\boxed{\frac{\pi}{2}}", "2", 0.0),
        (r"First 5, then \boxed{\text{none}}", "5", 0.0),
        (r"$4\pi \approx 12.57$", "12.57", 1.0),
        (r"$\sqrt{16} = 4$", "4", 1.0),
    ],
)
def test_numbers(text, target, value):
    assert graded("number", text, target).value == value


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Es kostet 1.234,56 €", "1234.56"),  # a column of numbers has a point
        ("Es kostet 1.234,56 €", "1.234,56"),
        ("1234.56", "1234,56"),
        ("0.125", "0,125"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("-1.234", "-1234"),
        ("Am 12.05.2024 waren es 7.", "7"),
    ],
)
def test_a_decimal_comma_where_it_can_be_one(text, target):
    assert graded({"type": "number", "decimal_comma": True}, text, target).value == 1.0


@pytest.mark.parametrize("text", ["50%", "50 percent", "50 per cent", "50 pct", "0.5"])
def test_shares(text):
    assert graded({"type": "number", "percent_as_share": True}, text, "0.5").value == 1.0


@pytest.mark.parametrize(
    "text", ["12,34," * 20_000, "3√" * 20_000, "A or B " * 20_000, "not A " * 9_999]
)
def test_long_nonsense_takes_no_time(text):
    for kind in ("number", "multiple_choice", "yes_no"):
        graded(kind, text, "1" if kind == "number" else "B" if "multi" in kind else "yes")
