"""What a regression job leaves behind: pages, messages, and no more runs than wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.gate_outcome import taken_literally
from evalkit.cli.pages import write_files
from evalkit.errors import StoreError
from evalkit.pipeline.compare import compare_run
from evalkit.pipeline.regression.jobs import banked_runs, is_notified, note_notified, thin_out
from evalkit.pipeline.regression.notify import Message, NotTold, Webhook, tell_webhook
from evalkit.store.files import write_text

if TYPE_CHECKING:
    from evalkit.pipeline.regression.regress import Done, Job


def write_pages(done: Done, place: Path, copies: Mapping[str, Path | None]) -> None:
    """The run's report and the gate's pages below the folder of reports, and copies for CI."""
    if done.report is not None and done.folder.manifest().totals.get("ok"):
        write_files(compare_run(done.folder), place)
    for page in sorted((done.folder.path / "gate").iterdir()):
        text = page.read_text(encoding="utf-8")
        write_text(place / page.name, text)
        copy = copies.get(page.name)
        if copy is not None:
            write_text(copy, text)


def keep_few(job: Job, keep: int) -> None:
    """Delete older runs; none while it is not known which of them a baseline names."""
    try:
        thin_out(job.runs, job.loaded.suite.name, keep, banked_runs(job.baselines))
    except StoreError as error:
        click.echo(f"warning: no older run was deleted: {error.message}", err=True)


def tell_again(done: Done, *, as_json: bool, is_quiet: bool) -> None:
    """The result that the slot has already."""
    page = done.folder.path / "gate" / ("gate.json" if as_json else "gate.txt")
    text = page.read_text(encoding="utf-8")
    if as_json:
        click.echo(text, nl=False)
    elif done.exit_code or not is_quiet:
        with taken_literally():
            click.echo(text, nl=False)
    if not is_quiet:
        click.echo(f"The slot {done.slot} has its result already; nothing was sent.", err=True)


def notify(done: Done, webhooks: list[Webhook]) -> None:
    """Tell the webhooks, also what an earlier call of the same slot could not tell."""
    if not webhooks or (done.is_repeat and is_notified(done.folder)):
        return
    message = Message.of(done.folder.path / "gate")
    is_told = True
    for number, webhook in enumerate(webhooks, start=1):
        if not message.is_wanted(webhook.when):
            continue
        try:
            tell_webhook(webhook, message)
        except NotTold as error:
            is_told = False
            click.echo(f"warning: webhook {number} was not told: {error}", err=True)
    if is_told:
        note_notified(done.folder)
