import pytest

from evalkit.scorers.registry import build_scorer
from evalkit.suite.schema import ScorerSpec


def spec(value):
    return ScorerSpec.model_validate(value)


def test_builds_by_type_with_its_options():
    scorer = build_scorer(spec({"type": "number", "name": "close", "tolerance": 0.5}))
    assert (scorer.name, scorer.tolerance) == ("close", 0.5)
    assert build_scorer(spec("exact")).name == "exact"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("numbre", "did you mean 'number'"),
        ("jjj", "there are: python, exact, number"),
        (
            {"type": "number", "tol": 1},
            "no option 'tol'; there are: decimal_comma, percent_as_share, relative, tolerance",
        ),
        ({"type": "number", "tolerance": "small"}, "is a float, found 'small'"),
        ({"type": "exact", "case": 1}, "is a bool, found 1"),
    ],
)
def test_says_what_it_would_have_accepted(value, told):
    with pytest.raises(ValueError, match=told):
        build_scorer(spec(value))
