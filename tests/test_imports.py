"""What commands load: start-up time is imports, and counting them does not depend on the day."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from stored_runs import a_run

HEAVY = {
    "aiohttp",
    "anthropic",
    "datasets",
    "duckdb",
    "httpx",
    "jinja2",
    "jsonschema",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "rich",
    "scipy",
    "starlette",
    "sympy",
    "yaml",
}
TELL = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps([name for name in sys.modules if name in HEAVY])))
from evalkit.cli.main import main
sys.argv = ["evalkit", *sys.argv[1:]]
main()
"""


def loaded_by(folder, *args: str, code: int = 0) -> set[str]:
    """The heavy modules that a command has loaded by its end."""
    program = f"HEAVY = {sorted(HEAVY)}\n{TELL}"
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("run", "--help")])
def test_help_loads_nothing_heavy(tmp_path, args):
    assert loaded_by(tmp_path, *args) == set()


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "runs", "abc123", {"off": [1, 0]})


@pytest.mark.parametrize("command", ["list", "status"])
def test_a_look_at_runs_loads_the_store_alone(tmp_path, run, command):
    assert loaded_by(tmp_path, command) <= {"numpy", "pyarrow"}


@pytest.mark.parametrize("command", ["score", "compare"])
def test_what_sends_nothing_loads_no_http_client(tmp_path, run, command):
    assert not loaded_by(tmp_path, command) & {"aiohttp", "httpx"}


def test_a_suite_that_is_not_there_is_told_of_before_a_report_is_thought_of(tmp_path):
    loaded = loaded_by(tmp_path, "run", "no-such-suite.yaml", code=2)
    assert not loaded & {"datasets", "jsonschema", "pandas", "polars", "rich", "scipy", "sympy"}


def test_a_users_code_gets_its_pandas_and_nobody_else_does():
    program = """
import sys
from evalkit.imports import admit_pandas, postpone_pandas
postpone_pandas()
import pyarrow as pa
table = pa.table({"a": pa.array([1, 2])})
assert "pandas" not in sys.modules
admit_pandas()
assert table.to_pandas()["a"].tolist() == [1, 2]
assert pa.array(table.to_pandas()["a"]).to_pylist() == [1, 2]
admit_pandas()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
