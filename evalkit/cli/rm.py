"""``evalkit rm``: delete runs."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import option, options, runs_option
from evalkit.errors import UsageError


@click.command(name="rm", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", nargs=-1, required=True)
@options(
    option("-y", "--yes", is_flag=True, help="Do not ask."),
    runs_option,
)
def command(run: tuple[str, ...], yes: bool, runs: Path) -> int:
    """Delete RUNs with all their answers; also what was left of one, by its path.

    \b
    Example: evalkit rm latest~1 --yes
    """
    from evalkit.store.runs import find_run, leftovers

    left = {folder.path: folder for folder in leftovers(runs)}
    # All are found before any goes: latest~1 must mean the same for each of them.
    everything = (left.get(Path(name)) or find_run(name, runs) for name in run)
    folders = list({found.path: found for found in everything}.values())
    for folder in folders:
        click.echo(f"{folder.path}  {folder.size_bytes() / 1e6:,.1f} MB", err=True)
    if not yes:
        try:
            click.confirm("Delete for good?", abort=True, err=True)
        except click.Abort:
            raise UsageError("nothing was deleted", "Say yes with --yes.") from None
    for folder in folders:
        folder.remove()
    return 0
