"""``evalkit init``: a working suite to begin with."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from evalkit.cli.options import option, options
from evalkit.suite.starter import STARTERS, write_starter

_DEFAULT = "classification"


@click.command(name="init", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", required=False, default=".", type=click.Path(path_type=Path))
@options(
    option("--kind", "-k", type=click.Choice(list(STARTERS)), help="What to evaluate."),
    option("--model", help="Model to ask (local: the embedded one, no key needed)."),
    option("--force", is_flag=True, help="Write over files that are there."),
)
def command(folder: Path, kind: str | None, model: str | None, force: bool) -> int:
    """Write a working suite, its prompts and a small dataset into FOLDER (default: here).

    \b
    Example: evalkit init my-eval --kind math
    """
    kind = kind or _asked()
    written = write_starter(kind, folder, model=model, overwrite=force)
    for path in written:
        click.echo(f"wrote {path}")
    suite = shlex.quote(str(written[0]))
    click.echo("\nNext:")
    for word, meaning in (
        ("plan", "see the variants and a prompt of each"),
        ("estimate", "see what it will cost"),
        ("run", "ask, score and compare"),
    ):
        click.echo(f"  evalkit {word} {suite}".ljust(50) + meaning)
    return 0


def _asked() -> str:
    """What the person at the terminal chooses; elsewhere the first kind."""
    if not sys.stdin.isatty():
        return _DEFAULT
    for name, meaning in STARTERS.items():
        click.echo(f"  {name:<16} {meaning}", err=True)
    choice: str = click.prompt(
        "What do you want to evaluate?", type=click.Choice(list(STARTERS)), default=_DEFAULT,
        show_choices=False, err=True,
    )  # fmt: skip
    return choice
