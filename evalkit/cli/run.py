"""``evalkit run``: ask, store, score, compare."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import (
    all_overrides,
    cache_option,
    concurrency_option,
    config_option,
    cost_option,
    env_file_option,
    environment,
    json_option,
    judges_option,
    limit_option,
    log_option,
    log_prompts_option,
    only_option,
    option,
    options,
    out_option,
    progress_option,
    quiet_option,
    runs_option,
    samples_option,
    set_option,
    suite_argument,
    suite_path,
    verbose_option,
)
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.plan.estimate import PlanEstimate
    from evalkit.store.runs import RunFolder
    from evalkit.suite.load import LoadedSuite


@click.command(name="run", context_settings={"help_option_names": ["-h", "--help"]})
@suite_argument
@options(
    config_option,
    limit_option,
    only_option,
    samples_option,
    set_option,
    concurrency_option,
    cost_option,
    cache_option,
    option(
        "--resume/--new",
        default=None,
        help="Go on with the suite's last run, or begin another (default: ask, in a terminal).",
    ),
    option("--extend", is_flag=True, help="Go on with it, and ask what the suite now adds."),
    option("-y", "--yes", is_flag=True, help="Do not ask before spending."),
    option("--dry-run", is_flag=True, help="Only say what it will cost."),
    judges_option,
    runs_option,
    out_option,
    env_file_option,
    progress_option,
    log_option,
    log_prompts_option,
    json_option,
    quiet_option,
    verbose_option,
)
def command(
    suite: Path | None,
    config: Path | None,
    limit: int | None,
    only: tuple[str, ...],
    samples: int | None,
    overrides: tuple[str, ...],
    concurrency: int | None,
    max_cost_usd: float | None,
    cache: str | None,
    resume: bool | None,
    extend: bool,
    yes: bool,
    dry_run: bool,
    no_judges: bool,
    runs: Path,
    out: Path,
    env_file: Path | None,
    progress: str | None,
    log_file: str | None,
    log_prompts: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run a SUITE: ask every variant about every case, store, score and compare.

    Answers are stored as they come: after an interrupt, a crash or a power cut, `evalkit resume`
    goes on and asks nothing twice.

    \b
    Example: evalkit run configs/quickstart.yaml --limit 10
    """
    from evalkit.cli.estimate import show_estimate
    from evalkit.cli.logfile import check_log
    from evalkit.cli.progress import watching
    from evalkit.pipeline.estimate import estimate_suite
    from evalkit.pipeline.run import execute_run
    from evalkit.pipeline.start import discard_run, estimate_run, open_suite, start_run
    from evalkit.scorers.registry import build_scorers, notices
    from evalkit.suite.schema import LOCAL

    env = environment(env_file)
    loaded = open_suite(
        suite_path(suite, config),
        all_overrides(overrides, limit, samples, concurrency, max_cost_usd),
        env,
    )
    if cache is not None:
        loaded = with_cache(loaded, cache)
    if dry_run:
        show_estimate(estimate_suite(loaded, env, only), as_json=as_json)
        return 0
    check_log(log_file)
    # What a report takes is loaded once it is clear that there will be one.
    from evalkit.cli.outcome import finish, told_where

    if resume is None and not extend:
        resume = offer_to_resume(loaded, runs, env, only)
    if resume or extend:
        folder = continued(loaded, runs, env, only, extend=extend)
        if extend and not yes:
            confirm(
                estimate_run(folder, env, judges=not no_judges).expected_cost_usd,
                loaded.suite.budget.confirm_above_usd,
            )
    else:
        folder = start_run(loaded, runs, env, only, judges=not no_judges)
        try:
            estimate = estimate_run(folder, env, judges=not no_judges)
            if not quiet:
                for notice in notices(build_scorers(loaded.suite)):
                    click.echo(f"Note: {notice}", err=True)
                is_local = all(m.provider == LOCAL for m in loaded.suite.models)
                say_price(estimate, is_local=is_local and not any_price(estimate))
            if not yes:
                confirm(estimate.expected_cost_usd, loaded.suite.budget.confirm_above_usd)
        except BaseException:
            discard_run(folder)
            raise
    style = "none" if quiet else progress
    with told_where(folder):
        with watching(style, log_file, with_prompts=log_prompts, verbose=verbose) as listen:
            outcome = execute_run(folder, env, listen, judges=not no_judges)
        return finish(outcome, out, as_json=as_json, quiet=quiet)


def offer_to_resume(
    loaded: LoadedSuite, runs: Path, env: Mapping[str, str], only: tuple[str, ...]
) -> bool:
    """Whether to go on with an unfinished run that asked just this; asked for in a terminal."""
    from evalkit.pipeline.continuing import compare_with_run, newest_run

    folder = newest_run(runs, loaded.suite.name)
    if folder is None or folder.manifest().status == "complete":
        return False
    if not compare_with_run(folder, loaded, env, only).is_same:
        return False
    if sys.stdin.isatty():
        return click.confirm(f"{folder.path} is not finished. Go on with it?", True, err=True)
    click.echo(f"{folder.path} is not finished; --resume would go on with it.", err=True)
    return False


def continued(
    loaded: LoadedSuite,
    runs: Path,
    env: Mapping[str, str],
    only: tuple[str, ...],
    *,
    extend: bool,
) -> RunFolder:
    """The suite's last run, ready to go on; raises UsageError if there is none or it differs."""
    from evalkit.pipeline.continuing import adopt_suite, newest_run

    folder = newest_run(runs, loaded.suite.name)
    if folder is None:
        raise UsageError(
            f"there is no run of {loaded.suite.name} in {runs} to go on with", "Begin with --new."
        )
    adopt_suite(folder, loaded, env, only, extend=extend)
    return folder


def with_cache(loaded: LoadedSuite, mode: str) -> LoadedSuite:
    """The suite with another use of the cache."""
    cache = loaded.suite.cache.model_copy(update={"mode": mode})
    return replace(loaded, suite=loaded.suite.model_copy(update={"cache": cache}))


def any_price(estimate: PlanEstimate) -> bool:
    """Whether anything is known to cost money."""
    return bool(estimate.max_cost_usd)


def say_price(estimate: PlanEstimate, *, is_local: bool) -> None:
    """What the run will cost, on stderr, before anything is sent."""
    requests = f"{estimate.requests:,} requests"
    expected, most = estimate.expected_cost_usd, estimate.max_cost_usd
    if is_local:
        click.echo(f"{requests} to the local model, at no charge.", err=True)
    elif expected is None or most is None:
        click.echo(f"{requests}; no price is known for them, so their cost is unknown.", err=True)
    else:
        from evalkit.report.format import money

        click.echo(
            f"{requests}, about {money(expected)}, at most {money(most)} "
            "if every answer used all its tokens.",
            err=True,
        )
        if estimate.unpriced:
            click.echo(f"  not counted, no price: {', '.join(estimate.unpriced[:4])}", err=True)


def confirm(expected: float | None, above_usd: float) -> None:
    """Ask before spending more than ``above_usd``; raises click.Abort or UsageError for no."""
    if expected is None or expected <= above_usd:
        return
    from evalkit.report.format import money

    try:
        click.confirm("Go on?", abort=True, err=True)
    except click.Abort:
        click.echo(err=True)
        raise UsageError(
            f"nothing was sent: about {money(expected)} was not agreed to",
            "Say yes with --yes, or make it smaller with --limit.",
        ) from None
