"""``evalkit status``: how a run is, seen from another shell, and turning it from there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from evalkit.cli.options import json_option, option, options, runs_option
from evalkit.errors import UsageError


@click.command(name="status", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--pause/--continue", "paused", default=None, help="Send nothing new; go on again."),
    option("-j", "--concurrency", type=click.IntRange(1), help="Requests in flight from now on."),
    runs_option,
    json_option,
)
def command(
    run: str, paused: bool | None, concurrency: int | None, runs: Path, as_json: bool
) -> int:
    """Show how a RUN is (default: the latest), live if it is running; pause it, slow it down.

    \b
    Example: evalkit status latest --concurrency 8
    """
    from evalkit.pipeline.remaining import known_totals
    from evalkit.store.lock import holder
    from evalkit.store.runs import find_run
    from evalkit.store.status import read_status, write_control

    folder = find_run(run, runs)
    writer = holder(folder.path / "lock")
    if paused is not None or concurrency is not None:
        if writer is None:
            raise UsageError(f"{folder.path} is not running", f"evalkit resume {folder.path}")
        asked = {"at": time.time(), "paused": paused, "concurrency": concurrency}
        write_control(
            folder.path, {key: value for key, value in asked.items() if value is not None}
        )
    manifest = folder.manifest()
    status = read_status(folder.path) if writer else None
    document: dict[str, Any] = {
        "run": str(folder.path),
        "status": "running" if writer else folder.standing(manifest),
        "writer": writer,
        "planned": manifest.planned,
        "totals": {} if writer else dict(known_totals(folder, manifest)),
        "live": status,
    }
    if as_json:
        click.echo(json.dumps(document))
    else:
        _show(document)
    return 0


def _show(document: dict[str, Any]) -> None:
    from evalkit.cli.progress import one_line
    from evalkit.events import Snapshot, VariantProgress

    click.echo(f"{document['run']}: {document['status']}")
    live, totals = document["live"], document["totals"]
    if live is None:
        if totals:
            click.echo(
                f"{totals['ok']:,} of {document['planned']:,} answered, {totals['failed']:,} failed"
            )
        return
    fields = {name: live[name] for name in Snapshot.__dataclass_fields__}
    variants = [VariantProgress(**item) for item in fields.pop("variants")]
    now = Snapshot(**fields, variants=tuple(variants))
    click.echo(one_line(now))
    for item in variants:
        score = "" if item.score is None else f"  {item.score:.0%}"
        click.echo(f"  {item.variant}  {item.done:,}{score}")
