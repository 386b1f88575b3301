"""Tables on stdout: names in the first column, figures in the others, and no figure ever cut."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

_WIDTH_ELSEWHERE = 160
_LEAST_NAME = 20
# A table takes two milliseconds a row, and nobody reads thousands of them.
MOST_ROWS = 500


class Key:
    """A variant's key in a cell: where room is short, its lines end after ``/`` and ``-``."""

    def __init__(self, key: str) -> None:
        self._parts = re.findall(r"[^/-]*[/-]|[^/-]+", key)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        lines = [""]
        for part in self._parts:
            if lines[-1] and len(lines[-1]) + len(part) > options.max_width:
                lines.append("")
            lines[-1] += part
        yield Text("\n".join(lines), overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        return Measurement(_LEAST_NAME, max(_LEAST_NAME, sum(map(len, self._parts))))


def new_table(name: str, *figures: str) -> Table:
    """An empty table; only the first column may be wrapped where room is short."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(name, overflow="fold", min_width=_LEAST_NAME)
    for title in figures:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print it as wide as the terminal or COLUMNS says; in a file or pipe, as wide as it needs."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_WIDTH_ELSEWHERE)
    console.print(table)


def print_left_out(n_rows: int, what: str) -> None:
    """Say how many rows a table had no room for, if any, and how to see them."""
    if n_rows > MOST_ROWS:
        more = f"{n_rows - MOST_ROWS:,} more {what}"
        print_note(f"… and {more}: choose some with --only, or see all of them with --json.")


def print_note(text: str) -> None:
    """Print a sentence or two, broken between words where the terminal ends."""
    import click

    width = shutil.get_terminal_size().columns
    is_wrapped = sys.stdout.isatty() or "COLUMNS" in os.environ
    click.echo(click.wrap_text(text, width, subsequent_indent="  ") if is_wrapped else text)
