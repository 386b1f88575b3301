"""``evalkit compare``: variants of a run, or of several runs, against each other."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import json_flag, option, options, runs_option
from evalkit.cli.pages import formats_option, out_option

if TYPE_CHECKING:
    from evalkit.analysis.options import By

_MAX_NAME = 150

by_option = option(
    "--by",
    type=click.Choice(["thinking", "prompt", "model", "variant", "run"]),
    help="What shall differ in a comparison (default: each in turn; of several runs, the run).",
)
scorer_option = option("--scorer", help="The scorer that leads (default: the suite's first).")
baseline_option = option(
    "--baseline",
    metavar="VARIANT|RUN",
    help="The variant, or of several runs the run, that the others are held against.",
)


@click.command(name="compare", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("refs", metavar="[RUN]...", nargs=-1)
@options(
    by_option,
    scorer_option,
    baseline_option,
    option(
        "--allow",
        is_flag=True,
        help="Compare runs although their dataset, scorers or prompts are not the same.",
    ),
    option(
        "--margin",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Difference of scores that does not matter (default: the suite's, else 0.02).",
    ),
    option("--human", metavar="COLUMN", help="Column of the dataset with human grades."),
    formats_option,
    out_option,
    runs_option,
    json_flag,
)
def command(
    refs: tuple[str, ...],
    by: By | None,
    scorer: str | None,
    baseline: str | None,
    allow: bool,
    margin: float | None,
    human: str | None,
    formats: tuple[str, ...],
    out: Path | None,
    runs: Path,
    as_json: bool,
) -> int:
    """Compare the variants of a RUN (default: the latest), or several runs case by case.

    \b
    Example: evalkit compare latest --scorer number
             evalkit compare latest~1 latest --baseline latest~1
    """
    from evalkit.cli.pages import deliver, needs_cases
    from evalkit.pipeline.compare import compare_runs
    from evalkit.store.runs import find_run

    folders = [find_run(ref, runs) for ref in refs or ("latest",)]
    if baseline in refs:
        baseline = find_run(baseline, runs).manifest().run_id
    report = compare_runs(
        folders,
        scorer=scorer,
        baseline=baseline,
        by=by,
        allow=allow,
        human=human,
        margin=margin,
        with_cases=needs_cases(formats, as_json=as_json),
    )
    name = "-vs-".join(folder.path.name for folder in folders)
    place = Path(folders[0].path.parent.name) / _short(name)
    deliver(report, formats, out, place, as_json=as_json)
    return 0


def _short(name: str) -> str:
    """A folder's name that any file system takes, also of a comparison of many runs."""
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: _MAX_NAME - 9]}-{digest}"
