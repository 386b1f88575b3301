"""Tables on stdout: names in the first column, figures in the others, and no figure ever cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_WIDTH_ELSEWHERE = 160


def new_table(name: str, *figures: str) -> Table:
    """An empty table; only the first column may be wrapped where room is short."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(name, overflow="fold", min_width=24)
    for title in figures:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print it as wide as the terminal is; in a file or pipe, as wide as it needs."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_ELSEWHERE)
    console.print(table)
