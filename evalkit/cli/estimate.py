"""``evalkit estimate``: requests, tokens and dollars, before they are spent."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from evalkit.plan.estimate import PlanEstimate


@click.command(name="estimate", context_settings={"help_option_names": ["-h", "--help"]})
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
    """Say what a SUITE will cost, per variant; nothing is sent.

    \b
    Example: evalkit estimate configs/quickstart.yaml
    """
    from evalkit.pipeline.start import estimate_suite
    from evalkit.suite.load import load_suite

    env = environment(env_file)
    loaded = load_suite(suite_path(suite, config), all_overrides(overrides, limit, samples), env)
    show_estimate(estimate_suite(loaded, env, only), as_json=as_json)
    return 0


def show_estimate(estimate: PlanEstimate, *, as_json: bool) -> None:
    """Print an estimate on stdout."""
    if as_json:
        document = {
            "requests": estimate.requests,
            "expected_cost_usd": estimate.expected_cost_usd,
            "max_cost_usd": estimate.max_cost_usd,
            "unpriced": list(estimate.unpriced),
            "variants": [asdict(item) for item in estimate.variants],
        }
        click.echo(json.dumps(document))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("variant", overflow="fold", min_width=24)
    for title in ("requests", "tokens in", "tokens out", "cost", "at most"):
        table.add_column(title, justify="right")
    for item in estimate.variants:
        table.add_row(
            item.variant,
            f"{item.requests:,}",
            f"~{item.input_tokens:,}",
            f"~{item.expected_output_tokens:,}",
            _money(item.expected_cost_usd),
            _money(item.max_cost_usd),
        )
    table.add_section()
    table.add_row(
        "all",
        f"{estimate.requests:,}",
        "",
        "",
        _money(estimate.expected_cost_usd),
        _money(estimate.max_cost_usd),
    )
    Console().print(table)
    if estimate.unpriced:
        click.echo(f"No price is known for {len(estimate.unpriced)} variants; they cost extra.")


def _money(usd: float | None) -> str:
    return "unknown" if usd is None else f"${usd:.2f}"
