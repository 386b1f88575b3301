"""``evalkit compare``: the variants of a run, against each other."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalkit.cli.options import json_option, option, options, out_option, runs_option


@click.command(name="compare", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--scorer", help="The scorer that leads (default: the suite's first)."),
    option("--baseline", metavar="VARIANT", help="The variant the others are held against."),
    runs_option,
    out_option,
    json_option,
)
def command(
    run: str, scorer: str | None, baseline: str | None, runs: Path, out: Path, as_json: bool
) -> int:
    """Compare the variants of a RUN (default: the latest): terminal, HTML and JSON.

    \b
    Example: evalkit compare latest --scorer number
    """
    from evalkit.cli.outcome import write_pages
    from evalkit.pipeline.compare import compare_run
    from evalkit.report.json import render
    from evalkit.report.terminal import write
    from evalkit.store.runs import find_run

    folder = find_run(run, runs)
    report = compare_run(folder, scorer=scorer, baseline=baseline)
    if as_json:
        click.echo(render(report), nl=False)
    else:
        write(report, sys.stdout)
    page = write_pages(report, out / folder.path.parent.name / folder.path.name)
    click.echo(f"Report: {page}", err=True)
    return 0
