"""``evalkit regress``: fresh answers, held to the gate, in one command fit for cron."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import (
    all_overrides,
    baselines_option,
    concurrency_option,
    config_option,
    cost_option,
    env_file_option,
    environment,
    json_option,
    limit_option,
    only_option,
    option,
    options,
    out_option,
    progress_option,
    quiet_option,
    runs_option,
    set_option,
    suite_argument,
    suite_path,
    verbose_option,
)
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.pipeline.regression.notify import Webhook
    from evalkit.pipeline.regression.slots import Schedule
    from evalkit.store.baselines import Baseline
    from evalkit.suite.schema import Suite

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@click.command(name="regress", context_settings={"help_option_names": ["-h", "--help"]})
@suite_argument
@options(
    config_option,
    option("--baseline", metavar="NAME", help="The baseline (default: the suite's gate.baseline)."),
    option(
        "--allow",
        multiple=True,
        type=click.Choice(["prompt", "model", "settings"]),
        help="A change since the bank that is just what is tested; else it voids the baseline.",
    ),
    option("--slot", metavar="TEXT", help="The occasion; asked twice, it gives one result."),
    option("--every", metavar="TIME", help="The occasion by interval: 6h, 1d, 1w (UTC)."),
    option("--cron", metavar="EXPR", help="The occasion by cron expression (UTC)."),
    option("--local", is_flag=True, help="--cron is in this machine's time, as in a crontab."),
    option("--timeout", metavar="TIME", help="Stop after 90s, 30m, 2h; what is kept can go on."),
    option("--full", is_flag=True, help="Ask all cases, although the gate is decided before."),
    option("--keep", type=click.IntRange(1), help="Keep so many runs of this job; delete older."),
    option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the JUnit file here, too.",
    ),
    option(
        "--summary",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write the Markdown here, too.",
    ),
    limit_option,
    only_option,
    set_option,
    concurrency_option,
    cost_option,
    baselines_option,
    runs_option,
    out_option,
    env_file_option,
    progress_option,
    json_option,
    quiet_option,
    verbose_option,
)
def command(
    suite: Path | None,
    config: Path | None,
    baseline: str | None,
    allow: tuple[str, ...],
    slot: str | None,
    every: str | None,
    cron: str | None,
    local: bool,
    timeout: str | None,
    full: bool,
    keep: int | None,
    junit: Path | None,
    summary: Path | None,
    limit: int | None,
    only: tuple[str, ...],
    overrides: tuple[str, ...],
    concurrency: int | None,
    max_cost_usd: float | None,
    baselines: Path,
    runs: Path,
    out: Path,
    env_file: Path | None,
    progress: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Ask SUITE afresh, stop as soon as its gate is decided, and say how it stands.

    Answers of the cache are never used. Nothing is asked before spending: cap the cost with
    --max-cost-usd. Says nothing when all is well, unless in a terminal, in CI or with -v. After a
    crash the same command goes on.

    Exit 0: passed; 1: a regression; 2: wrong use, or a void baseline; 3: too much failed to
    measure; 4: the cost cap; 5: inconclusive; 130: interrupted.

    \b
    Example: evalkit regress suite.yaml --baseline nightly --every 1d --keep 30
    """
    from evalkit.cli import regress_outcome as outcome
    from evalkit.cli.gate_outcome import tell
    from evalkit.cli.progress import watching
    from evalkit.pipeline.regression.regress import Job, run_job
    from evalkit.pipeline.start import open_suite

    env = environment(env_file)
    loaded = open_suite(
        suite_path(suite, config),
        all_overrides(overrides, limit, None, concurrency, max_cost_usd),
        env,
    )
    gate = loaded.suite.gate
    job = Job(
        loaded=loaded,
        baseline=_baseline(loaded.suite, baseline, baselines),
        runs=runs,
        baselines=baselines,
        env=env,
        only=only,
        allowed=allow,
        slot=slot,
        schedule=schedule_of(every, cron, is_local=local),
        timeout_s=seconds(timeout) if timeout else gate.timeout_s,
        stops_early=not full,
    )
    webhooks = list(_webhooks(loaded.suite, Path(loaded.source.path).parent, env))
    is_quiet = quiet or not (verbose or _is_watched())
    with watching("none" if is_quiet and progress is None else progress) as listen:
        done = run_job(job, listen, lambda: datetime.now(UTC))
    place = out / done.folder.path.parent.name / done.folder.path.name
    outcome.write_pages(done, place, {"gate.junit.xml": junit, "gate.md": summary})
    if done.missed:
        click.echo(f"warning: {done.missed:,} scheduled runs before this one are missing", err=True)
    if done.report is None:
        outcome.tell_again(done, as_json=as_json, is_quiet=is_quiet)
    else:
        tell(done.report, place, as_json=as_json, quiet=is_quiet)
    outcome.notify(done, webhooks)
    if not done.is_final:
        click.echo("Not finished: the same command goes on with it.", err=True)
    if kept := keep or gate.keep:
        outcome.keep_few(job, kept)
    return done.exit_code


def _is_watched() -> bool:
    return sys.stdout.isatty() or bool(os.environ.get("CI"))


def _baseline(suite: Suite, name: str | None, baselines: Path) -> Baseline | None:
    """The bank to compare with. Raises UsageError where rules need one and none is named."""
    from evalkit.pipeline.regression.gating import gate_policy, needs_baseline
    from evalkit.store.baselines import read_baseline

    policy = gate_policy(suite)
    wanted = name or policy.baseline
    if wanted:
        return read_baseline(baselines, wanted)
    if needs_baseline(policy):
        raise UsageError(
            "no baseline was named to compare with",
            "Collect one with evalkit baseline collect NAME SUITE, and name it with --baseline "
            "NAME or in the suite: gate: {baseline: NAME}.",
        )
    return None


def schedule_of(every: str | None, cron: str | None, *, is_local: bool = False) -> Schedule | None:
    """The schedule two options describe; raises UsageError for both or for nonsense."""
    from evalkit.pipeline.regression.slots import parse_cron, parse_every

    if every and cron:
        raise UsageError("--every and --cron were both given", "A job has one schedule.")
    if every and not is_local:
        return parse_every(every)
    if cron:
        return parse_cron(cron, is_local=is_local)
    if is_local:
        raise UsageError("--local goes with --cron", "Intervals are counted in UTC.")
    return None


def seconds(text: str) -> float:
    """``90s``, ``30m``, ``2h`` or plain seconds; raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if match is None or float(match[1]) == 0 or match[2] not in _UNITS:
        raise UsageError(f"'{text}' is no time", "For example 90s, 30m or 2h.")
    return float(match[1]) * _UNITS[match[2]]


def _webhooks(suite: Suite, folder: Path, env: Mapping[str, str]) -> Iterator[Webhook]:
    """Where to tell the verdict; an address that is not set is said before anything is sent."""
    from evalkit.pipeline.regression.notify import NoAddress, Webhook, check_address

    for spec in suite.gate.notify:
        url = env.get(spec.url_env, "").strip()
        if not url:
            raise UsageError(
                f"gate.notify: the variable {spec.url_env} is not set",
                "Export it, put it into the .env file, or take the notify section out.",
            )
        try:
            check_address(url)
        except NoAddress as error:
            raise UsageError(f"gate.notify: {spec.url_env}: {error}") from None
        template = None if spec.template is None else folder / spec.template
        if template is not None and not template.is_file():
            raise UsageError(f"gate.notify: no template {template}")
        yield Webhook(url, spec.format, spec.when, template)
