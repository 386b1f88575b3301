import pytest
from builders import a_case, a_response

from evalkit.pipeline.score import grade
from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec

OWN = """
from dataclasses import dataclass

def polite(case, response, word="please"):
    return word in response.text, "looked for " + word

def broken(case, response):
    raise KeyError("no such thing")

def too_much(case, response):
    return 2

@dataclass
class Long:
    least: int = 3
    def score(self, case, response):
        return float(len(response.text) >= self.least)
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "my_scorers.py"
    path.write_text(OWN)
    return lambda name, **options: build_scorer(
        ScorerSpec.model_validate({"python": f"{path}:{name}", **options})
    )


def test_functions_and_classes(own):
    scorer = own("polite", word="thanks")
    assert scorer.name == "polite"
    score = grade(scorer, a_case(), a_response("many thanks"))
    assert (score.value, score.reason) == (1.0, "looked for thanks")
    assert grade(own("Long", least=9), a_case(), a_response("short")).value == 0.0


def test_a_scorer_that_raises_or_exceeds_yields_null_with_the_reason(own):
    score = grade(own("broken"), a_case(), a_response())
    assert score.value is None
    assert "KeyError" in score.reason
    assert grade(own("too_much"), a_case(), a_response()).value is None


def test_says_what_is_wrong_before_anything_is_sent(own):
    with pytest.raises(ValueError, match="has no 'rude'"):
        own("rude")
    with pytest.raises(ValueError, match="unexpected keyword"):
        own("polite", wrod="x")
