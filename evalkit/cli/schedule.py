"""``evalkit schedule``: a ready file for the scheduler you have."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import (
    config_option,
    env_file_option,
    environment,
    option,
    options,
    suite_argument,
    suite_path,
)
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.suite.schema import Suite

_KINDS = ("cron", "systemd", "github", "gitlab", "kubernetes", "airflow")
_TIMEOUT_S = 2 * 3600.0
BASE_URL = "ANTHROPIC_BASE_URL"


@click.command(name="schedule", context_settings={"help_option_names": ["-h", "--help"]})
@suite_argument
@options(
    config_option,
    option("--every", metavar="TIME", help="By interval: 6h, 1d, 1w."),
    option("--cron", metavar="EXPR", help="By cron expression (UTC): '0 6 * * 1-5'."),
    option(
        "--as",
        "kind",
        type=click.Choice(_KINDS),
        required=True,
        help="The scheduler that shall run it.",
    ),
    option("--baseline", metavar="NAME", help="The baseline (default: the suite's gate.baseline)."),
    option("--timeout", metavar="TIME", help="Stop a run after this time [2h]."),
    option("--keep", type=click.IntRange(1), default=30, show_default=True, help="Runs to keep."),
    option("--max-cost-usd", type=click.FloatRange(0, min_open=True), help="Cap on each run."),
    option("--image", default="python:3.12-slim", show_default=True, help="For containers."),
    option(
        "--install",
        default="evalkit",
        show_default=True,
        metavar="REQUIREMENT",
        help="What pip installs in CI.",
    ),
    option(
        "--write",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Write the file(s) there instead of printing.",
    ),
    env_file_option,
)
def command(
    suite: Path | None,
    config: Path | None,
    every: str | None,
    cron: str | None,
    kind: str,
    baseline: str | None,
    timeout: str | None,
    keep: int,
    max_cost_usd: float | None,
    image: str,
    install: str,
    write: Path | None,
    env_file: Path | None,
) -> int:
    """Print a file that lets an existing scheduler run `evalkit regress SUITE`.

    It names the keys by their variables and holds none. Paths are relative to this folder.

    \b
    Example: evalkit schedule suite.yaml --every 1d --as systemd --write deploy
             evalkit schedule suite.yaml --cron '0 6 * * 1-5' --as github
    """
    from evalkit.cli.regress import schedule_of, seconds
    from evalkit.pipeline.regression.scheduling import JobFile, render
    from evalkit.pipeline.regression.slots import parse_cron
    from evalkit.pipeline.start import open_suite

    schedule = schedule_of(every, cron)
    if schedule is None:
        raise UsageError("no schedule was given", "--every 1d, or --cron '0 6 * * *'.")
    env = environment(env_file)
    path = suite_path(suite, config)
    loaded = open_suite(path, (), env).suite
    timeout_s = seconds(timeout) if timeout else loaded.gate.timeout_s or _TIMEOUT_S
    job = JobFile(
        name=loaded.name,
        suite=_relative(path),
        cron=parse_cron(schedule.cron()),
        options=list(_options(baseline, timeout_s, keep, max_cost_usd)),
        secrets=list(dict.fromkeys(_secrets(loaded, env))),
        program=shutil.which("evalkit") or str(Path(sys.argv[0]).resolve()),
        folder=str(Path.cwd()),
        timeout_s=timeout_s,
        env_file=None if env_file is None else str(env_file.resolve()),
        image=image,
        requirement=install,
    )
    files = render(job, kind)
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if write is not None:
            (write / name).write_text(text, encoding="utf-8")
            click.echo(write / name)
        else:
            if len(files) > 1:
                click.echo(f"# ---- {name}")
            click.echo(text, nl=False)
    return 0


def _relative(path: Path) -> str:
    """The suite as the job's folder knows it. Raises UsageError for one outside of it."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        raise UsageError(
            f"{path} lies outside of this folder",
            "Call evalkit schedule in the folder that the job shall run in.",
        ) from None


def _options(
    baseline: str | None, timeout_s: float, keep: int, max_cost_usd: float | None
) -> Iterator[str]:
    if baseline:
        yield from ("--baseline", baseline)
    yield from ("--timeout", f"{timeout_s:g}s", "--keep", str(keep))
    if max_cost_usd is not None:
        yield from ("--max-cost-usd", f"{max_cost_usd:g}")


def _secrets(suite: Suite, env: Mapping[str, str]) -> Iterator[str]:
    """The variables that the job needs: keys, webhooks, and where to ask."""
    from evalkit.pipeline.endpoints import resolve_endpoints
    from evalkit.pipeline.judges.bench import judge_endpoints

    for endpoints in (resolve_endpoints(suite, env), judge_endpoints(suite, env)):
        for endpoint in endpoints.values():
            if endpoint.auth != "none" and endpoint.api_key_env and not endpoint.api_key_cmd:
                yield endpoint.api_key_env
    if env.get(BASE_URL) and any(model.base_url is None for model in suite.models):
        # No secret, but without it the job would ask somebody else.
        yield BASE_URL
    for spec in suite.gate.notify:
        yield spec.url_env
