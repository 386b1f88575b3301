"""``evalkit status``: how a run is, seen from another shell, and turning it from there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.options import json_option, option, options, runs_option
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.events import Snapshot
    from evalkit.store.runs import RunFolder

# A run looks for what is asked of it, and tells how it is, twice a second.
_HEARD_WITHIN_S = 3.0
_LOOK_S = 0.1
_OLD_S = 5.0


@click.command(name="status", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--pause/--continue", "paused", default=None, help="Send nothing new; go on again."),
    option(
        "-j",
        "--concurrency",
        type=click.IntRange(1),
        help="Requests in flight from now on, at each endpoint.",
    ),
    runs_option,
    json_option,
)
def command(
    run: str, paused: bool | None, concurrency: int | None, runs: Path, as_json: bool
) -> int:
    """Show how a RUN is (default: the latest), live if it is running; pause it, turn it down or up.

    \b
    Example: evalkit status latest --concurrency 8
    """
    from evalkit.store.runs import find_run

    folder = find_run(run, runs)
    if paused is not None or concurrency is not None:
        _ask(folder, {"paused": paused, "concurrency": concurrency})
    document = status_document(folder)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _show(document)
    return 0


def _ask(folder: RunFolder, wishes: dict[str, Any]) -> None:
    """Tell the run what to do, and wait a moment until it has heard; raises UsageError."""
    from evalkit.store.lock import holder
    from evalkit.store.status import read_status, write_control

    if holder(folder.path / "lock") is None:
        raise UsageError(f"{folder.path} is not running", f"evalkit resume {folder.path}")
    asked_at = time.time()
    control = {name: wish for name, wish in wishes.items() if wish is not None}
    write_control(folder.path, {"at": asked_at, **control})
    until_s = time.monotonic() + _HEARD_WITHIN_S
    while time.monotonic() < until_s:
        if ((read_status(folder.path) or {}).get("heard") or 0.0) >= asked_at:
            return
        time.sleep(_LOOK_S)


def status_document(folder: RunFolder) -> dict[str, Any]:
    """How a run is, as plain data.

    ``status`` is the manifest's, but ``running`` while a process writes it, and ``interrupted``
    where one did and is gone. ``live`` is what a running process told last, ``age_s`` seconds ago.
    """
    from evalkit.pipeline.totals import count_totals, known_totals
    from evalkit.store.lock import holder
    from evalkit.store.status import read_status

    writer = holder(folder.path / "lock")
    manifest = folder.manifest()
    totals, because = known_totals(folder, manifest), manifest.stopped_because
    if writer is None and manifest.status == "running":
        totals, because = count_totals(folder, manifest.planned), "its process is gone"
    live = read_status(folder.path) if writer else None
    return {
        "run": str(folder.path),
        "status": "running" if writer else folder.standing(manifest),
        "writer": writer,
        "planned": manifest.planned,
        "totals": {} if writer else dict(totals),
        "stopped_because": None if writer else because,
        "live": live,
        "age_s": max(0.0, time.time() - live["at"]) if live else None,
    }


def _show(document: dict[str, Any]) -> None:
    from evalkit.cli.progress import one_line, variant_lines

    because = f" ({document['stopped_because']})" if document["stopped_because"] else ""
    click.echo(f"{document['run']}: {document['status']}{because}")
    live, totals = document["live"], document["totals"]
    if live is not None:
        now = _snapshot(live)
        if document["age_s"] > _OLD_S:
            click.echo(f"as of {document['age_s']:.0f} s ago:")
        click.echo(one_line(now))
        for line in variant_lines(now):
            click.echo(f"  {line}")
    elif totals:
        click.echo(
            f"{totals['ok']:,} of {document['planned']:,} answered, {totals['failed']:,} failed"
        )
    if document["status"] not in ("running", "complete"):
        click.echo(f"Next:   evalkit resume {document['run']}")


def _snapshot(live: dict[str, Any]) -> Snapshot:
    """What a run has told, as the object it was."""
    from evalkit.events import GateProgress, Snapshot, VariantProgress

    fields = {name: live[name] for name in Snapshot.__dataclass_fields__}
    fields["variants"] = tuple(VariantProgress(**one) for one in fields["variants"])
    fields["gates"] = tuple(GateProgress(**one) for one in fields["gates"])
    return Snapshot(**fields)
