"""Mathematics that means the same, graded in processes of its own."""

import sys

import pytest
from builders import a_case, a_response

from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec

pytest.importorskip("math_verify")


def build(**options):
    return build_scorer(ScorerSpec.model_validate({"type": "math", **options}))


@pytest.fixture(scope="module")
def scorer():
    return build(timeout_s=30)


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        ("1/2", r"So it is $\frac{1}{2}$.", 1.0),
        ("0.5", r"\boxed{\frac12}", 1.0),
        (r"\frac{\sqrt{3}}{2}", r"Thus \boxed{\dfrac{\sqrt3}{2}}", 1.0),
        ("x^2+2x+1", "$(x+1)^2$", 1.0),
        ("(1,2]", "$(1, 2]$", 1.0),
        (r"\{1,2,3\}", r"The set is $\{3, 2, 1\}$", 1.0),
        ("3", "The answer is 4", 0.0),
        ("3", "I do not know", 0.0),
        ("10%", "$10\\%$", 1.0),
        (None, "3", None),
    ],
)
def test_means_the_same(scorer, target, text, value):
    score = scorer.score(a_case(target=target), a_response(text))
    assert score.value == value
    assert (score.reason is None) == (value == 1.0)


@pytest.mark.slow
def test_what_takes_for_ever_is_null_for_that_answer_alone(scorer):
    assert scorer.score(a_case(target="1/2"), a_response("$1/2$")).value == 1.0
    hasty = build(timeout_s=4)
    assert hasty.score(a_case(target="5"), a_response("$5$")).value == 1.0
    endless = hasty.score(a_case(target="9"), a_response("$9^{9^{9^{9^9}}}$"))
    assert endless.value is None
    assert endless.reason == "the scorer took longer than 4 s"
    assert hasty.score(a_case(target="5"), a_response("$5$")).value == 1.0


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "math_verify", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'evalkit\[math\]'"):
        build()
