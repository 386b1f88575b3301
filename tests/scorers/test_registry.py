import pytest
import yaml
from builders import a_suite
from pydantic import ValidationError

from evalkit.scorers.registry import build_scorer, scorer_problems
from evalkit.suite.load import load_suite
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


def problems(tmp_path, scorers, **suite):
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(a_suite(scorers=scorers, **suite), sort_keys=False))
    return [str(one) for one in scorer_problems(load_suite(path))]


def test_reductions_that_cannot_be(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"question": "2 + 2?", "answer": "4"}\n')
    scorers = [
        {"type": "number", "reduce": "any", "k": 5},
        {"type": "includes", "reduce": "majority"},
        {"type": "exact", "reduce": "all", "k": 3},
    ]
    found = problems(tmp_path, scorers, samples=3)
    assert len(found) == 2
    assert "suite.yaml:12: scorers.0" in found[0]
    assert "'number' takes k: 5 samples of a case, but there are only 3" in found[0]
    assert "'includes' reads no answer out" in found[1]
    with pytest.raises(ValidationError, match="k needs reduce"):
        spec({"type": "number", "k": 2})
