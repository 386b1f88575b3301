"""``evalkit resume``: go on where a run stopped."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    cache_option,
    concurrency_option,
    cost_option,
    env_file_option,
    environment,
    json_option,
    judges_option,
    log_option,
    log_prompts_option,
    option,
    options,
    out_option,
    progress_option,
    quiet_option,
    runs_option,
    verbose_option,
)
from evalkit.errors import UsageError


@click.command(name="resume", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--retry-failed", is_flag=True, help="Ask failed trials again, too."),
    option("--ask-missing", is_flag=True, help="Also of an imported run: ask what its file lacks."),
    option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        help="Take the suite as this file has it now; refused if it asks something else.",
    ),
    option("--extend", is_flag=True, help="With -c: also what it adds (variants, cases, samples)."),
    concurrency_option,
    cost_option,
    cache_option,
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
    run: str,
    retry_failed: bool,
    ask_missing: bool,
    config: Path | None,
    extend: bool,
    concurrency: int | None,
    max_cost_usd: float | None,
    cache: str | None,
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
    """Go on with an unfinished RUN (default: the latest).

    Only trials without a stored outcome are asked; of an imported run none, unless you say so.

    \b
    Example: evalkit resume latest --retry-failed
    """
    from evalkit.cli.logfile import check_log
    from evalkit.cli.outcome import finish, told_where
    from evalkit.cli.progress import watching
    from evalkit.pipeline.continuing import adopt_suite, refuse_import
    from evalkit.pipeline.run import execute_run
    from evalkit.store.runs import find_run

    check_log(log_file)
    folder, env = find_run(run, runs), environment(env_file)
    if extend and config is None:
        raise UsageError("--extend wants to know by what", "Name the suite file with -c.")
    if not ask_missing:
        refuse_import(folder)
    if config is not None:
        from evalkit.suite.load import load_suite

        adopt_suite(folder, load_suite(config, (), env), env, folder.manifest().only, extend=extend)
    changes = {"concurrency": concurrency, "max_cost_usd": max_cost_usd, "cache": cache}
    style = "none" if quiet else progress
    with told_where(folder):
        with watching(style, log_file, with_prompts=log_prompts, verbose=verbose) as listen:
            outcome = execute_run(
                folder,
                env,
                listen,
                retry_failed=retry_failed,
                changes=changes,
                judges=not no_judges,
            )
        return finish(outcome, out, as_json=as_json, quiet=quiet)
