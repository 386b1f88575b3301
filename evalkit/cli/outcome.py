"""What a run tells at its end: comparison, pages, and the next command to type."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.failures import what_failed
from evalkit.cli.pages import write_files
from evalkit.cli.tables import Key, new_table, print_note, print_table
from evalkit.pipeline.compare import compare_run
from evalkit.pipeline.overview import MOST_COMPARED, VariantOverview, overview
from evalkit.pipeline.score import score_run
from evalkit.report import format as written
from evalkit.report import terminal
from evalkit.report.report import Report
from evalkit.stats.estimates import Estimate
from evalkit.store.held import read_held
from evalkit.store.runs import RunFolder

if TYPE_CHECKING:
    from evalkit.pipeline.run import RunOutcome


@contextmanager
def told_where(folder: RunFolder) -> Iterator[None]:
    """Say how to go on with a run whose command is interrupted while nothing is being asked."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nRun:    {folder.path}\nNext:   evalkit resume {folder.path}")
        raise


def finish(outcome: RunOutcome, out: Path, *, as_json: bool, quiet: bool) -> int:
    """Score, compare, write the pages, print; returns the exit code.

    A run too large for that is scored, and shown by its means.
    """
    folder = outcome.folder
    answered = outcome.manifest.totals["ok"] > 0
    page = None
    if answered and outcome.manifest.planned > MOST_COMPARED:
        score_run(folder, None if quiet else say)
        means = overview(folder)
        if as_json:
            click.echo(json.dumps(run_document(outcome, overview_documents(means))))
        elif not quiet:
            _show_overview(means)
    elif answered:
        score_run(folder, None if quiet else say)
        report = compare_run(folder)
        page = write_files(report, out / folder.path.parent.name / folder.path.name)[0]
        if not as_json and not quiet:
            terminal.write(report, sys.stdout)
            sys.stdout.flush()  # before what follows on stderr, also in a file of both
        if as_json:
            click.echo(json.dumps(run_document(outcome, variant_documents(report))))
    elif as_json:
        click.echo(json.dumps(run_document(outcome, [])))
    if not quiet or outcome.exit_code:
        _tell_end(outcome, page)
    return outcome.exit_code


def run_document(outcome: RunOutcome, variants: list[dict[str, Any]]) -> dict[str, Any]:
    """The one object that ``run --json`` prints."""
    manifest = outcome.manifest
    totals = manifest.totals
    return {
        "run": str(outcome.folder.path),
        "status": manifest.status,
        "stopped_because": manifest.stopped_because,
        "trials": {name: totals[name] for name in ("planned", "ok", "failed", "cached")},
        "cost_usd": totals["cost_usd"],
        "judges": {name: dict(judge) for name, judge in manifest.judges.items()},
        "judges_cost_usd": _judges_cost(manifest.judges),
        "variants": variants,
    }


def variant_documents(report: Report) -> list[dict[str, Any]]:
    """Each variant's scores with intervals, as plain data."""
    return [
        _variant(summary.variant, summary.n_asked, {n: s.mean for n, s in summary.scores.items()})
        for summary in report.analysis.variants
    ]


def overview_documents(means: Sequence[VariantOverview]) -> list[dict[str, Any]]:
    """The same of a run that was not compared."""
    return [_variant(one.variant, one.n_asked, one.scores) for one in means]


def _variant(key: str, n_asked: int, means: Mapping[str, Estimate]) -> dict[str, Any]:
    scores = {
        name: {"mean": mean.value, "low": mean.low, "high": mean.high}
        for name, mean in means.items()
    }
    return {"variant": key, "n": n_asked, "scores": scores}


def _show_overview(means: Sequence[VariantOverview]) -> None:
    """Means on stdout, where comparing is left to a command of its own."""
    for scorer in means[0].scores:
        table = new_table("Variant", scorer, "Interval", "Cases")
        for one in means:
            mean = one.scores[scorer]
            shown = written.score(mean), written.interval(mean), f"{mean.n:,}"
            table.add_row(Key(one.variant), *shown)
        print_table(table)
    print_note(
        f"A run of more than {MOST_COMPARED:,} trials is not compared at its end: that takes "
        "several times the memory of asking. `evalkit compare` does it."
    )
    sys.stdout.flush()


def _tell_end(outcome: RunOutcome, page: Path | None) -> None:
    manifest, folder = outcome.manifest, outcome.folder
    totals = manifest.totals
    missing = manifest.planned - totals["ok"] - totals["failed"]
    if manifest.stopped_because:
        click.secho(f"Stopped: {manifest.stopped_because}", fg="yellow", err=True)
        if outcome.stopped and outcome.stopped.hint:
            say(f"  {outcome.stopped.hint}")
    counts = f"{totals['ok']:,} of {manifest.planned:,} answered"
    failures = what_failed(folder) if totals["failed"] else None
    failed = f", {totals['failed']:,} failed ({failures.kinds})" if failures else ""
    cost = f", ${totals['cost_usd']:.4f}" if totals["cost_usd"] is not None else ""
    doubtful_usd = read_held(folder.path)
    doubt = f", up to ${doubtful_usd:.4f} in doubt" if doubtful_usd else ""
    say(f"{counts}{failed}{cost}{doubt}")
    for line in failures.lines if failures else ():
        say(f"  {line}")
    tell_judges(folder)
    say(f"Run:    {folder.path}")
    if page:
        say(f"Report: {page}")
    unjudged = any(one["open"] for one in manifest.judges.values())
    n_failed = totals["failed"] + sum(one["failed"] for one in manifest.judges.values())
    if missing or unjudged or n_failed:
        # What failed is asked again only where that is asked for.
        again = " --retry-failed" if n_failed else ""
        say(f"Next:   evalkit resume {folder.path}{again}")
    elif page or manifest.planned > MOST_COMPARED:
        say(f"Next:   evalkit compare {folder.path}")


def tell_judges(folder: RunFolder) -> None:
    """What judges were asked and what that cost, a line each, apart from the run's own cost."""
    for name, judge in folder.manifest().judges.items():
        unread, again = judge.get("unread", 0), judge.get("to_repair", 0)
        told = [f"{judge['ok'] - unread - again:,} of {judge['questions']:,} verdicts"]
        if judge["failed"]:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in judge["failures"].items())
            told.append(f"{judge['failed']:,} failed ({kinds})")
        told += [f"{unread:,} could not be read"] if unread else []
        told += [f"{again:,} to be asked once more"] if again else []
        told += [f"${judge['cost_usd']:.4f}"] if judge["cost_usd"] is not None else []
        say(f"Judge {name}: {', '.join(told)}")


def _judges_cost(judges: Mapping[str, Mapping[str, Any]]) -> float | None:
    costs = [judge["cost_usd"] for judge in judges.values() if judge["cost_usd"] is not None]
    return sum(costs) if costs else None


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(text, err=True)
