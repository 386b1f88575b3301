"""``evalkit report``: a run's report, as pages and in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.compare import baseline_option, by_option, scorer_option
from evalkit.cli.options import json_flag, options, runs_option
from evalkit.cli.pages import formats_option, out_option

if TYPE_CHECKING:
    from evalkit.analysis.options import By


@click.command(name="report", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    by_option, scorer_option, baseline_option, formats_option, out_option, runs_option, json_flag
)
def command(
    run: str,
    by: By | None,
    scorer: str | None,
    baseline: str | None,
    formats: tuple[str, ...],
    out: Path | None,
    runs: Path,
    as_json: bool,
) -> int:
    """Report on a RUN (default: the latest): terminal, HTML, Markdown, JSON, CSV, JUnit.

    \b
    Example: evalkit report latest
             evalkit report latest --format markdown >comment.md
             evalkit report latest --format html --format junit --out artefacts
    """
    from evalkit.cli.pages import deliver, needs_cases
    from evalkit.pipeline.compare import compare_run
    from evalkit.store.runs import find_run

    folder = find_run(run, runs)
    with_cases = needs_cases(formats, as_json=as_json)
    report = compare_run(folder, scorer=scorer, baseline=baseline, by=by, with_cases=with_cases)
    place = Path(folder.path.parent.name) / folder.path.name
    deliver(report, formats, out, place, as_json=as_json)
    return 0
