"""``evalkit doctor``: what would go wrong, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from evalkit.cli.options import env_file_option, environment, json_option, options, runs_option
from evalkit.errors import EXIT_OK, EXIT_USAGE

_MARKS = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "problem": ("PROBLEM", "red")}
_BELOW = "\n          "


@click.command(name="doctor", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("suite", required=False, type=click.Path(path_type=Path))
@options(runs_option, env_file_option, json_option)
def command(suite: Path | None, runs: Path, env_file: Path | None, as_json: bool) -> int:
    """Check disk, local model and key; for a SUITE also its rows, endpoint, model, capabilities.

    Endpoints are asked what they know of the models, which costs nothing.

    Exits with 2 if something would keep a run from working.

    \b
    Example: evalkit doctor configs/quickstart.yaml
    """
    from evalkit.pipeline.doctor import examine

    checks = list(examine(runs, environment(env_file), suite))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks]))
    else:
        for check in checks:
            word, colour = _MARKS[check.status]
            click.secho(f"{word:>8}  ", fg=colour, nl=False)
            click.echo(f"{check.name}: {check.finding}".replace("\n", _BELOW))
            if check.advice and check.status != "ok":
                click.echo(f"          {check.advice}")
    return EXIT_USAGE if any(check.status == "problem" for check in checks) else EXIT_OK
