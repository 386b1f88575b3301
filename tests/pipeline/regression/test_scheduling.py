"""Files for schedulers: parsed as theirs are, no key inside, awkward names and paths quoted."""

from __future__ import annotations

import ast
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.pipeline.regression.scheduling import KINDS, JobFile, on_calendar, render
from evalkit.pipeline.regression.slots import parse_cron


def a_job(**fields: Any) -> JobFile:
    return JobFile(
        **{
            "name": "Sums & more",
            "suite": "evals/my suite.yaml",
            "cron": parse_cron("30 6 * * 1-5"),
            "options": ["--timeout", "7200s", "--keep", "30"],
            "secrets": ["ANTHROPIC_API_KEY", "SLACK_URL"],
            "program": "/opt/ev al/bin/evalkit",
            "folder": "/srv/100% evals",
            "timeout_s": 7200.0,
            **fields,
        }
    )


COMMAND = [
    *("regress", "evals/my suite.yaml", "--timeout", "7200s", "--keep", "30"),
    *("--cron", "30 6 * * 1-5"),
]


def only(kind: str, **fields: Any) -> str:
    (text,) = render(a_job(**fields), kind).values()
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_named_and_never_written(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    for text in render(a_job(), kind).values():
        assert "sk-secret" not in text
    assert "ANTHROPIC_API_KEY" in "".join(render(a_job(), kind).values())


def test_a_crontab_line_says_what_the_shell_shall_do() -> None:
    line = only("cron").splitlines()[-1]
    when, command = line[: len("30 6 * * 1-5")], line[len("30 6 * * 1-5") :]
    assert when == "30 6 * * 1-5"
    assert "100\\% evals" in command
    words = shlex.split(command.replace("\\%", "%"))
    assert words[:5] == ["cd", "/srv/100% evals", "&&", "/opt/ev al/bin/evalkit", "regress"]
    assert words[4:-2] == [*COMMAND, "--local"]  # cron's clock and the slots' are one
    assert words[-2:] == [">>evalkit-sums-more.log", "2>&1"]


def test_a_workflow_for_github() -> None:
    workflow = yaml.safe_load(only("github"))
    assert workflow["on"]["schedule"] == [{"cron": "30 6 * * 1-5"}]
    steps = workflow["jobs"]["regress"]["steps"]
    (run,) = [step for step in steps if "env" in step]
    restore, save = (step for step in steps if "cache" in step.get("uses", ""))
    assert (restore["uses"], save["uses"]) == (
        "actions/cache/restore@v4",
        "actions/cache/save@v4",
    )
    assert save["if"] == "always()"  # a regression's evidence must be kept, too
    assert save["with"]["key"] == restore["with"]["key"]
    assert shlex.split(run["run"]) == ["evalkit", *COMMAND, "--junit", "regress.junit.xml"]
    assert run["env"]["SLACK_URL"] == "${{ secrets.SLACK_URL }}"
    assert steps[-1]["if"] == "always()"
    assert workflow["concurrency"]["cancel-in-progress"] is False


def test_a_pipeline_for_gitlab() -> None:
    job = yaml.safe_load(only("gitlab"))["regress"]
    assert shlex.split(job["script"][-1]) == ["evalkit", *COMMAND, "--junit", "regress.junit.xml"]
    assert job["artifacts"]["reports"] == {"junit": "regress.junit.xml"}
    assert job["artifacts"]["when"] == job["cache"]["when"] == "always"
    assert job["resource_group"] == "evalkit-sums-more"


def test_a_cron_job_for_kubernetes() -> None:
    job = yaml.safe_load(only("kubernetes"))
    spec = job["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("30 6 * * 1-5", "Etc/UTC")
    assert spec["concurrencyPolicy"] == "Forbid"
    inner = spec["jobTemplate"]["spec"]
    (container,) = inner["template"]["spec"]["containers"]
    assert container["command"] == ["evalkit", *COMMAND]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["key"] == "ANTHROPIC_API_KEY"
    assert inner["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1, 2, 3, 4, 5]
    assert len(job["metadata"]["name"]) <= 52


def test_a_dag_for_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    text = only("airflow", folder="/srv/{x}")
    ast.parse(text)
    made: dict[str, Any] = {}

    class Dag:
        def __init__(self, **fields: Any) -> None:
            made.update(fields)

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    def operator(**fields: Any) -> None:
        made.update(fields)

    bash = "airflow.providers.standard.operators.bash"
    parts = bash.split(".")
    for depth in range(1, len(parts) + 1):
        monkeypatch.setitem(
            sys.modules, ".".join(parts[:depth]), types.ModuleType(parts[depth - 1])
        )
    sys.modules["airflow"].DAG = Dag  # type: ignore[attr-defined]
    sys.modules[bash].BashOperator = operator  # type: ignore[attr-defined]
    exec(compile(text, "dag.py", "exec"), {})
    assert (made["schedule"], made["catchup"], made["max_active_runs"]) == (
        "30 6 * * 1-5",
        False,
        1,
    )
    from jinja2 import StrictUndefined, Template

    command = Template(made["bash_command"], undefined=StrictUndefined)  # as Airflow has it
    words = shlex.split(command.render(ts="2026-11-25T06:30:00+00:00", run_id="scheduled__1"))
    assert words[:3] == ["cd", "/srv/{x}", "&&"]
    assert words[-2:] == ["--slot", "2026-11-25T06:30:00+00:00"]
    by_hand = shlex.split(command.render(run_id="manual__2"))  # it has no moment of its own
    assert by_hand[-2:] == ["--slot", "manual__2"]


@pytest.mark.parametrize(
    ("cron", "calendar"),
    [
        ("30 6 * * 1-5", ["Mon,Tue,Wed,Thu,Fri *-*-* 06:30:00 UTC"]),
        ("*/20 * * * *", ["*-*-* *:00,20,40:00 UTC"]),
        ("0 0 1,15 * 0", ["*-*-01,15 00:00:00 UTC", "Sun *-*-* 00:00:00 UTC"]),
        ("5 4 * feb *", ["*-02-* 04:05:00 UTC"]),
    ],
)
def test_calendar_events(cron: str, calendar: list[str]) -> None:
    assert on_calendar(parse_cron(cron)) == calendar


def test_units_for_systemd(tmp_path: Path) -> None:
    program = tmp_path / "ev al"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    files = render(a_job(program=str(program), folder="/tmp"), "systemd")
    service, timer = files["evalkit-sums-more.service"], files["evalkit-sums-more.timer"]
    assert f'ExecStart="{program}" regress "evals/my suite.yaml" --timeout 7200s' in service
    assert "Persistent=true" in timer
    assert (
        "WorkingDirectory=/srv/100%% evals\n"
        in render(a_job(), "systemd")["evalkit-sums-more.service"]
    )
    analyze = shutil.which("systemd-analyze")
    if analyze is None:  # not on every machine; what it checks is checked above by its text, too
        return
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", *(tmp_path / name for name in files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "evalkit" not in done.stderr, done.stderr
