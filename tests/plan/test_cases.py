import pytest

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.cases import plan_cases
from evalkit.suite.row import Row
from evalkit.suite.rows_schema import DatasetSpec


def cases(rows, **spec):
    given = (Row("d.jsonl", number, row) for number, row in enumerate(rows, 1))
    return list(plan_cases(given, DatasetSpec(path="d.jsonl", **spec)))


ROWS = [
    {"id": 1, "q": "a", "answer": "so #### 1,200", "topic": "x", "levels": ["easy", 2]},
    {"id": 2, "q": "b", "answer": "so #### 3", "topic": None, "levels": []},
]


def test_columns_become_identity_target_cluster_and_tags():
    first, second = cases(
        ROWS,
        id="id",
        target="{{ answer.split('####')[-1] }}",
        cluster="topic",
        tags=["topic", "levels"],
    )
    assert (first.id, first.target, first.cluster) == ("1", "1,200", "x")
    assert first.tags == ("x", "easy", "2")
    assert (second.cluster, second.tags) == (None, ())


def test_without_an_id_column_the_row_itself_is_the_identity():
    here, there = cases(ROWS), cases(list(reversed(ROWS)))
    assert {case.id for case in here} == {case.id for case in there}
    assert len({case.id for case in here}) == 2


def test_limit_takes_the_first_rows():
    assert [case.id for case in cases(ROWS, id="id", limit=1)] == ["1"]


@pytest.mark.parametrize(
    ("rows", "spec", "told"),
    [
        (
            [{"id": 1}, {"id": 1}],
            {"id": "id"},
            "d.jsonl:2: the case id '1' was already used at d.jsonl:1",
        ),
        ([{"q": "a"}, {"q": "a"}], {}, "d.jsonl:2: the row says the same as d.jsonl:1"),
        ([{"id": " "}], {"id": "id"}, "the id column 'id' is empty"),
        ([{"q": 1}], {"id": "key"}, "no column 'key'; the row has q"),
        ([{"q": 1}], {"target": "a"}, "no column 'a'"),
        ([{"q": 1}], {"tags": ["t"]}, "no column 't'"),
        ([], {}, "the dataset has no rows"),
    ],
)
def test_bad_rows_are_refused_with_their_place(rows, spec, told):
    with pytest.raises(DatasetError) as caught:
        cases(rows, **spec)
    assert told in str(caught.value)


def test_a_target_that_does_not_render_names_the_row():
    with pytest.raises(TemplateError, match="d.jsonl:1: dataset.target"):
        cases([{"q": 1}], target="{{ nothing }}")
