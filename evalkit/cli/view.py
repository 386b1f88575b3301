"""``evalkit view``: browse a run's cases in a browser."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from evalkit.cli.options import option, options, runs_option


@click.command(name="view", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any free one."),
    option("--open/--no-open", "is_opened", default=False, help="Open it in the browser at once."),
    runs_option,
)
def command(run: str, port: int, is_opened: bool, runs: Path) -> int:
    """Browse all cases of a RUN (default: the latest), however many, until Ctrl-C.

    The page is served to this machine alone, read-only; its address holds a secret token.

    \b
    Example: evalkit view latest --open
    """
    import webbrowser

    from evalkit.pipeline.browsing import StoredCases
    from evalkit.pipeline.viewing import ViewServer
    from evalkit.store.runs import find_run

    # Also where a shell started it in the background, and for whoever stops services.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    cases = StoredCases(find_run(run, runs))
    with ViewServer(cases, port) as server:
        try:
            cases.read_on()
            click.echo(server.url)
            click.echo("Ctrl-C ends it.", err=True)
            if is_opened:
                webbrowser.open(server.url)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
    return 0
