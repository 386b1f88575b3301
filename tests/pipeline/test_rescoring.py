import json

import pytest
from builders import a_suite
from click.testing import CliRunner
from stored_runs import a_run

from evalkit.cli.score import command
from evalkit.errors import ConfigError
from evalkit.pipeline.score import rescore_run
from evalkit.pipeline.start import stored_suite
from evalkit.suite.schema import Suite


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path, "r1", {"off": [1.0, 0.0, None]}, rows={"text": "It is 4."})


def test_grades_again_and_failed_trials_stay_null(run):
    assert rescore_run(run) == ["number"]
    rows = run.scores("number").to_pylist()
    assert [row["value"] for row in rows] == [1.0, 1.0, None]
    assert rows[2]["reason"]


def test_another_suites_scorers_become_the_runs(run):
    chosen = [{"type": "includes", "values": ["It is"], "reduce": "any"}, "exact"]
    assert rescore_run(run, Suite.model_validate(a_suite(scorers=chosen))) == ["includes", "exact"]
    assert [spec.reduce for spec in stored_suite(run).scorers] == ["any", "mean"]
    assert run.scores("includes")["value"].to_pylist() == [1.0, 1.0, None]
    assert run.scores("exact")["value"].to_pylist() == [0.0, 0.0, None]


def test_scorers_that_cannot_be_change_nothing(run):
    before = json.dumps(run.manifest().suite)
    with pytest.raises(ConfigError, match="no scorer is called 'nope'"):
        rescore_run(run, Suite.model_validate(a_suite(scorers=["nope"])))
    assert json.dumps(run.manifest().suite) == before
    assert run.scores("number").num_rows == 3


def test_the_command_line_takes_a_suites_own_python(run, tmp_path):
    (tmp_path / "mine.py").write_text(
        "def short(case, response):\n    return len(response.text) < 9\n"
    )
    (tmp_path / "rows.jsonl").write_text('{"question": "2 + 2?", "answer": "4"}\n')
    suite = tmp_path / "suite.yaml"
    suite.write_text(json.dumps(a_suite(scorers=[{"python": "mine.py:short"}])))
    told = CliRunner().invoke(command, [str(run.path), "--suite", str(suite)])
    assert (told.exit_code, told.exception) == (0, None)
    assert "short: 2 of 3 answers graded" in told.output
    assert run.scores("short")["value"].to_pylist() == [1.0, 1.0, None]
