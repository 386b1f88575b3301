"""``evalkit compare``: variants of a run, or of several runs, against each other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import json_option, option, options, out_option, runs_option

if TYPE_CHECKING:
    from evalkit.analysis.options import By


@click.command(name="compare", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("refs", metavar="[RUN]...", nargs=-1)
@options(
    option(
        "--by",
        type=click.Choice(["thinking", "prompt", "model", "variant", "run"]),
        help="What shall differ in a comparison (default: each in turn; of several runs, the run).",
    ),
    option("--scorer", help="The scorer that leads (default: the suite's first)."),
    option(
        "--baseline",
        metavar="VARIANT|RUN",
        help="The variant, or of several runs the run, that the others are held against.",
    ),
    option(
        "--allow",
        is_flag=True,
        help="Compare runs although their dataset, scorers or prompts are not the same.",
    ),
    option("--human", metavar="COLUMN", help="Column of the dataset with human grades."),
    runs_option,
    out_option,
    json_option,
)
def command(
    refs: tuple[str, ...],
    by: By | None,
    scorer: str | None,
    baseline: str | None,
    allow: bool,
    human: str | None,
    runs: Path,
    out: Path,
    as_json: bool,
) -> int:
    """Compare the variants of a RUN (default: the latest), or several runs case by case.

    \b
    Example: evalkit compare latest --scorer number
             evalkit compare latest~1 latest --baseline latest~1
    """
    from evalkit.cli.outcome import write_pages
    from evalkit.pipeline.compare import compare_runs
    from evalkit.report.json import render
    from evalkit.report.terminal import write
    from evalkit.store.runs import find_run

    folders = [find_run(ref, runs) for ref in refs or ("latest",)]
    if baseline in refs:
        baseline = find_run(baseline, runs).manifest().run_id
    report = compare_runs(
        folders, scorer=scorer, baseline=baseline, by=by, allow=allow, human=human
    )
    if as_json:
        click.echo(render(report), nl=False)
    else:
        write(report, sys.stdout)
    name = "-vs-".join(folder.path.name for folder in folders)
    page = write_pages(report, out / folders[0].path.parent.name / name)
    click.echo(f"Report: {page}", err=True)
    return 0
