"""Responses, scores and cases joined into columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from analysis_builders import SCHEMA, run_of, variant

from evalkit.analysis.trials import Trials, read_trials
from evalkit.tables import CASES, SCORES

OFF, SMALL = variant(), variant(8)


def response(key: str, case: str, one: str = OFF.key, **columns: Any) -> dict[str, Any]:
    return {
        "trial_key": key,
        "case_id": case,
        "variant_key": one,
        "sample": 0,
        "status": "ok",
        "text": "4",
    } | columns


def score(key: str, value: float | None, answer: str | None = None) -> dict[str, Any]:
    return {
        "trial_key": key,
        "case_id": "c",
        "variant_key": "v",
        "sample": 0,
        "value": value,
        "answer": answer,
    }


def case(name: str, cluster: str | None = None, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"case_id": name, "inputs": "{}", "cluster": cluster, "tags": list(tags)}


def joined(
    responses: list[dict[str, Any]], scores: list[dict[str, Any]], cases: list[dict[str, Any]]
) -> Trials:
    return read_trials(
        pa.Table.from_pylist(responses, schema=SCHEMA),
        {"exact": pa.Table.from_pylist(scores, schema=SCORES)},
        pa.Table.from_pylist(cases, schema=CASES),
        {OFF: len(cases), SMALL: len(cases)},
    )


def test_scores_join_by_trial_key_in_whatever_order() -> None:
    trials = joined(
        [response("k2", "b"), response("k1", "a"), response("k3", "b", SMALL.key)],
        [score("k1", 0.25, "x"), score("k3", None), score("k9", 1.0), score("k2", 1.0, "y")],
        [case("a"), case("b")],
    )
    assert trials.values["exact"][:2].tolist() == [0.25, 1.0]
    assert np.isnan(trials.values["exact"][2])
    assert trials.case.tolist() == [0, 1, 1]
    assert trials.variant.tolist() == [0, 0, 1]
    codes = trials.answers["exact"]
    assert [codes.names[code] if code >= 0 else None for code in codes.codes] == ["x", "y", None]


def test_chunked_tables_read_like_whole_ones() -> None:
    rows = [response(f"k{number}", f"c{number}") for number in range(5)]
    grades = [score(f"k{number}", number / 4) for number in reversed(range(5))]
    parts = [
        pa.Table.from_pylist(rows[:2], schema=SCHEMA),
        pa.Table.from_pylist(rows[2:], schema=SCHEMA),
    ]
    graded = [
        pa.Table.from_pylist(grades[:3], schema=SCORES),
        pa.Table.from_pylist(grades[3:], schema=SCORES),
    ]
    cases = [
        pa.Table.from_pylist([case("c0", tags=("x",)), case("c1")], schema=CASES),
        pa.Table.from_pylist([case("c2", tags=("y", "x")), case("c3"), case("c4")], schema=CASES),
    ]
    trials = read_trials(
        pa.concat_tables(parts),
        {"exact": pa.concat_tables(graded)},
        pa.concat_tables(cases),
        {OFF: 5},
    )
    assert trials.values["exact"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert {tag: members.tolist() for tag, members in trials.cases.tags.items()} == {
        "x": [0, 2],
        "y": [2],
    }


def test_the_whole_prompt_counts_as_input() -> None:
    trials = joined(
        [
            response("k1", "a", input_tokens=10, cache_read_tokens=5, cache_write_tokens=None),
            response("k2", "b", input_tokens=None, cache_read_tokens=5),
        ],
        [],
        [case("a"), case("b")],
    )
    assert trials.numbers["input_tokens"][0] == 15
    assert np.isnan(trials.numbers["input_tokens"][1])


def test_cases_without_cluster_are_their_own() -> None:
    trials = joined([], [], [case("a", "x"), case("b"), case("c", "x"), case("d")])
    assert trials.cases.clusters is not None
    labels = trials.cases.clusters.tolist()
    assert labels[0] == labels[2]
    assert len(set(labels)) == 3
    assert trials.cases.largest_cluster == ("x", 2)
    assert joined([], [], [case("a"), case("b")]).cases.clusters is None


def test_samples_are_averaged_by_case() -> None:
    trials = run_of({OFF: [1.0, 0.0, None, 1.0]}, samples=2)
    means = trials.case_means(trials.values["number"])
    assert means.tolist() == [[0.5, 1.0]]


@pytest.mark.parametrize(
    ("row", "stranger"),
    [(response("k", "zz"), "zz"), (response("k", "a", "other/m/off"), "other/m/off")],
)
def test_a_response_must_belong_to_the_run(row: dict[str, Any], stranger: str) -> None:
    with pytest.raises(ValueError, match=f"{stranger}.*which the run does not have"):
        joined([row], [], [case("a")])


def test_a_score_must_be_a_share() -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        joined([response("k", "a")], [score("k", 1.5)], [case("a")])


@pytest.mark.parametrize(
    ("columns", "shows_thinking"),
    [
        ({"thinking_text": "well"}, True),
        ({"thinking_text": ""}, False),
        ({"redacted_block_count": 1}, True),
        ({"thinking_tokens": 7}, True),
        ({"thinking_tokens": 0}, False),
        ({}, False),
        ({"thinking_text": "well", "status": "failed"}, False),
    ],
)
def test_signs_of_thinking(columns: dict[str, Any], shows_thinking: bool) -> None:
    trials = joined([response("k", "a", **columns)], [], [case("a")])
    assert trials.has_thinking.tolist() == [shows_thinking]
