"""``evalkit list``: the runs there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.options import json_option, options, runs_option
from evalkit.errors import StoreError

if TYPE_CHECKING:
    from evalkit.store.runs import RunFolder


@click.command(name="list", context_settings={"help_option_names": ["-h", "--help"]})
@options(runs_option, json_option)
def command(runs: Path, as_json: bool) -> int:
    """List the runs, oldest first; then folders that have lost their manifest, or never had one.

    \b
    Example: evalkit list --json
    """
    from evalkit.store.runs import leftovers, list_runs

    rows = [_row(folder) for folder in (*list_runs(runs), *leftovers(runs))]
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    if not rows:
        click.echo(f"No runs in {runs}. Try: evalkit run configs/quickstart.yaml", err=True)
    for row in rows:
        if row["status"] == "damaged":
            click.echo(f"{row['run']}  damaged: {row['told']}")
            continue
        answered = "?" if row["ok"] is None else f"{row['ok']:,}"
        failed = f", {row['failed']:,} failed" if row["failed"] else ""
        cost = f"  ${row['cost_usd']:.4f}" if row["cost_usd"] is not None else ""
        click.echo(
            f"{row['run']}  {row['status']}  {answered}/{row['planned']:,} answered{failed}{cost}"
        )
    return 0


def _row(folder: RunFolder) -> dict[str, Any]:
    """What is listed of a run; one that cannot be read does not hide the others."""
    from evalkit.pipeline.totals import known_totals

    try:
        manifest = folder.manifest()
    except StoreError as error:
        return {"run": str(folder.path), "status": "damaged", "told": error.message}
    totals = known_totals(folder, manifest)
    return {
        "run": str(folder.path),
        "suite": manifest.name,
        "started_at": manifest.started_at,
        "status": folder.standing(manifest),
        "planned": manifest.planned,
        "ok": totals.get("ok"),
        "failed": totals.get("failed"),
        "cost_usd": totals.get("cost_usd"),
    }
