import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from builders import a_suite
from click.testing import CliRunner
from stored_runs import a_run

from evalkit.cli.score import command
from evalkit.errors import ConfigError
from evalkit.pipeline.score import rescore_run
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.stored import load_run
from evalkit.store.manifest import write_manifest
from evalkit.suite.schema import Suite
from evalkit.types import Case


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


def test_grades_of_other_options_are_made_anew(tmp_path):
    """As a scoring that was cut short between the manifest and the grades leaves them."""
    run = a_run(tmp_path, "r1", {"off": [1.0, 0.0]}, rows={"text": "It is 5."})
    rescore_run(run)
    assert load_run(run).scores["number"]["value"].to_pylist() == [0.0, 0.0]
    manifest = run.manifest()
    changed = Suite.model_validate(a_suite(scorers=[{"type": "number", "tolerance": 1.0}]))
    scorers = changed.model_dump(mode="json")["scorers"]
    write_manifest(run.path, replace(manifest, suite={**manifest.suite, "scorers": scorers}))
    assert load_run(run).scores["number"]["value"].to_pylist() == [1.0, 1.0]


def test_reducing_in_another_way_grades_nothing_again(tmp_path):
    run = a_run(tmp_path, "r1", {"off": [1.0, 0.0]})
    rescore_run(run)
    digest = run.scorer_digest("number")
    rescore_run(run, Suite.model_validate(a_suite(scorers=[{"type": "number", "reduce": "any"}])))
    assert run.scorer_digest("number") == digest


def test_killed_while_it_grades(tmp_path):
    """Every file of grades is whole, and the next scoring goes through."""
    run = a_run(tmp_path, "r1", {"off": [1.0, 0.0, None]}, rows={"text": "It is 4."})
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "def slow(case, response):\n"
        f"    open({str(tmp_path / 'begun')!r}, 'w').close()\n"
        "    time.sleep(60)\n"
    )
    slow = {"python": f"{tmp_path / 'slow.py'}:slow"}
    scorers = [{"type": "number", "tolerance": 1.0}, slow]
    (tmp_path / "suite.json").write_text(json.dumps(a_suite(scorers=scorers)))
    program = (
        "import json, pathlib\n"
        "from evalkit.pipeline.score import rescore_run\n"
        "from evalkit.store.runs import RunFolder\n"
        "from evalkit.suite.schema import Suite\n"
        f"suite = json.loads(pathlib.Path({str(tmp_path / 'suite.json')!r}).read_text())\n"
        f"rescore_run(RunFolder(pathlib.Path({str(run.path)!r})), Suite.model_validate(suite))\n"
    )
    scoring = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    scoring.kill()
    scoring.wait()
    assert run.scores("number")["value"].to_pylist() == [1.0, 1.0, None]
    assert run.scores("slow") is None
    (tmp_path / "slow.py").write_text("def slow(case, response):\n    return 0.5\n")
    assert load_run(run).scores["slow"]["value"].to_pylist() == [0.5, 0.5, None]
    assert rescore_run(run) == ["number", "slow"]


def test_code_is_run_side_by_side_and_grades_stay_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("evalkit.pipeline.score._TELL_EACH_S", 0.0)
    text = "def f(x):\n    return x + 1"
    run = a_run(tmp_path, "r1", {"off": [1.0] * 5 + [None]}, rows={"text": text})
    rows = [
        Case(id=case.id, inputs={"test_list": [f"assert f({place % 2}) == 1"]})
        for place, case in enumerate(run.cases())
    ]
    run.replace_cases(rows)
    heard = []
    suite = Suite.model_validate(a_suite(scorers=["code"], allow_code=True))
    assert rescore_run(run, suite, tell=heard.append) == ["code"]
    assert [line for line in heard if line.startswith("Grading")] == [
        f"Grading with code: {count} answers so far" for count in range(1, 7)
    ]
    grades = run.scores("code").to_pylist()
    assert [row["case_id"] for row in grades] == [case.id for case in rows]
    assert [row["value"] for row in grades] == [1.0, 0.0, 1.0, 0.0, 1.0, None]
    assert grades[1]["reason"] == "AssertionError in test 1, line 1: assert f(1) == 1"
