"""A report in the formats asked for: on stdout, or as files below the folder of reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.options import option

if TYPE_CHECKING:
    from evalkit.report.report import Report

SUFFIXES = {"html": "html", "markdown": "md", "json": "json", "csv": "csv", "junit": "xml"}
"""What the file of a format ends with."""
STANDARD = ("html", "markdown", "json")
"""The files written where no format is asked for."""

formats_option = option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["terminal", *SUFFIXES]),
    help="Repeatable. Default: terminal, and html, markdown and json as files. One format alone"
    " goes to stdout (html: to a file) unless --out is given.",
)
out_option = option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of report files, one folder a suite and run.  [default: reports]",
)


def needs_cases(formats: Sequence[str], *, as_json: bool) -> bool:
    """Whether any of these formats shows the texts of cases."""
    return not as_json and (not formats or "html" in formats)


def deliver(
    report: Report, formats: Sequence[str], out: Path | None, place: Path, *, as_json: bool
) -> None:
    """Print and write a report; files go to ``place`` below the folder of reports.

    Raises StoreError where a file cannot be written.
    """
    asked = ("json",) if as_json else tuple(dict.fromkeys(formats))
    chosen = asked or ("terminal", *STANDARD)
    files = [name for name in chosen if name != "terminal"]
    to_stdout = files[0] if len(chosen) == 1 and files and out is None else None
    if "terminal" in chosen:
        from evalkit.report import terminal

        terminal.write(report, sys.stdout)
        sys.stdout.flush()  # before what follows on stderr, also in a file of both
    if to_stdout and to_stdout != "html":
        # Bytes, so that line ends stay as the format has them and any locale will do.
        sys.stdout.buffer.write(rendered(report, to_stdout).encode())
        sys.stdout.buffer.flush()
    elif files:
        tell_written(write_files(report, (out or Path("reports")) / place, files))


def write_files(report: Report, folder: Path, formats: Sequence[str] = STANDARD) -> list[Path]:
    """Write ``report.html`` and so on into a folder, each whole or not at all; their paths.

    Raises StoreError where the folder or a file cannot be written.
    """
    from evalkit.errors import StoreError
    from evalkit.store.files import write_atomically

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"{folder}: no folder can be made there: {error.strerror}"
        raise StoreError(told, "Name another place with --out.") from error
    paths = []
    for name in formats:
        path, data = folder / f"report.{SUFFIXES[name]}", rendered(report, name).encode()

        def fill(aside: Path, data: bytes = data) -> None:
            aside.write_bytes(data)

        write_atomically(path, fill)
        paths.append(path)
    return paths


def tell_written(paths: Sequence[Path]) -> None:
    """Say on stderr where the files lie."""
    others = ", ".join(path.name for path in paths[1:])
    click.echo(f"Report: {paths[0]}{f' (and {others})' if others else ''}", err=True)


def rendered(report: Report, name: str) -> str:
    """The report in one format."""
    render: Callable[[Report], str]
    if name == "html":
        from evalkit.report.html import render
    elif name == "markdown":
        from evalkit.report.markdown import render
    elif name == "json":
        from evalkit.report.json import render
    elif name == "csv":
        from evalkit.report.csv import render
    else:
        from evalkit.report.junit import render
    return render(report)
