"""Cases of the same content share a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import WHEN, a_suite

from evalkit.pipeline.twins import bare_id, with_twins_as_clusters
from evalkit.plan.matrix import plan_variants
from evalkit.store.making import create_run
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.types import Case, Endpoint


def stored(folder: Path, *cases: Case) -> RunFolder:
    manifest = Manifest("aaaaaa", "x", {}, {}, {}, {}, 1, 0, WHEN.isoformat())
    return create_run(folder / "x" / "run", manifest, "name: x\n", cases)


def clusters(folder: Path, *cases: Case, id_column: str | None = None) -> tuple[list[Any], int]:
    table, repeats = with_twins_as_clusters(stored(folder, *cases), id_column)
    return table["cluster"].to_pylist(), repeats


def test_cases_that_differ_keep_to_themselves(tmp_path: Path) -> None:
    assert clusters(tmp_path, Case("a", {"q": 1}), Case("b", {"q": 2})) == ([None, None], 0)


def test_the_same_row_under_two_ids(tmp_path: Path) -> None:
    cases = [
        Case("a", {"id": "a", "q": "x"}, "1"),
        Case("b", {"id": "b", "q": "x"}, "1"),
        Case("c", {"id": "c", "q": "y"}, "1"),
    ]
    found, repeats = clusters(tmp_path, *cases, id_column="id")
    assert found[0] == found[1] is not None
    assert (found[2], repeats) == (None, 1)


def test_another_target_is_another_case(tmp_path: Path) -> None:
    cases = Case("a", {"q": "x"}, "1"), Case("b", {"q": "x"}, "2")
    assert clusters(tmp_path, *cases) == ([None, None], 0)


def test_an_id_inside_a_value_is_content(tmp_path: Path) -> None:
    cases = [
        Case("a", {"more": {"id": 1}, "id": "a"}),
        Case("b", {"more": {"id": 2}, "id": "a"}),
    ]
    assert clusters(tmp_path, *cases, id_column="id") == ([None, None], 0)


@pytest.mark.parametrize("value", ['quo"te', "back\\slash", "a, b}", 17, 1.5, None])
def test_ids_of_any_kind_are_no_content(tmp_path: Path, value: Any) -> None:
    cases = Case("a", {"id": value, "q": "x"}), Case("b", {"id": "b", "q": "x"})
    assert clusters(tmp_path, *cases, id_column="id")[1] == 1


def test_a_cluster_that_the_dataset_names_stays(tmp_path: Path) -> None:
    cases = Case("a", {"q": "x"}, cluster="k"), Case("b", {"q": "x"}, cluster="m")
    assert clusters(tmp_path, *cases) == (["k", "m"], 1)


@pytest.mark.parametrize(
    ("prompts", "bare"),
    [
        ({"p": "{{ question }}"}, "id"),
        ({"p": "{{ question }}", "q": "number {{ id }}"}, None),
        ({"p": {"system": "{{ row['id'] }}", "user": "{{ question }}"}}, None),
        ({"p": {"user": "look", "images": "id"}}, None),
    ],
)
def test_an_id_that_the_model_sees_is_content(prompts: dict[str, Any], bare: str | None) -> None:
    suite = Suite.model_validate(a_suite(prompts=prompts))
    endpoints = {one.name: Endpoint(one.name, "http://x") for one in suite.models}
    assert bare_id("id", plan_variants(suite, endpoints)) == bare
