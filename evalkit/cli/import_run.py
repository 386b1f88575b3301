"""``evalkit import``: answers made elsewhere become a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from evalkit.cli.options import (
    all_overrides,
    env_file_option,
    environment,
    json_option,
    limit_option,
    only_option,
    option,
    options,
    runs_option,
    set_option,
)
from evalkit.errors import UsageError


@click.command(name="import", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path))
@options(
    option("--suite", type=click.Path(path_type=Path), required=True, help="The suite file."),
    option(
        "--map", "named", multiple=True, metavar="FIELD=COLUMN", help="Where the file has a field."
    ),
    option(
        "--wide", multiple=True, metavar="VARIANT=COLUMN", help="A column with a variant's answers."
    ),
    only_option,
    limit_option,
    set_option,
    runs_option,
    env_file_option,
    json_option,
)
def command(
    file: Path,
    suite: Path,
    named: tuple[str, ...],
    wide: tuple[str, ...],
    only: tuple[str, ...],
    limit: int | None,
    overrides: tuple[str, ...],
    runs: Path,
    env_file: Path | None,
    as_json: bool,
) -> int:
    """Make a run of the answers in a FILE (CSV, JSONL, Parquet); nothing is sent.

    Long form: a row an answer, with the columns id, text and, for several variants, variant; other
    names are told with --map. Wide form: a row a case, a column a variant, told with --wide.
    Fields: id, text, variant, sample, thinking, stop_reason, model, input_tokens, output_tokens,
    thinking_tokens, cost_usd, elapsed_s.

    \b
    Example: evalkit import answers.csv --suite suite.yaml --map text=output
    """
    from evalkit.pipeline.importing import FIELDS, Columns, import_answers
    from evalkit.pipeline.start import open_suite

    columns = Columns(_pairs("--map", named), _pairs("--wide", wide))
    unknown = sorted(set(columns.named) - set(FIELDS))
    if unknown:
        raise UsageError(f"--map: no field {', '.join(unknown)}", f"There are: {', '.join(FIELDS)}")
    env = environment(env_file)
    loaded = open_suite(suite, all_overrides(overrides, limit), env)
    imported = import_answers(loaded, file, columns, runs, env, only)
    folder = imported.folder
    totals = folder.manifest().totals
    if as_json:
        click.echo(json.dumps({"run": str(folder.path), "missing": imported.missing, **totals}))
        return 0
    lacking = f"; {imported.missing:,} trials have none" if imported.missing else ""
    click.echo(f"{totals['ok']:,} answers imported{lacking}", err=True)
    click.echo(f"Run:    {folder.path}", err=True)
    has_judges = any(spec.type == "judge" for spec in loaded.suite.scorers)
    word = "score" if has_judges else "compare"  # an import asks nobody, judges neither
    click.echo(f"Next:   evalkit {word} {folder.path}", err=True)
    return 0


def _pairs(name: str, items: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for item in items:
        left, equals, right = item.rpartition("=") if name == "--wide" else item.partition("=")
        if not (left and equals and right):
            raise UsageError(f"{name} {item!r} is not NAME=COLUMN")
        pairs[left] = right
    return pairs
