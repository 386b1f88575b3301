"""Options that several commands share; each has an ``EVALKIT_`` variable."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from evalkit.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """A click option whose variable is ``EVALKIT_`` and its long name."""
    long = next(name for name in names if name.startswith("--"))
    variable = "EVALKIT_" + long.split("/")[0].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, **settings)


suite_argument = click.argument("suite", required=False, type=click.Path(path_type=Path))
config_option = option("-c", "--config", type=click.Path(path_type=Path), help="The suite file.")
runs_option = option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of all runs.",
)
baselines_option = option(
    "--baselines",
    type=click.Path(path_type=Path),
    default=Path("baselines"),
    show_default=True,
    help="Folder of all baselines.",
)
set_option = option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Change a value of the suite."
)
limit_option = option("-n", "--limit", type=click.IntRange(1), help="Only the first N cases.")
only_option = option(
    "--only", multiple=True, metavar="GLOB", help="Only variants whose key matches."
)
samples_option = option(
    "--samples", "--repeat", type=click.IntRange(1), help="Draws of each case and variant."
)
concurrency_option = option(
    "-j", "--concurrency", type=click.IntRange(1), help="Requests in flight at once."
)
cost_option = option(
    "--max-cost-usd", type=click.FloatRange(0, min_open=True), help="Hard cap on the run's cost."
)
cache_option = option(
    "--cache",
    type=click.Choice(["off", "reuse", "refresh"]),
    help="Answers of earlier runs: ignore, use, replace (default: the suite's word, else off).",
)
env_file_option = option(
    "--env-file",
    type=click.Path(path_type=Path),
    help="File of variables such as keys (default: .env here, if there is one).",
)
_FORMAT = "evalkit.format"


def _or_asked_by_format(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    return value or ctx.meta.pop(_FORMAT, None) == "json"


def _remember_format(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    ctx.meta[_FORMAT] = value


json_flag = option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_or_asked_by_format,
    help="Results as one JSON document.",
)


def json_option(function: F) -> F:
    """``--json``, and ``--format json`` for the same."""
    by_format = click.option(
        "--format",
        type=click.Choice(["terminal", "json"]),
        is_eager=True,
        expose_value=False,
        callback=_remember_format,
        help="json: as --json.",
    )
    return json_flag(by_format(function))


progress_option = option(
    "--progress",
    type=click.Choice(["rich", "plain", "json", "none"]),
    help="Default: rich in a terminal, none elsewhere.",
)
judges_option = option(
    "--no-judges", is_flag=True, help="Ask no judge; evalkit score RUN asks them later."
)
quiet_option = option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
log_option = option(
    "--log-file", type=click.Path(dir_okay=False), help="Append every outcome as a JSON line."
)
log_prompts_option = option("--log-prompts", is_flag=True, help="Log the prompts, too.")
verbose_option = option("-v", "--verbose", is_flag=True, help="Say how the engine itself fared.")
out_option = option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder of report pages, one folder a suite and run.",
)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options at once, listed by --help in the order given."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def suite_path(suite: Path | None, config: Path | None) -> Path:
    """The suite file, given as an argument or with -c; raises UsageError for none or two."""
    if suite and config and suite != config:
        raise UsageError("two suites were given", "Name it once, as an argument or with -c.")
    path = suite or config
    if path is None:
        raise UsageError("no suite was given", "For example: evalkit run configs/quickstart.yaml")
    return path


def all_overrides(
    overrides: tuple[str, ...],
    limit: int | None = None,
    samples: int | None = None,
    concurrency: int | None = None,
    max_cost_usd: float | None = None,
) -> list[str]:
    """``--set`` and the short ways to the most common values, as overrides of the suite."""
    short = {
        "dataset.limit": limit,
        "samples": samples,
        "limits.concurrency": concurrency,
        "budget.max_cost_usd": max_cost_usd,
    }
    return [*overrides, *(f"{path}={value}" for path, value in short.items() if value is not None)]


def environment(env_file: Path | None) -> Mapping[str, str]:
    """The process's variables, and below them those of a ``.env`` file.

    Raises UsageError if a file that was named is not there.
    """
    path = env_file or Path(".env")
    if not path.is_file():
        if env_file:
            raise UsageError(f"{env_file}: no such file", "Check --env-file.")
        return dict(os.environ)
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value} | dict(os.environ)
