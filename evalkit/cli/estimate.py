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
    from evalkit.pipeline.start import open_suite

    env = environment(env_file)
    loaded = open_suite(suite_path(suite, config), all_overrides(overrides, limit, samples), env)
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
    from evalkit.cli.tables import (
        MOST_ROWS,
        Key,
        new_table,
        print_left_out,
        print_note,
        print_table,
    )
    from evalkit.report.format import tokens

    table = new_table("variant", "asked", "tokens in", "tokens out", "cost")
    for item in estimate.everything[:MOST_ROWS]:
        if estimate.judges and item is estimate.judges[0]:
            table.add_section()
        table.add_row(
            Key(item.variant),
            f"{item.requests:,}",
            tokens(item.input_tokens),
            _range(tokens(item.expected_output_tokens), tokens(item.max_output_tokens)),
            "no charge" if item.is_free else _cost(item.expected_cost_usd, item.max_cost_usd),
        )
    table.add_section()
    table.add_row(
        "all",
        f"{estimate.requests:,}",
        tokens(sum(item.input_tokens for item in estimate.everything)),
        _range(
            tokens(sum(item.expected_output_tokens for item in estimate.everything)),
            tokens(sum(item.max_output_tokens for item in estimate.everything)),
        ),
        "no charge"
        if all(item.is_free for item in estimate.everything)
        else _cost(estimate.expected_cost_usd, estimate.max_cost_usd),
    )
    print_table(table)
    print_left_out(len(estimate.everything), "variants")
    for note in _notes(estimate):
        print_note(note)


def _notes(estimate: PlanEstimate) -> Iterator[str]:
    """What the figures rest on, and what they leave out."""
    from evalkit.messages.pricing import PRICES_AS_OF
    from evalkit.report.format import listed, seconds, tokens

    yield "Ranges: expected – if every answer used all of its max_tokens."
    expected = sum(item.expected_thinking_tokens for item in estimate.everything)
    most = sum(item.max_thinking_tokens for item in estimate.everything)
    if most:
        yield f"Thinking: {_range(tokens(expected), tokens(most))} of the tokens out."
    if estimate.n_counted:
        yield f"Input: counted by the endpoint ({estimate.n_counted} prompts of each model)."
    else:
        yield "Input: estimated from the length of the prompts, within about 30 %."
    cached = sum(item.cached_tokens for item in estimate.everything)
    if cached:
        yield f"Cache: {tokens(cached)} tokens of the input are expected to be read from it."
    if not all(item.is_free for item in estimate.everything):
        yield f"Prices: of {PRICES_AS_OF}, or the suite's own."
    if estimate.judges:
        yield "Judges: equal answers to a case are judged once; a verdict that cannot be read is"
        yield "asked for once more, which is not in this."
    if estimate.unpriced:
        models = sorted({key.split("/")[1] for key in estimate.unpriced})
        yield (
            f"Not in the cost, as the price is unknown: {listed(models)}. Give it in the suite: "
            "price: {input: …, output: …}."
        )
    if estimate.expected_minutes is not None:
        time = seconds(60 * estimate.expected_minutes)
        whose = "the endpoint tells of" if estimate.limits_told else "the suite names"
        yield f"Time: about {time} at the rate limits {whose}; slow answers take longer."
    else:
        advice = "limits: requests_per_minute: …"
        yield f"Time: unknown, as neither suite nor endpoint tells rate limits ({advice})."


def _cost(expected: float | None, most: float | None) -> str:
    from evalkit.report.format import money

    if expected is None or most is None:
        return "unknown"
    return _range(money(expected), money(most))


def _range(expected: str, most: str) -> str:
    """``$1.20 – $3.40``: expected, and if every answer used all of its max_tokens."""
    return expected if expected == most else f"{expected} – {most}"
