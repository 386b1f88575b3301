"""``evalkit score``: a stored run, graded again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.options import (
    concurrency_option,
    cost_option,
    env_file_option,
    environment,
    json_option,
    judges_option,
    option,
    options,
    progress_option,
    quiet_option,
    runs_option,
)

if TYPE_CHECKING:
    from evalkit.pipeline.judges.judging import Judged
    from evalkit.store.runs import RunFolder
    from evalkit.suite.schema import Suite


@click.command(name="score", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@click.option(
    "--suite",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Take the scorers of this suite, and keep them as the run's.",
)
@options(
    judges_option,
    option("-y", "--yes", is_flag=True, help="Do not ask before spending on judges."),
    concurrency_option,
    cost_option,
    runs_option,
    env_file_option,
    progress_option,
    quiet_option,
    json_option,
)
def command(
    run: str,
    suite: Path | None,
    no_judges: bool,
    yes: bool,
    concurrency: int | None,
    max_cost_usd: float | None,
    runs: Path,
    env_file: Path | None,
    progress: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Grade the stored answers of a RUN (default: the latest) again.

    Nothing is sent but what judges have not been asked yet, or gave no answer to.

    \b
    Example: evalkit score latest --suite suite.yaml
    """
    from evalkit.cli.outcome import say, tell_judges
    from evalkit.cli.progress import watching
    from evalkit.cli.run import confirm, say_price
    from evalkit.errors import EXIT_INTERRUPTED
    from evalkit.pipeline.judges.judging import judge_stored, pending
    from evalkit.pipeline.run import with_changes
    from evalkit.pipeline.score import rescore_run
    from evalkit.pipeline.start import check_suite
    from evalkit.store.runs import find_run
    from evalkit.suite.load import load_suite

    env = environment(env_file)
    folder = find_run(run, runs)
    loaded = load_suite(suite, env=env) if suite is not None else None
    if loaded is not None:
        check_suite(loaded)
    judged: list[Judged] = []

    def ask(stored: Suite) -> None:
        changed = with_changes(stored, {"concurrency": concurrency, "max_cost_usd": max_cost_usd})
        if not yes:
            estimate = pending(folder, changed, env)
            if estimate.requests and not quiet:
                say_price(estimate, is_local=not estimate.max_cost_usd)
            confirm(estimate.expected_cost_usd, changed.budget.confirm_above_usd)
        with watching("none" if quiet else progress) as listen:
            judged.append(judge_stored(folder, changed, env, listen, retry_failed=True))

    chosen, tell = loaded.suite if loaded else None, None if quiet else say
    try:
        names = rescore_run(folder, chosen, None if no_judges else ask, tell, env)
    except KeyboardInterrupt:
        say("\nStopped; a scorer's grades are its old ones or all new, never mixed.")
        say(f"Next:   evalkit score {folder.path}")
        return EXIT_INTERRUPTED
    told = [_scores(folder, name) for name in names]
    if as_json:
        click.echo(json.dumps({"run": str(folder.path), "scores": told}))
    for one in told if not as_json else ():
        click.echo(f"{one['scorer']}: {one['graded']} of {one['answers']} answers graded")
    tell_judges(folder)
    codes = [_how_it_ended(folder, asked) for asked in judged]
    if any(codes):
        return codes[0]
    click.echo(f"evalkit compare {folder.path}", err=True)
    return 0


def _how_it_ended(folder: RunFolder, asked: Judged) -> int:
    """The exit code of judging; tells what is missing and what to do."""
    from evalkit.cli.outcome import say
    from evalkit.errors import EXIT_API
    from evalkit.pipeline.start import stored_suite

    if asked.stopped and asked.missing:
        click.secho(f"Stopped: {asked.stopped.message}", fg="yellow", err=True)
        if asked.stopped.hint:
            say(f"  {asked.stopped.hint}")
        say(f"Next:   evalkit score {folder.path}")
        return asked.stopped.exit_code
    if asked.failed_share > stored_suite(folder).limits.max_failed_share:
        say(f"Too many questions without a verdict: see {folder.path}/judges/*/verdicts.parquet")
        return EXIT_API
    return 0


def _scores(folder: RunFolder, name: str) -> dict[str, Any]:
    """How many of a run's answers a scorer has graded."""
    table = folder.scores(name, ["value"])
    rows = table.num_rows if table is not None else 0
    graded = rows - table["value"].null_count if table is not None else 0
    return {"scorer": name, "answers": rows, "graded": graded}
