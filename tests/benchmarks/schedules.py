"""The files of ``evalkit schedule``, checked by the tools of those who read them.

    python tests/benchmarks/schedules.py

Runs what is on the PATH or importable here and says what is not: systemd-analyze, check-jsonschema
(schemas of GitHub workflows and GitLab pipelines), kubernetes-validate, python-crontab, Airflow.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from evalkit.pipeline.regression.scheduling import KINDS, JobFile, render
from evalkit.pipeline.regression.slots import parse_cron

CRONS = ("0 6 * * *", "*/15 * * * *", "30 6 1,15 * 1-5")
_CRONTAB = """
import sys, crontab
jobs = list(crontab.CronTab(tabfile=sys.argv[1]))
sys.exit(not (len(jobs) == 1 and jobs[0].is_valid()))
"""
_DAG = """
import runpy, sys
assert "BashOperator" in runpy.run_path(sys.argv[1])
"""


def checks(folder: Path) -> dict[str, list[str]]:
    """What to run on the files of a folder, by the name of what must be there for it."""
    found = {path.suffix if path.suffix != ".yml" else path.name: path for path in folder.iterdir()}
    github, gitlab = folder / "evalkit-sums.yml", folder / "evalkit-sums.gitlab-ci.yml"
    schema = ["check-jsonschema", "--builtin-schema"]
    return {
        "systemd-analyze": [
            "systemd-analyze",
            "verify",
            str(found[".service"]),
            str(found[".timer"]),
        ],
        "check-jsonschema": [*schema, "vendor.github-workflows", str(github)],
        "check-jsonschema ": [
            *(*schema, "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
            str(gitlab),
        ],
        "kubernetes-validate": ["kubernetes-validate", "--strict", str(found[".yaml"])],
        "crontab": [sys.executable, "-c", _CRONTAB, str(found[".crontab"])],
        "airflow": [sys.executable, "-c", _DAG, str(found[".py"])],
    }


def main() -> int:
    """Every file of every schedule; 1 if a tool found a fault."""
    faults = 0
    for cron in CRONS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            job = JobFile(
                name="sums",
                suite="suite.yaml",
                cron=parse_cron(cron),
                options=["--keep", "30"],
                secrets=["ANTHROPIC_API_KEY"],
                program=sys.executable,
                folder="/tmp",
                timeout_s=7200.0,
            )
            for kind in KINDS:
                for file, text in render(job, kind).items():
                    (folder / file).write_text(text)
            for tool, command in checks(folder).items():
                is_there = (
                    importlib.util.find_spec(tool)
                    if command[0] == sys.executable
                    else shutil.which(command[0])
                )
                if not is_there:
                    print(f"{cron:<18} {tool.strip():<20} not here: not checked")
                    continue
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                is_bad = done.returncode != 0 or "evalkit" in done.stderr
                faults += is_bad
                told = "FAULT" if is_bad else "fine"
                print(f"{cron:<18} {tool.strip():<20} {told}")
                if is_bad:
                    print(done.stdout + done.stderr)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
