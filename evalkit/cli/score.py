"""``evalkit score``: a stored run, graded again."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import options, runs_option


@click.command(name="score", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@click.option(
    "--suite",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the scorers of this suite, and keep them as the run's.",
)
@options(runs_option)
def command(run: str, suite: Path | None, runs: Path) -> int:
    """Grade the stored answers of a RUN (default: the latest) again; nothing is sent.

    \b
    Example: evalkit score latest --suite suite.yaml
    """
    from evalkit.pipeline.score import rescore_run
    from evalkit.store.runs import find_run
    from evalkit.suite.load import load_suite

    folder = find_run(run, runs)
    loaded = load_suite(suite).suite if suite is not None else None
    names = rescore_run(folder, loaded)
    for name in names:
        table = folder.scores(name, ["value"])
        rows = table.num_rows if table is not None else 0
        graded = rows - table["value"].null_count if table is not None else 0
        click.echo(f"{name}: {graded} of {rows} answers graded")
    click.echo(f"evalkit compare {folder.path}", err=True)
    return 0
