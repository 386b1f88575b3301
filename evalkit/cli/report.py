"""``evalkit report``: a run's pages, written again."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import options, out_option, runs_option


@click.command(name="report", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(runs_option, out_option)
def command(run: str, runs: Path, out: Path) -> int:
    """Write the report pages of a RUN (default: the latest) and print where they lie.

    \b
    Example: evalkit report latest --out reports
    """
    from evalkit.cli.outcome import write_pages
    from evalkit.pipeline.compare import compare_run
    from evalkit.store.runs import find_run

    folder = find_run(run, runs)
    page = write_pages(compare_run(folder), out / folder.path.parent.name / folder.path.name)
    click.echo(page)
    return 0
