"""``evalkit plan``: the variants of a suite and one prompt of each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from evalkit.pipeline.judges.estimate import FirstQuestion
    from evalkit.pipeline.preview import Preview
    from evalkit.plan.prompts import Rendered


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
    """Show the variants of a SUITE, how many trials each has, and one prompt; nothing is sent.

    With --json, the whole request that each variant would send for the first case.

    \b
    Example: evalkit plan configs/quickstart.yaml
    """
    from evalkit.pipeline.judges.estimate import first_questions
    from evalkit.pipeline.preview import preview_suite
    from evalkit.pipeline.start import open_suite

    env = environment(env_file)
    loaded = open_suite(suite_path(suite, config), all_overrides(overrides, limit, samples), env)
    preview = preview_suite(loaded, env, only)
    questions = first_questions(loaded.suite, preview.variants[0], preview.first, env)
    if as_json:
        judges = [asdict(question) for question in questions]
        click.echo(json.dumps({**_document(preview), "judges": judges}))
    else:
        _show(preview)
        for question in questions:
            _show_question(question, preview.first.id)
    return 0


def _document(preview: Preview) -> dict[str, Any]:
    from evalkit.messages.request import encode_request
    from evalkit.plan.trials import build_request

    return {
        "cases": preview.n_cases,
        "samples": preview.samples,
        "trials": preview.n_trials,
        "variants": [
            {
                "variant": planned.variant.key,
                "trials": preview.n_cases * preview.samples,
                "request": encode_request(
                    build_request(planned, planned.prompt.render(preview.first)),
                    planned.endpoint,
                ),
            }
            for planned in preview.variants
        ],
    }


def _show(preview: Preview) -> None:
    """The table of variants, then each prompt once, under the variants that send it."""
    from evalkit.cli.tables import MOST_ROWS, Key, new_table, print_left_out, print_table
    from evalkit.report.format import count, one_line

    parts = (
        count(len(preview.variants), "variant"),
        count(preview.n_cases, "case"),
        count(preview.samples, "sample"),
    )
    click.echo(f"{count(preview.n_trials, 'trial')}: {' x '.join(parts)}")
    table = new_table("variant", "trials", "answer", "thinking", "max_tokens")
    for planned in preview.variants[:MOST_ROWS]:
        table.add_row(
            Key(planned.variant.key),
            f"{preview.n_cases * preview.samples:,}",
            f"{planned.answer_tokens:,}",
            f"{planned.thinking_tokens:,}",
            f"{planned.max_tokens:,}",
        )
    print_table(table)
    print_left_out(len(preview.variants), "variants")
    rendered: dict[str, Rendered] = {}
    for planned in preview.variants:
        name = planned.variant.prompt
        if name not in rendered:
            rendered[name] = planned.prompt.render(preview.first)
            users = sum(other.variant.prompt == name for other in preview.variants)
            case = one_line(preview.first.id)
            _show_prompt(name, rendered[name], f"in {count(users, 'variant')}, for case {case}")


def _show_prompt(name: str, rendered: Rendered, about: str) -> None:
    from evalkit.report.format import neutral

    click.secho(f"\n{name}", bold=True, nl=False)
    click.echo(f"  {about}")
    for role, text in rendered.turns():
        click.secho(f"  {role}", fg="cyan")
        for line in neutral(text).splitlines():
            click.echo(f"    {line}")
    if rendered.options:
        click.secho(f"  also sent: {', '.join(rendered.options)}", fg="cyan")


def _show_question(question: FirstQuestion, case_id: str) -> None:
    """What a judge would be asked, as a prompt is shown."""
    from evalkit.report.format import neutral, one_line

    click.secho(f"\n{question.judge}", bold=True, nl=False)
    click.echo(f"  judged by {question.model}, for case {one_line(case_id)}")
    texts = [("system", question.body["system"])] if "system" in question.body else []
    texts += [(turn["role"], turn["content"]) for turn in question.body["messages"]]
    for role, text in texts:
        click.secho(f"  {role}", fg="cyan")
        for line in neutral(str(text)).splitlines():
            click.echo(f"    {line}")
