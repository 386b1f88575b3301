"""``evalkit history``: a suite's scores, cost and time over its runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalkit.cli.options import json_option, option, options, runs_option
from evalkit.errors import UnknownRun


@click.command(name="history", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("suite")
@options(
    option("--last", type=click.IntRange(1), help="Only the last N runs."),
    option(
        "--kind",
        type=click.Choice(["hand", "bank", "regress"]),
        help="Only runs made by hand, for a bank, or by regression jobs.",
    ),
    option(
        "--html",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write a page with charts to this file.",
    ),
    runs_option,
    json_option,
)
def command(
    suite: str, last: int | None, kind: str | None, html: Path | None, runs: Path, as_json: bool
) -> int:
    """Show how a SUITE (its file or its name) has scored over its runs.

    Scores with intervals, cost and latency, verdicts of regression jobs, and the points where the
    suite, the data, the prices or the model that answers changed. Deleted runs are remembered.

    \b
    Example: evalkit history suite.yaml --html reports/history.html
    """
    from evalkit.analysis.history import changes, point_document
    from evalkit.pipeline.history import suite_history
    from evalkit.report import history
    from evalkit.store.files import write_text
    from evalkit.suite.load import load_suite

    name = load_suite(Path(suite)).suite.name if Path(suite).is_file() else suite
    points, damaged = suite_history(runs, name)
    points = [point for point in points if kind is None or point.kind == kind]
    points = points[-last:] if last else points
    for told in damaged:
        click.echo(f"warning: left out: {told}", err=True)
    if not points:
        raise UnknownRun(
            f"there is no run of {name} with an answer in {runs}",
            f"Begin with: evalkit run {suite}",
        )
    found = changes(points)
    if html is not None:
        write_text(html, history.page(name, points, found))
        click.echo(f"Page: {html}", err=True)
    if as_json:
        told_changes = [{"run": one.run_id, "at": one.at, "what": one.what} for one in found]
        document = {
            "suite": name,
            "runs": [point_document(one) for one in points],
            "changes": told_changes,
        }
        click.echo(json.dumps(document, indent=1))
    elif html is None:
        for line in history.lines(points, found):
            click.echo(line)
    return 0
