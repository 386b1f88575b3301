from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan import identity
from evalkit.plan.identity import SeenIds
from evalkit.plan.selection import select_rows
from evalkit.suite.row import Row
from evalkit.suite.row_faults import RowFaults
from evalkit.suite.rows_schema import DatasetSpec


def some_rows(count=100):
    return [
        Row("d.jsonl", number, {"id": f"r{number}", "n": number, "kind": "abbccc"[number % 6]})
        for number in range(1, count + 1)
    ]


def chosen(rows, **spec) -> list[str]:
    return [name for name, _ in select_rows(rows, DatasetSpec(path="d", id="id", **spec))]


def test_rows_pass_the_filter_then_the_limit():
    assert chosen(some_rows(), filter="n % 10 == 0", limit=3) == ["r10", "r20", "r30"]


def test_only_as_many_rows_are_read_as_the_limit_needs():
    rows = iter(some_rows())
    chosen(rows, limit=3)
    assert next(rows).number == 4


def test_shuffle_is_an_order_that_follows_from_the_seed():
    once, again = chosen(some_rows(), shuffle=7), chosen(some_rows(), shuffle=7)
    assert once == again
    assert sorted(once) == sorted(chosen(some_rows()))
    assert once != chosen(some_rows())
    assert once != chosen(some_rows(), shuffle=8)
    assert chosen(some_rows(), shuffle=7, limit=5) == once[:5]
    assert chosen(some_rows(), shuffle=True) == chosen(some_rows(), shuffle=0)


def test_a_row_added_or_moved_does_not_reshuffle_the_others():
    before = chosen(some_rows(), shuffle=7)
    after = chosen([*reversed(some_rows()), Row("d", 101, {"id": "new", "kind": "a"})], shuffle=7)
    assert [name for name in after if name != "new"] == before


def test_a_sample_keeps_the_datasets_order_and_its_strata():
    rows = some_rows(600)
    names = chosen(rows, sample={"size": 60, "by": "kind"})
    kinds = {row.values["id"]: row.values["kind"] for row in rows}
    assert Counter(kinds[name] for name in names) == {"a": 10, "b": 20, "c": 30}
    assert names == sorted(names, key=lambda name: int(name[1:]))
    other = chosen(rows, sample={"size": 60, "by": "kind", "seed": 1})
    assert set(other) != set(names)


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    size=st.integers(1, 200),
)
def test_a_stratified_sample_is_proportional_within_one_row(counts, size):
    rows = [
        Row("d", 0, {"id": f"{kind}-{number}", "kind": kind})
        for kind, count in enumerate(counts)
        for number in range(count)
    ]
    drawn = Counter(
        int(name.split("-")[0]) for name in chosen(rows, sample={"size": size, "by": "kind"})
    )
    total = sum(counts)
    assert sum(drawn.values()) == min(size, total)
    for kind, count in enumerate(counts):
        share = min(size, total) * count / total
        assert abs(drawn[kind] - share) < 1
        assert drawn[kind] <= count


@pytest.mark.parametrize("batch", [2, 3, 1000])
def test_a_double_id_is_found_wherever_it_is(monkeypatch, batch):
    monkeypatch.setattr(identity, "_BATCH", batch)
    rows = [*some_rows(50), Row("d.jsonl", 51, {"id": "r3", "kind": "a"})]
    with pytest.raises(DatasetError) as caught:
        chosen(rows)
    assert str(caught.value) == "d.jsonl:51: the case id 'r3' was already used at d.jsonl:3"


@given(st.lists(st.integers(0, 40)), st.integers(1, 8))
def test_ids_are_double_exactly_when_a_set_says_so(numbers, batch):
    seen = SeenIds(RowFaults(strict=True))
    is_double, row = False, None
    try:
        for place, number in enumerate(numbers, 1):
            row = Row("d", place, {})
            seen.add(str(number), row)
            if place % batch == 0:
                seen.settle(row)
        seen.settle(row)
    except DatasetError:
        is_double = True
    assert is_double == (len(set(numbers)) < len(numbers))


def test_a_filter_that_fails_names_the_row():
    rows = [Row("d.csv", 2, {"id": "a", "n": 1}), Row("d.csv", 3, {"id": "b", "n": "x"})]
    with pytest.raises(TemplateError, match=r"d.csv:3: dataset.filter: TypeError"):
        chosen(rows, filter="n > 0")
    with pytest.raises(DatasetError, match="the filter leaves no row"):
        chosen(rows, filter="id == 'zz'")
