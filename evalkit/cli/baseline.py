"""``evalkit baseline``: banks of stored runs that later runs are held against."""

from __future__ import annotations

import getpass
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import (
    baselines_option,
    concurrency_option,
    cost_option,
    env_file_option,
    environment,
    json_option,
    option,
    options,
    out_option,
    progress_option,
    quiet_option,
    runs_option,
    set_option,
)
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evalkit.store.baselines import Baseline
    from evalkit.store.runs import RunFolder

why_option = option("--why", default="", help="Why this is the baseline now; kept in the file.")


@click.group(name="baseline", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Keep what a suite scored as the measure of later runs.

    A baseline is a bank of one or more runs of one suite: a small JSON file, fit for git, that
    stands without its runs. Eight runs make it steady; one is a trap.

    \b
    Example: evalkit baseline collect nightly suite.yaml --repeat 8
             evalkit baseline set nightly latest latest~1 --why "release 3"
    """


@command.command("set")
@click.argument("name")
@click.argument("refs", metavar="RUN...", nargs=-1, required=True)
@options(why_option, baselines_option, runs_option, quiet_option)
def set_(
    name: str, refs: tuple[str, ...], why: str, baselines: Path, runs: Path, quiet: bool
) -> int:
    """Make the baseline NAME of these finished RUNs; an earlier one of that name is replaced."""
    from evalkit.store.runs import find_run

    bank([find_run(ref, runs) for ref in refs], name, why, baselines, quiet=quiet)
    return 0


def bank(
    folders: Sequence[RunFolder], name: str, why: str, baselines: Path, *, quiet: bool = False
) -> None:
    """Make a baseline of runs, say what it is worth, and what it replaces."""
    from evalkit.pipeline.regression.banking import Provenance, make_baseline
    from evalkit.store.baselines import write_baseline

    baseline, warnings = make_baseline(name, folders, Provenance(who(), why))
    before = replaced(baselines, name, baseline.suite)
    path = write_baseline(baselines, baseline)
    for warning in warnings:
        click.secho("warning: ", fg="yellow", nl=False, err=True)
        click.echo(warning, err=True)
    if quiet:
        return
    if before is not None:
        click.echo(f"Replaced the baseline of {before.created_at[:10]}.", err=True)
    describe(baseline)
    click.echo(f"Baseline: {path} ({path.stat().st_size / 1024:,.0f} kB)", err=True)


def replaced(baselines: Path, name: str, suite: str) -> Baseline | None:
    """The baseline that one of this name would replace; raises UsageError for another suite's."""
    from evalkit.store.baselines import UnknownBaseline, read_baseline

    try:
        before = read_baseline(baselines, name)
    except UnknownBaseline:
        return None
    if before.suite != suite:
        raise UsageError(
            f"'{name}' is the baseline of {before.suite}, and these are runs of {suite}",
            "Choose another name, or remove it first: evalkit baseline rm " + name,
        )
    return before


def who() -> str:
    """Who makes it: the CI's actor, else user and host."""
    actor = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN")
    if actor:
        return actor
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a user of that number
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


def describe(baseline: Baseline) -> None:
    """What a baseline is, on stdout."""
    from evalkit.analysis.wording import as_percent, in_points
    from evalkit.report.format import one_line

    failed = sum(run.failed for run in baseline.runs)
    click.echo(
        f"@{baseline.name}: {len(baseline.runs)} run(s) of {baseline.suite}, "
        f"{len(baseline.cases):,} cases, made {baseline.created_at[:16]} by "
        f"{one_line(baseline.by)}" + (f": {one_line(baseline.why)}" if baseline.why else "")
    )
    if failed:
        click.echo(f"  {failed:,} trials failed")
    for key, one in baseline.variants.items():
        click.echo(f"  {one_line(key)}, answered by {', '.join(map(one_line, one.models))}")
        for name in (name for name in one.columns if name.startswith("score:")):
            column = one.columns[name]
            means = [s / n for s, n in zip(column.sums, column.counts, strict=True) if n]
            mean = as_percent(sum(means) / len(means)) if means else "no scores"
            error, found = one.error.get(name), one.false_alarms.get(name)
            told = "own error unknown" if error is None else f"own error {in_points(error)}"
            if error is not None:
                told += f", so margins from {in_points(4 * error)}"
            if found:
                told += (
                    f"; each run against the others at {found['margin']:g}: "
                    f"{found['fails']:.0f} of {found['gates']:.0f} false alarms, "
                    f"{found['passes']:.0f} passes"
                )
            click.echo(f"    {name.removeprefix('score:')}: {mean}, {told}")


@command.command("list")
@options(baselines_option, json_option)
def list_(baselines: Path, as_json: bool) -> int:
    """List the baselines."""
    from evalkit.cli.tables import new_table, print_table
    from evalkit.report.format import one_line
    from evalkit.store.baselines import list_baselines, read_baseline

    found = [read_baseline(baselines, name) for name in list_baselines(baselines)]
    if as_json:
        click.echo(json.dumps([summary(one) for one in found], indent=1))
        return 0
    if not found:
        click.echo(f"There is no baseline in {baselines}.", err=True)
        return 0
    table = new_table("baseline", "suite", "runs", "cases", "made", "by", "why")
    for one in found:
        facts = (one.suite, len(one.runs), len(one.cases), one.created_at[:16], one.by, one.why)
        table.add_row(f"@{one.name}", *(one_line(str(fact)) for fact in facts))
    print_table(table)
    return 0


def summary(one: Baseline) -> dict[str, object]:
    """A baseline as plain data, without its columns."""
    return {
        "name": one.name,
        "suite": one.suite,
        "created_at": one.created_at,
        "by": one.by,
        "why": one.why,
        "git_commit": one.git_commit,
        "cases": len(one.cases),
        "runs": [
            {
                "id": run.id,
                "started_at": run.started_at,
                "answered": run.answered,
                "failed": run.failed,
                "cost_usd": run.cost_usd,
            }
            for run in one.runs
        ],
        "digests": dict(one.digests),
        "variants": {
            key: {
                "models": list(variant.models),
                "error": dict(variant.error),
                "false_alarms": {name: dict(f) for name, f in variant.false_alarms.items()},
            }
            for key, variant in one.variants.items()
        },
    }


@command.command("show")
@click.argument("name")
@options(baselines_option, json_option)
def show(name: str, baselines: Path, as_json: bool) -> int:
    """Show what the baseline NAME holds, its own error and its false alarms."""
    from evalkit.store.baselines import read_baseline

    baseline = read_baseline(baselines, name)
    if as_json:
        click.echo(json.dumps(summary(baseline), indent=1))
        return 0
    describe(baseline)
    for run in baseline.runs:
        cost = "" if run.cost_usd is None else f", ${run.cost_usd:.4f}"
        click.echo(f"  run {run.id}: {run.started_at[:16]}, {run.answered:,} answered{cost}")
    for what, digest in baseline.digests.items():
        click.echo(f"  {what} {digest}")
    return 0


@command.command("rm")
@click.argument("name")
@options(option("-y", "--yes", is_flag=True, help="Do not ask."), baselines_option)
def rm(name: str, yes: bool, baselines: Path) -> int:
    """Delete the baseline NAME and the evidence of its nights; its runs stay."""
    from evalkit.store.baselines import read_baseline, remove_baseline

    baseline = read_baseline(baselines, name)
    if not yes:
        click.confirm(f"Delete @{baseline.name} ({len(baseline.runs)} runs)?", abort=True, err=True)
    remove_baseline(baselines, name)
    click.echo(f"Deleted @{baseline.name}.", err=True)
    return 0


@command.command("promote")
@click.argument("name")
@click.argument("refs", metavar="RUN...", nargs=-1, required=True)
@options(
    why_option,
    option("--force", is_flag=True, help="Although a run does not pass against the old one."),
    baselines_option,
    runs_option,
    quiet_option,
)
def promote(
    name: str,
    refs: tuple[str, ...],
    why: str,
    force: bool,
    baselines: Path,
    runs: Path,
    quiet: bool,
) -> int:
    """Let RUNs take the place of the baseline NAME, if each passes its gate against it.

    A change of prompt, model or settings is what is promoted; data and scorers must be the same.
    """
    from evalkit.pipeline.regression.gating import gate_policy, gate_run
    from evalkit.pipeline.start import stored_suite
    from evalkit.store.baselines import read_baseline
    from evalkit.store.runs import find_run

    before = read_baseline(baselines, name)
    folders = [find_run(ref, runs) for ref in refs]
    for folder in () if force else folders:
        policy = gate_policy(stored_suite(folder))
        report = gate_run(folder, before, policy, allowed=("prompt", "model", "settings"))
        if report.verdict != "pass":
            raise UsageError(
                f"{folder.path} is not proven to be as good: {report.headline}",
                "Collect more runs, or take it nonetheless with --force.",
            )
    bank(folders, name, why or f"promoted over {before.created_at[:10]}", baselines, quiet=quiet)
    return 0


@command.command("collect")
@click.argument("name")
@click.argument("suite", type=click.Path(path_type=Path))
@options(
    option(
        "--repeat",
        type=click.IntRange(1),
        default=8,
        show_default=True,
        help="How many runs to bank.",
    ),
    why_option,
    set_option,
    concurrency_option,
    cost_option,
    option("-y", "--yes", is_flag=True, help="Do not ask before spending."),
    baselines_option,
    runs_option,
    out_option,
    env_file_option,
    progress_option,
    quiet_option,
)
def collect(
    name: str,
    suite: Path,
    repeat: int,
    why: str,
    overrides: tuple[str, ...],
    concurrency: int | None,
    max_cost_usd: float | None,
    yes: bool,
    baselines: Path,
    runs: Path,
    out: Path,
    env_file: Path | None,
    progress: str | None,
    quiet: bool,
) -> int:
    """Run SUITE so many times with fresh answers and bank the runs as NAME.

    Interrupted, the same command goes on: finished runs count, an unfinished one is resumed. The
    cost cap holds for all runs together.
    """
    from evalkit.cli.options import all_overrides
    from evalkit.cli.progress import watching
    from evalkit.cli.run import confirm
    from evalkit.pipeline.regression.collecting import Collection, collect_bank, note_banked
    from evalkit.pipeline.start import open_suite

    env = environment(env_file)
    loaded = open_suite(suite, all_overrides(overrides, None, None, concurrency, max_cost_usd), env)
    replaced(baselines, name, loaded.suite.name)  # told before anything is paid for
    plan = Collection(loaded, name, repeat, runs, env)
    if not yes:
        confirm(plan.expected_usd(), loaded.suite.budget.confirm_above_usd)
    with watching("none" if quiet else progress) as listen:
        folders, outcome = collect_bank(plan, listen)
    if outcome is not None:
        click.echo(f"{len(folders)} of {repeat} runs are finished; the same command goes on.")
        if outcome.stopped:
            click.secho(f"Stopped: {outcome.stopped.message}", fg="yellow", err=True)
        return outcome.exit_code
    bank(folders, name, why, baselines, quiet=quiet)
    note_banked(folders)
    return 0
