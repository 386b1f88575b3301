"""What a gate tells: text, pages, and what GitHub Actions shows."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.errors import EXIT_INCONCLUSIVE
from evalkit.report import gate as pages
from evalkit.report.format import one_line
from evalkit.report.gate_report import GateReport
from evalkit.store.files import write_text

if TYPE_CHECKING:
    from evalkit.pipeline.regression.outlook import Outlook

_COLOURS = {"pass": "green", "regression": "red", "inconclusive": "yellow", "unmeasured": "yellow"}


def write_gate_pages(report: GateReport, folder: Path) -> Path:
    """Write ``gate.txt``, ``gate.json``, ``gate.md`` and ``gate.junit.xml``; their folder."""
    for name, text in pages.documents(report).items():
        write_text(folder / name, text)
    return folder


def tell(report: GateReport, place: Path, *, as_json: bool, quiet: bool) -> int:
    """Print the report (all of it, or with ``quiet`` only what is not well); the exit code."""
    if as_json:
        click.echo(pages.to_json(report), nl=False)
    elif not quiet or report.exit_code:
        first, *rest = pages.lines(report)
        with taken_literally():
            click.secho(first, fg=_COLOURS[report.verdict], bold=True)
            for line in rest:
                click.echo(line)
        click.echo(f"Pages: {place}", err=True)
    _tell_github(report, as_json=as_json)
    return report.exit_code


@contextmanager
def taken_literally() -> Iterator[None]:
    """What is printed meanwhile gives GitHub Actions no commands, whatever cases are called."""
    if not _is_in_actions():
        yield
        return
    token = secrets.token_hex(16)
    click.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        click.echo(f"::{token}::")


def _is_in_actions() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _tell_github(report: GateReport, *, as_json: bool) -> None:
    """Annotations, the step's summary and its outputs, inside GitHub Actions only."""
    if not _is_in_actions():
        return
    for line in pages.workflow_commands(report):
        click.echo(line, err=as_json)
    for variable, text in (
        ("GITHUB_STEP_SUMMARY", pages.markdown(report)),
        ("GITHUB_OUTPUT", f"verdict={report.verdict}\nexit-code={report.exit_code}\n"),
    ):
        if path := os.environ.get(variable):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)


def show_plan(
    suite: Path, baseline: str | None, baselines: Path, env: Mapping[str, str], *, as_json: bool
) -> int:
    """What the gate of a suite can conclude, before any money is spent; 5 if it hardly can."""
    from evalkit.pipeline.regression.gating import gate_policy
    from evalkit.pipeline.regression.outlook import gate_outlook
    from evalkit.pipeline.start import open_suite
    from evalkit.store.baselines import UnknownBaseline, read_baseline

    loaded = open_suite(suite, (), env)
    name = baseline or gate_policy(loaded.suite).baseline
    try:
        bank = read_baseline(baselines, name) if name else None
    except UnknownBaseline:
        if baseline:
            raise
        bank = None
    found = gate_outlook(loaded, bank, env)
    can_all = all(one.can_conclude for one in found)
    if as_json:
        told = [{**asdict(one), "can_conclude": one.can_conclude} for one in found]
        click.echo(json.dumps({"can_conclude": can_all, "rules": told}, indent=1))
    else:
        for one in found:
            _show_outlook(one)
        if not found:
            click.echo("No rule compares scores with a baseline: nothing needs to be proven.")
    return 0 if can_all else EXIT_INCONCLUSIVE


def _show_outlook(one: Outlook) -> None:
    """One rule in a few lines."""
    source = "assumed: no bank tells it" if one.is_assumed else "from the bank"
    units = "" if one.units == one.cases else f" in {one.units:,} clusters"
    click.secho(f"{one_line(one.name)} ({one_line(one.variant)})", bold=True)
    click.echo(
        f"  {one.cases:,} cases{units}, variance of a difference {one.variance:.3f} ({source})"
    )
    for line in _nights(one) if one.nights else _single_run(one):
        click.echo(line)
    if one.can_conclude:
        click.secho("  It can conclude.", fg="green")
    elif one.nights:
        click.secho(
            "  It will often miss a loss of the margin for weeks: more rows a night, or a wider"
            " margin.",
            fg="yellow",
        )
    else:
        click.secho(
            f"  It will often stay inconclusive: {_needed(one)} would do, or a wider margin, or"
            " more samples of each case.",
            fg="yellow",
        )


def _needed(one: Outlook) -> str:
    """How many cases would do; of clusters also what holds them back."""
    if one.units == one.cases:
        return f"about {one.needed:,} cases"
    told = f"about {one.needed:,} clusters"
    if one.largest * one.units > 2 * one.cases:
        told += f" (the largest has {one.largest:,} cases, which keeps every bet small)"
    return told


def _single_run(one: Outlook) -> Iterator[str]:
    """What a run comes to that is to prove it by itself."""
    for scenario in one.scenarios:
        share = scenario.used / one.units
        asked = share * one.cases
        yield (
            f"  {_loss(scenario.drop):<22} pass {scenario.passes:>5.1%}, "
            f"fail {scenario.fails:>6.1%}, about {asked:,.0f} asked ({share:.0%})"
        )
    yield f"  all cases in one fixed test would pass {one.fixed_power:.0%} if nothing changed"


def _nights(one: Outlook) -> Iterator[str]:
    """What nights come to whose evidence adds up."""
    for scenario in one.nights:
        asked = f"about {scenario.cases:,.0f} asked a night ({scenario.cases / one.cases:.0%})"
        if not scenario.drop:
            told = f"{scenario.alarms_a_year:.2g} false alarms a year"
        elif scenario.found_in is None:
            told = "not found within 60 nights"
        else:
            missed = f" ({scenario.missed:.0%} not within 60)" if scenario.missed else ""
            told = f"found in {scenario.found_in:.1f} nights{missed}"
        yield f"  {_loss(scenario.drop):<22} {told}, {asked}"


def _loss(drop: float) -> str:
    return f"at a loss of {drop:g}" if drop else "if nothing changed"
