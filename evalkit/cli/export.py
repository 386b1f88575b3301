"""``evalkit export``: a run as one file for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import option, options, runs_option
from evalkit.errors import UsageError


@click.command(name="export", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option(
        "--format",
        "kind",
        type=click.Choice(["csv", "jsonl", "parquet"]),
        help="Default: by the name of --to, else csv.",
    ),
    option("--to", type=click.Path(path_type=Path), help="The file (default: RUN's id here)."),
    runs_option,
)
def command(run: str, kind: str | None, to: Path | None, runs: Path) -> int:
    """Write every answer of a RUN (default: the latest) with its scores to one file.

    Cells of CSV that a spreadsheet would run as a formula are marked as text.

    \b
    Example: evalkit export latest --format jsonl --to answers.jsonl
    """
    from evalkit.store.export import FORMATS, export_run
    from evalkit.store.runs import find_run

    folder = find_run(run, runs)
    ending = to.suffix.lstrip(".") if to else ""
    chosen = kind or (ending if ending in FORMATS else "csv")
    path = to or Path(f"{folder.path.name}.{chosen}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: no file can be written there", "Name a file with --to.")
    count = export_run(folder, chosen, path)
    click.echo(f"{count:,} rows", err=True)
    click.echo(path)
    return 0
