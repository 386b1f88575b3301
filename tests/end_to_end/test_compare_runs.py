"""``evalkit compare`` on stored runs, by the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end_shell import SUITE

pytestmark = pytest.mark.slow

SMALL = SUITE.replace("thinking: [off, 1024, 4k]", "thinking: [off, 1024]").replace(
    "prompts:\n", "samples: 2\nprompts:\n"
)


@pytest.fixture
def two_runs(shell) -> tuple[str, str]:
    paths = []
    for _ in range(2):
        done = shell("run", shell.suite(SMALL), "--yes", "--json")
        assert done.code == 0, done.err
        paths.append(done.json["run"])
    return paths[0], paths[1]


def test_two_runs_of_a_suite(shell, two_runs):
    old, new = two_runs
    done = shell("compare", old, new, "--json")
    assert done.code == 0, done.err
    analysis = done.json["analysis"]
    assert len(analysis["variants"]) == 8
    assert [one["axis"] for one in analysis["comparisons"]] == ["run"] * 4
    assert {one["wins"] + one["losses"] + one["ties"] for one in analysis["comparisons"]} == {10}
    assert {one["n_unpaired"] for one in analysis["comparisons"]} == {0}
    assert all(one["elapsed_s"]["value"] is not None for one in analysis["comparisons"])
    first = analysis["variants"][0]["scores"]["number"]
    assert {one["name"] for one in first["samples"]} == {"pass@k", "pass^k"}
    assert first["samples_range"] == [2, 2]
    (curve, *_) = analysis["curves"]
    assert '"type": "enabled"' in curve["points"][1]["sent"]
    assert curve["points"][1]["n_thinking"] == curve["points"][1]["n_answered"]
    assert "gains" in curve
    assert done.err == ""

    back = shell("compare", old, new, "--baseline", new, "--by", "run", "--json").json["analysis"]
    run_id = Path(new).name.split("-")[-1]
    assert all(f"@{run_id}/" in one["baseline"] for one in back["comparisons"])

    text = shell("compare", old, new, "--by", "thinking")
    assert text.code == 0, text.err
    page = text.err.strip().removeprefix("Report: ").split(" (")[0]
    assert (Path(shell.folder) / page).is_file()
    assert "What won?" in text.out
    assert max(map(len, text.out.splitlines())) <= 80


def test_runs_that_differ_are_refused_unless_allowed(shell, two_runs):
    old, _ = two_runs
    other = shell.suite(SMALL.replace("limit: 10", "limit: 8"), "other.yaml")
    new = shell("run", other, "--yes", "--json").json["run"]
    refused = shell("compare", old, new)
    assert refused.code == 2
    assert "not comparable: the dataset differs" in refused.err
    assert "--allow" in refused.err
    allowed = shell("compare", old, new, "--allow", "--json")
    assert allowed.code == 0, allowed.err
    assert allowed.json["warnings"][0].startswith("not the same: the dataset differs")
    assert {one["n_unpaired"] for one in allowed.json["analysis"]["comparisons"]} == {2}
