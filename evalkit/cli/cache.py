"""``evalkit cache``: what is kept across runs."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from evalkit.cli.options import json_option, option, options
from evalkit.errors import UsageError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}

dir_option = option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    help="Where the cache is (default: ~/.cache/evalkit).",
)


@click.group(name="cache", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look at, thin out or empty the cache of answers.

    Suites use it with `cache: reuse`, runs with `--cache reuse`.

    \b
    Example: evalkit cache prune --older-than 30
    """


@command.command(name="info")
@options(dir_option, json_option)
def info(cache_dir: Path | None, as_json: bool) -> int:
    """Say how much there is."""
    from evalkit.store.cache import Cache

    cache = Cache(_folder(cache_dir))
    try:
        found = cache.info()
    finally:
        cache.close()
    if as_json:
        click.echo(json.dumps({**asdict(found), "path": str(found.path)}))
        return 0
    click.echo(f"{found.path}: {found.entries:,} answers, {found.bytes / 1e6:,.1f} MB")
    if found.oldest_at is not None:
        oldest = datetime.fromtimestamp(found.oldest_at, UTC)
        click.echo(f"oldest of {oldest:%Y-%m-%d}; they cost ${found.saved_usd:,.4f}")
    for model, count in found.models.items():
        click.echo(f"  {model}  {count:,}")
    return 0


@command.command(name="clear")
@options(dir_option, option("-y", "--yes", is_flag=True, help="Do not ask."))
def clear(cache_dir: Path | None, yes: bool) -> int:
    """Drop every answer; runs keep their own."""
    from evalkit.store.cache import Cache

    cache = Cache(_folder(cache_dir))
    try:
        if not yes:
            _confirm(f"Drop {cache.info().entries:,} answers?")
        click.echo(f"{cache.clear():,} answers dropped", err=True)
    finally:
        cache.close()
    return 0


@command.command(name="prune")
@options(
    dir_option,
    option("--older-than", type=click.FloatRange(0), metavar="DAYS", help="Drop older answers."),
    option("--max-size", metavar="SIZE", help="Then the oldest above a size, such as 500M or 2G."),
)
def prune(cache_dir: Path | None, older_than: float | None, max_size: str | None) -> int:
    """Drop old answers."""
    from evalkit.store.cache import Cache

    if older_than is None and max_size is None:
        raise UsageError("nothing says what to drop", "For example: --older-than 30")
    most = _bytes(max_size) if max_size is not None else None
    cache = Cache(_folder(cache_dir))
    try:
        gone = cache.prune(older_than_days=older_than, max_bytes=most)
    finally:
        cache.close()
    click.echo(f"{gone:,} answers dropped", err=True)
    return 0


def _folder(cache_dir: Path | None) -> Path:
    from evalkit.store.cache import default_folder

    return cache_dir or default_folder(os.environ)


def _confirm(question: str) -> None:
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        raise UsageError("nothing was dropped", "Say yes with --yes.") from None


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.strip().upper())
    if match is None:
        raise UsageError(f"--max-size {text!r} is no size", "For example: 500M or 2G")
    return int(float(match[1]) * _UNITS[match[2]])
