"""Every starter is a working suite: planned, priced, run and compared."""

import pytest
from end_to_end_shell import Shell

from evalkit.suite.starter import STARTERS


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in ("judge", "thinking-sweep") else pytest.param(kind, marks=pytest.mark.slow)
        for kind in STARTERS
    ],
)
def test_a_starter_runs_against_an_endpoint(shell, server, kind):
    made = shell.inside("init", "mine", "--kind", kind)
    assert made.code == 0, made.err
    assert "evalkit run mine/suite.yaml" in made.out
    ran = shell("run", "mine/suite.yaml", "--limit", 2, "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["trials"]["ok"] == ran.json["trials"]["planned"] > 0
    judged = sum(one["questions"] for one in ran.json["judges"].values())
    assert len(server.requests()) == ran.json["trials"]["planned"] + judged


@pytest.mark.slow
@pytest.mark.local_model
def test_a_starter_runs_on_this_machine(tmp_path):
    shell = Shell(tmp_path)
    shell("init", "--kind", "math", "--model", "local")
    ran = shell("run", "suite.yaml", "--limit", 1, "--only", "number/*", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["trials"]["ok"] == ran.json["trials"]["planned"] > 0
