"""``evalkit show``: a run, one of its cases, or one of its trials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.options import json_option, option, options, runs_option
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.store.runs import RunFolder

_SHORT = 2_000


@click.command(name="show", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--case", "case_id", metavar="ID", help="A case with all its answers."),
    option("--trial", "trial_key", metavar="KEY", help="One answer in full; a key's beginning."),
    runs_option,
    json_option,
)
def command(run: str, case_id: str | None, trial_key: str | None, runs: Path, as_json: bool) -> int:
    """Show a RUN (default: the latest), one of its cases, or one of its trials.

    \b
    Example: evalkit show latest --case add-003
    """
    from evalkit.store.runs import find_run

    if case_id is not None and trial_key is not None:
        raise UsageError("--case and --trial exclude one another")
    folder = find_run(run, runs)
    document = (
        _trial(folder, trial_key)
        if trial_key is not None
        else _case(folder, case_id)
        if case_id is not None
        else _run(folder)
    )
    if as_json:
        click.echo(json.dumps(document, default=str))
    else:
        _print(document)
    return 0


def _run(folder: RunFolder) -> dict[str, Any]:
    manifest = folder.manifest()
    found = folder.responses(["variant_key", "status", "source"])
    counts = found.group_by(["variant_key", "status", "source"]).aggregate([([], "count_all")])
    return {
        "run": str(folder.path),
        "suite": manifest.name,
        "status": folder.standing(manifest),
        "stopped_because": manifest.stopped_because,
        "started_at": manifest.started_at,
        "ended_at": manifest.ended_at,
        "cases": manifest.n_cases,
        "planned": manifest.planned,
        "endpoints": dict(manifest.endpoints),
        "digests": dict(manifest.digests),
        "size_bytes": folder.size_bytes(),
        "outcomes": sorted(
            counts.to_pylist(), key=lambda row: (row["variant_key"], row["status"], row["source"])
        ),
    }


def _case(folder: RunFolder, case_id: str) -> dict[str, Any]:
    import pyarrow as pa

    case = folder.cases_named(pa.chunked_array([[case_id]])).get(case_id)
    if case is None:
        ids = folder.case_columns()["case_id"][:6].to_pylist()
        raise UsageError(f"no case '{case_id}' in {folder.path}", f"There are: {', '.join(ids)} …")
    rows = sorted(_rows(folder, "case_id", case_id), key=lambda r: (r["variant_key"], r["sample"]))
    return {
        "case": case.id,
        "inputs": dict(case.inputs),
        "target": case.target,
        "cluster": case.cluster,
        "tags": list(case.tags),
        "answers": rows,
    }


def _trial(folder: RunFolder, key: str) -> dict[str, Any]:
    rows = _rows(folder, "trial_key", key if key.startswith("b2:") else f"b2:{key}")
    if not rows:
        raise UsageError(
            f"no trial '{key}' has an outcome in {folder.path}",
            "Keys are shown by evalkit show RUN --case ID.",
        )
    if len(rows) > 1:
        raise UsageError(f"'{key}' fits {len(rows)} trials", "Type more of the key.")
    return rows[0]


def _rows(folder: RunFolder, column: str, value: str) -> list[dict[str, Any]]:
    """The outcomes whose column has a value (a trial's key: begins with it), with their scores."""
    import pyarrow.compute as pc

    from evalkit.store.export import outcomes_with_scores

    rows: list[dict[str, Any]] = []
    for table in outcomes_with_scores(folder):
        fits = (
            pc.starts_with(table[column], pattern=value)
            if column == "trial_key"
            else pc.equal(table[column], value)
        )
        rows += table.filter(fits).to_pylist()
    return rows


def _print(document: Mapping[str, Any], indent: str = "") -> None:
    """Names and values, a line each; text from models is made harmless for terminals."""
    from evalkit.report.format import neutral

    for key, value in document.items():
        if value is None or value == []:
            continue
        name = neutral(key)
        if isinstance(value, Mapping):
            click.echo(f"{indent}{name}:")
            _print(value, f"{indent}  ")
        elif isinstance(value, list) and isinstance(value[0], Mapping):
            click.echo(f"{indent}{name}:")
            for item in value:
                _print(item, f"{indent}  ")
                click.echo()
        else:
            text = neutral(str(value))
            shown = text if len(text) <= _SHORT or not indent else f"{text[:_SHORT]} …"
            rest = f"\n{indent}{' ' * (len(name) + 2)}".join(shown.splitlines() or [""])
            click.echo(f"{indent}{name}: {rest}")
