"""``evalkit plan``: the variants of a suite and one prompt of each."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalkit.cli.options import (
    all_overrides,
    config_option,
    env_file_option,
    environment,
    json_option,
    limit_option,
    only_option,
    options,
    samples_option,
    set_option,
    suite_argument,
    suite_path,
)


@click.command(name="plan", context_settings={"help_option_names": ["-h", "--help"]})
@suite_argument
@options(
    config_option,
    limit_option,
    only_option,
    samples_option,
    set_option,
    env_file_option,
    json_option,
)
def command(
    suite: Path | None,
    config: Path | None,
    limit: int | None,
    only: tuple[str, ...],
    samples: int | None,
    overrides: tuple[str, ...],
    env_file: Path | None,
    as_json: bool,
) -> int:
    """Show the variants of a SUITE, how many trials each has, and one request; nothing is sent.

    \b
    Example: evalkit plan configs/quickstart.yaml
    """
    from evalkit.pipeline.start import show_plan
    from evalkit.suite.load import load_suite

    env = environment(env_file)
    loaded = load_suite(suite_path(suite, config), all_overrides(overrides, limit, samples), env)
    plan = show_plan(loaded, env, only)
    if as_json:
        click.echo(json.dumps(plan))
        return 0
    click.echo(
        f"{plan['trials']:,} trials: {len(plan['variants'])} variants x {plan['cases']:,} "
        f"cases x {plan['samples']} samples"
    )
    for variant in plan["variants"]:
        click.secho(f"\n{variant['variant']}", bold=True)
        click.echo(json.dumps(variant["request"], indent=2, ensure_ascii=False))
    return 0
