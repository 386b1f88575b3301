"""``evalkit list``: the runs there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from evalkit.cli.options import json_option, options, runs_option


@click.command(name="list", context_settings={"help_option_names": ["-h", "--help"]})
@options(runs_option, json_option)
def command(runs: Path, as_json: bool) -> int:
    """List the runs, oldest first.

    \b
    Example: evalkit list --json
    """
    from evalkit.store.manifest import read_manifest

    rows: list[dict[str, Any]] = []
    for path in sorted(runs.glob("*/*/manifest.json"), key=lambda path: path.parent.name):
        manifest = read_manifest(path.parent)
        totals = manifest.totals
        rows.append(
            {
                "run": str(path.parent),
                "suite": manifest.name,
                "started_at": manifest.started_at,
                "status": manifest.status,
                "planned": manifest.planned,
                "ok": totals.get("ok"),
                "failed": totals.get("failed"),
                "cost_usd": totals.get("cost_usd"),
            }
        )
    if as_json:
        click.echo(json.dumps(rows))
        return 0
    if not rows:
        click.echo(f"No runs in {runs}. Try: evalkit run configs/quickstart.yaml", err=True)
    for row in rows:
        answered = "?" if row["ok"] is None else f"{row['ok']:,}"
        failed = f", {row['failed']:,} failed" if row["failed"] else ""
        cost = f"  ${row['cost_usd']:.4f}" if row["cost_usd"] is not None else ""
        click.echo(
            f"{row['run']}  {row['status']}  {answered}/{row['planned']:,} answered{failed}{cost}"
        )
    return 0
