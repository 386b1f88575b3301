"""Ready files that let an existing scheduler run a regression job; evalkit has no daemon.

Keys are named, never written: they come from the environment, a ``.env`` file, or the scheduler's
own store of secrets. The job brings its own lock, slots, log lines and pages.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import yaml

from evalkit.errors import UsageError
from evalkit.pipeline.regression.slots import Cron

JUNIT = "regress.junit.xml"
DEFAULT_IMAGE = "python:3.12-slim"
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_K8S_NAME = 52  # a CronJob's name leaves room for what its jobs add


@dataclass(frozen=True, slots=True)
class JobFile:
    """What a job's file needs to know.

    ``program`` and ``folder`` are absolute paths on this machine; other machines have their own.
    ``options`` go behind ``evalkit regress SUITE``; ``secrets`` are names of variables.
    """

    name: str
    suite: str
    cron: Cron
    options: Sequence[str]
    secrets: Sequence[str]
    program: str
    folder: str
    timeout_s: float
    env_file: str | None = None
    image: str = DEFAULT_IMAGE
    requirement: str = "evalkit"

    @property
    def slug(self) -> str:
        """The name as every scheduler takes it."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "suite"
        return f"evalkit-{plain}"[:_K8S_NAME].rstrip("-")

    def words(self, program: str, *more: str, slot: bool = True) -> list[str]:
        """The command, word by word."""
        when = ["--cron", self.cron.cron()] if slot else []
        return [program, "regress", self.suite, *self.options, *when, *more]

    def here(self, *, slot: bool = True) -> list[str]:
        """The command on this machine, with the file that holds its keys."""
        keys = ["--env-file", self.env_file] if self.env_file else []
        return self.words(self.program, *keys, slot=slot)


def render(job: JobFile, kind: str) -> dict[str, str]:
    """The files of a kind of scheduler, by their usual names."""
    return _KINDS[kind](job)


def _cron(job: JobFile) -> dict[str, str]:
    # cron keeps the machine's time, so the job's slots must: UTC's would drift against it.
    command = [*job.here(), "--local"]
    # In a crontab a percent sign ends the command.
    line = f"cd {shlex.quote(job.folder)} && {shlex.join(command)} >>{job.slug}.log 2>&1"
    line = line.replace("%", "\\%")
    if "\n" in line:
        raise UsageError("a crontab has no room for line ends", "Rename the folder or the suite.")
    return {
        f"{job.slug}.crontab": (
            f"# Regression job of {_plain(job.name)}. Add it with:\n"
            f"#   (crontab -l; cat {job.slug}.crontab) | crontab -\n"
            f"# In the machine's time. {_keys(job)}\n"
            f"{job.cron.cron()} {line}\n"
        )
    }


def _systemd(job: JobFile) -> dict[str, str]:
    command = " ".join(_unit_word(word) for word in job.here())
    service = (
        "[Unit]\n"
        f"Description=evalkit regression job of {_plain(job.name)}\n"
        "Wants=network-online.target\nAfter=network-online.target\n\n"
        "[Service]\nType=oneshot\n"
        f"# {_keys(job)}\n"
        f"WorkingDirectory={_unit_path(job.folder)}\n"
        f"ExecStart={command}\n"
        # The job stops by itself; this is for one that hangs.
        f"TimeoutStartSec={ceil(job.timeout_s) + 300}\n"
        f"SyslogIdentifier={job.slug}\nNice=10\nNoNewPrivileges=yes\n"
    )
    calendar = "".join(f"OnCalendar={one}\n" for one in on_calendar(job.cron))
    timer = (
        "[Unit]\n"
        f"Description=When the evalkit regression job of {_plain(job.name)} runs\n\n"
        f"[Timer]\n{calendar}Persistent=true\nUnit={job.slug}.service\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return {f"{job.slug}.service": service, f"{job.slug}.timer": timer}


def on_calendar(cron: Cron) -> list[str]:
    """A cron expression as systemd's calendar events (UTC); two where cron means either day."""
    days, months = _list(cron.days, 1, 31), _list(cron.months, 1, 12)
    clock = f"{_list(cron.hours, 0, 23)}:{_list(cron.minutes, 0, 59)}:00 UTC"
    every = len(cron.weekdays) == 7
    week = "" if every else ",".join(_DAYS[day] for day in sorted(cron.weekdays)) + " "
    if cron.is_either:
        return [f"*-{months}-{days} {clock}", f"{week}*-{months}-* {clock}"]
    return [f"{week}*-{months}-{days} {clock}"]


def _list(numbers: frozenset[int], low: int, high: int) -> str:
    if len(numbers) == high - low + 1:
        return "*"
    return ",".join(f"{number:02}" for number in sorted(numbers))


def _github(job: JobFile) -> dict[str, str]:
    command = job.words("evalkit", "--junit", JUNIT)
    kept = {
        "path": "runs\nbaselines/*.nights.json\n",
        "key": f"{job.slug}-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}",
    }
    workflow = {
        "name": f"Regression of {job.name}",
        "on": {"schedule": [{"cron": job.cron.cron()}], "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": job.slug, "cancel-in-progress": False},
        "jobs": {
            "regress": {
                "runs-on": "ubuntu-latest",
                "timeout-minutes": ceil(job.timeout_s / 60) + 10,
                "steps": [
                    {"uses": "actions/checkout@v4"},
                    {"uses": "actions/setup-python@v5", "with": {"python-version": "3.12"}},
                    {"run": f"pip install {shlex.quote(job.requirement)}"},
                    {
                        "uses": "actions/cache/restore@v4",
                        "with": {**kept, "restore-keys": f"{job.slug}-"},
                    },
                    {
                        "run": _shell(command),
                        "env": {name: f"${{{{ secrets.{name} }}}}" for name in job.secrets},
                    },
                    # By itself the cache is kept only where all is well.
                    {"uses": "actions/cache/save@v4", "if": "always()", "with": dict(kept)},
                    {
                        "uses": "actions/upload-artifact@v4",
                        "if": "always()",
                        "with": {"name": job.slug, "path": f"reports\n{JUNIT}\n"},
                    },
                ],
            }
        },
    }
    head = f"# .github/workflows/{job.slug}.yml. Secrets of the repository: {_named(job)}\n"
    return {f"{job.slug}.yml": head + _yaml(workflow)}


def _gitlab(job: JobFile) -> dict[str, str]:
    command = job.words("evalkit", "--junit", JUNIT)
    pipeline = {
        "regress": {
            "image": job.image,
            "rules": [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}],
            "resource_group": job.slug,
            "timeout": f"{ceil(job.timeout_s / 60) + 10} minutes",
            "script": [f"pip install {shlex.quote(job.requirement)}", _shell(command)],
            "cache": {
                "key": job.slug,
                "paths": ["runs/", "baselines/*.nights.json"],
                "when": "always",
            },
            "artifacts": {
                "when": "always",
                "expire_in": "30 days",
                "paths": ["reports/"],
                "reports": {"junit": JUNIT},
            },
        }
    }
    head = (
        f"# .gitlab-ci.yml. Make a pipeline schedule with the cron line {job.cron.cron()}\n"
        f"# (Build > Pipeline schedules) in UTC. Masked CI/CD variables: {_named(job)}\n"
    )
    return {f"{job.slug}.gitlab-ci.yml": head + _yaml(pipeline)}


