"""Text in columns: tables under headings, intervals as bars, sparklines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.report import format as fmt
from evalkit.stats.estimates import Estimate

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

_MIN_NAME = 14
_BLOCKS = "▁▂▃▄▅▆▇█"
_VERDICT_STYLES = {"superior": "green", "inferior": "red", "too few": "dim"}


def text_table(
    columns: Sequence[str],
    sections: Sequence[tuple[str, Sequence[Sequence[str]]]],
    width: int,
    verdicts: int = 0,
) -> Group:
    """Rows under the headings of their sections; an empty heading is left out.

    Names come first, cut in the middle to what the other columns leave; numbers stand to the
    right; ``verdicts`` is the column that holds verdicts. Where it is narrow the last columns give
    way.
    """
    from rich.cells import cell_len
    from rich.console import Group
    from rich.text import Text

    rows = [
        [f"  {name}" if heading else name, *others]
        for heading, found in sections
        for name, *others in found
    ]
    widths = [max(cell_len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    while len(widths) > 3 and _MIN_NAME + sum(widths[1:]) + 2 * (len(widths) - 1) > width:
        widths.pop()
    widths[0] = min(widths[0], max(_MIN_NAME, width - sum(widths[1:]) - 2 * (len(widths) - 1)))
    total = sum(widths) + 2 * (len(widths) - 1)
    lines = [_row(columns, widths, verdicts, "bold"), Text("─" * total, style="dim")]
    rest = iter(rows)
    for heading, found in sections:
        if heading:
            lines.append(Text(fmt.shortened(heading, width), style="dim"))
        lines += [_row(next(rest), widths, verdicts) for _ in found]
    return Group(*lines)


def _row(cells: Sequence[str], widths: Sequence[int], verdicts: int, style: str = "") -> Text:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    line = Text(style=style, no_wrap=True)
    for at, (cell, width) in enumerate(zip(cells, widths, strict=False)):
        if at:
            line.append("  ")
        if at == 0:
            line.append(set_cell_size(fmt.shortened(cell, width), width))
        elif at == verdicts:
            line.append(cell, style=_VERDICT_STYLES.get(cell, ""))
            line.append(" " * (width - cell_len(cell)))
        else:
            line.append(" " * (width - cell_len(cell)) + cell)
    return line


def interval_bar(estimate: Estimate, track: int) -> str:
    """A mean between the ends of its interval on a track from 0 to 100 %: ``··├──●───┤····``."""
    if estimate.value is None:
        return "·" * track

    def at(value: float) -> int:
        return round(min(max(value, 0.0), 1.0) * (track - 1))

    signs = ["·"] * track
    if estimate.low is not None and estimate.high is not None:
        low, high = at(estimate.low), at(estimate.high)
        signs[low : high + 1] = "─" * (high + 1 - low)
        signs[low], signs[high] = "├", "┤"
    signs[at(estimate.value)] = "●"
    return "".join(signs)


def sparkline(values: Sequence[float | None]) -> str:
    """Values as blocks between their least and most; what is unknown is a dot."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    steps = len(_BLOCKS) - 1
    return "".join(
        "·"
        if value is None
        else _BLOCKS[steps // 2 if high == low else round((value - low) / (high - low) * steps)]
        for value in values
    )
