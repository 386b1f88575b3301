"""``evalkit estimate``: requests, tokens and dollars, before they are spent."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    option,
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
    option("--offline", is_flag=True, help="Ask no endpoint: tokens follow from text lengths."),
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
    offline: bool,
    env_file: Path | None,
    as_json: bool,
) -> int:
    """Say what a SUITE will cost, per variant, as a range; nothing is spent.

    Endpoints that have count_tokens count some of the prompts, which is free. The expected cost
    takes half of each thinking budget (less or more by effort), "at most" all of max_tokens.

    \b
    Example: evalkit estimate configs/quickstart.yaml
    """
    from evalkit.pipeline.estimate import estimate_suite
    from evalkit.suite.load import load_suite

    env = environment(env_file)
    loaded = load_suite(suite_path(suite, config), all_overrides(overrides, limit, samples), env)
    show_estimate(estimate_suite(loaded, env, only, ask=not offline), as_json=as_json)
    return 0


def show_estimate(estimate: PlanEstimate, *, as_json: bool) -> None:
    """Print an estimate on stdout."""
    if as_json:
        document = {
            "requests": estimate.requests,
            "expected_cost_usd": estimate.expected_cost_usd,
            "max_cost_usd": estimate.max_cost_usd,
            "expected_minutes": estimate.expected_minutes,
            "unpriced": list(estimate.unpriced),
            "variants": [asdict(item) for item in estimate.variants],
            "judges": [asdict(item) for item in estimate.judges],
        }
        click.echo(json.dumps(document))
        return
    from evalkit.cli.tables import new_table, print_table
    from evalkit.report.format import tokens

    table = new_table("variant", "requests", "tokens in", "tokens out", "cost")
    for item in estimate.everything:
        if estimate.judges and item is estimate.judges[0]:
            table.add_section()
        table.add_row(
            item.variant,
            f"{item.requests:,}",
            tokens(item.input_tokens),
            f"{tokens(item.expected_output_tokens)} – {tokens(item.max_output_tokens)}",
            _range(item.expected_cost_usd, item.max_cost_usd),
        )
    table.add_section()
    whole = _range(estimate.expected_cost_usd, estimate.max_cost_usd)
    table.add_row("all", f"{estimate.requests:,}", "", "", whole)
    print_table(table)
    for line in _notes(estimate):
        click.echo(line)


def _notes(estimate: PlanEstimate) -> Iterator[str]:
    """What the figures rest on, and what they leave out."""
    from evalkit.messages.pricing import PRICES_AS_OF

    if estimate.n_counted:
        yield f"Input: counted by the endpoint ({estimate.n_counted} prompts of each model)."
    else:
        yield "Input: estimated from the length of the prompts, within about 30 %."
    yield f"Prices: of {PRICES_AS_OF}, or the suite's own; without caching or batches."
    if estimate.judges:
        yield "Judges: at most these questions; equal answers to a case are judged once."
    if estimate.expected_minutes is not None:
        yield f"Time: about {estimate.expected_minutes:,.1f} min at the suite's rate limits."
    else:
        yield "Time: unknown, as the suite names no rate limits (limits: requests_per_minute: …)."
    if estimate.unpriced:
        yield (
            f"No price is known for {', '.join(estimate.unpriced[:4])}; they cost extra "
            "(give it in the suite: price: {input: …, output: …})."
        )


def _range(expected: float | None, most: float | None) -> str:
    """``$1.20 – $3.40``: expected, and if every answer used all of its max_tokens."""
    if expected is None or most is None:
        return "unknown"
    return f"${expected:,.2f} – ${most:,.2f}"