def _kubernetes(job: JobFile) -> dict[str, str]:
    secrets = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": job.slug, "key": name}}}
        for name in job.secrets
    ]
    container = {
        "name": "regress",
        "image": job.image,
        "workingDir": "/work",
        "command": job.words("evalkit"),
        "env": secrets,
        "volumeMounts": [{"name": "work", "mountPath": "/work"}],
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}},
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": job.slug}}],
    }
    cron_job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": job.slug},
        "spec": {
            "schedule": job.cron.cron(),
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 2,
                    "activeDeadlineSeconds": ceil(job.timeout_s) + 300,
                    # A verdict is no crash: it is not tried again.
                    "podFailurePolicy": {
                        "rules": [
                            {
                                "action": "FailJob",
                                "onExitCodes": {
                                    "containerName": "regress",
                                    "operator": "In",
                                    "values": [1, 2, 3, 4, 5],
                                },
                            }
                        ]
                    },
                    "template": {"spec": pod},
                }
            },
        },
    }
    head = (
        f"# Suite, data, baselines and runs lie on the volume {job.slug}.\n"
        f"# The image must have evalkit: FROM {DEFAULT_IMAGE}, RUN pip install {job.requirement}\n"
        f"# kubectl create secret generic {job.slug} "
        + " ".join(f"--from-literal={name}=..." for name in job.secrets)
        + "\n"
    )
    return {f"{job.slug}.yaml": head + _yaml(cron_job)}


def _airflow(job: JobFile) -> dict[str, str]:
    # Airflow knows the slot: its own moment of the run; one started by hand may have none.
    command = f"cd {shlex.quote(job.folder)} && {shlex.join(job.here(slot=False))}"
    command = command.replace("{", "{{ '{' }}") + " --slot '{{ ts if ts is defined else run_id }}'"
    minutes = ceil(job.timeout_s / 60) + 10
    text = f'''"""The evalkit regression job {job.slug}. Keys: {_named(job)}."""

from datetime import datetime, timedelta, timezone

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:  # Airflow 2
    from airflow.operators.bash import BashOperator

with DAG(
    dag_id={json.dumps(job.slug)},
    schedule={json.dumps(job.cron.cron())},
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["evalkit"],
):
    BashOperator(
        task_id="regress",
        bash_command={json.dumps(command)},
        append_env=True,
        execution_timeout=timedelta(minutes={minutes}),
    )
'''
    return {f"{job.slug.replace('-', '_')}_dag.py": text}


_KINDS: Mapping[str, Callable[[JobFile], dict[str, str]]] = {
    "cron": _cron,
    "systemd": _systemd,
    "github": _github,
    "gitlab": _gitlab,
    "kubernetes": _kubernetes,
    "airflow": _airflow,
}
KINDS = tuple(_KINDS)


def _shell(words: Sequence[str]) -> str:
    return shlex.join(words)


def _yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, lists set in."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def _named(job: JobFile) -> str:
    return ", ".join(job.secrets) or "none"


def _keys(job: JobFile) -> str:
    if not job.secrets:
        return "It needs no key."
    place = job.env_file or f"{job.folder}/.env"
    return f"Keys ({_named(job)}) come from {_plain(place)} (chmod 600)."


def _plain(text: str) -> str:
    return " ".join(text.replace("%", "").split())


def _unit_word(word: str) -> str:
    """A word of a unit file's command: quoted, with specifiers and variables taken literally."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if re.search(r"[\s\"'\\;*?]", word) or not word else plain


def _unit_path(path: str) -> str:
    return path.replace("%", "%%")
