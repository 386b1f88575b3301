"""The picture of a running run: what it does, what holds it up, and how its variants fare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit.events import GateProgress, Snapshot, VariantProgress

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_SEPARATOR = " · "
_LEAST_NAME = 24
_LEAST_ROWS = 3
_FIGURES_WIDTH = 30


def picture(name: str, now: Snapshot, width: int, height: int) -> RenderableType:
    """A moment of a run as rich draws it, for a terminal of that size."""
    from rich.console import Group
    from rich.text import Text

    lines = [Text(line, style="cyan") for line in fit(doing(now), width)]
    lines += [Text(line, style="yellow") for line in fit([*waiting(now), *trouble(now)], width)]
    room = max(_LEAST_ROWS, height - len(lines) - 2)
    return Group(_bar(name, now, width), *lines, _variants(now.variants, width, room))


def _bar(name: str, now: Snapshot, width: int) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    shown = shortened(name, max(_LEAST_NAME, width // 3))
    counts = f"{now.done:,}/{now.planned:,} {percent(now.done, now.planned)}"
    left = "" if now.eta_s is None or now.done >= now.planned else f"{span(now.eta_s)} left"
    bar_width = max(8, width - len(shown) - len(counts) - len(left) - 4)
    row = Table.grid(padding=(0, 1))
    row.add_row(
        Text(shown, style="bold"),
        ProgressBar(total=max(now.planned, 1), completed=now.done, width=bar_width),
        Text(counts),
        Text(left, style="cyan"),
    )
    return row


def _variants(variants: Sequence[VariantProgress], width: int, room: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    rows = Table.grid(padding=(0, 2))
    shown = variants if len(variants) <= room else variants[: room - 1]
    for one in shown:
        name = shortened(one.variant, max(12, width - _FIGURES_WIDTH))
        done = Text(f"{one.done:,}/{one.planned:,}", justify="right")
        rows.add_row(Text(name), done, Text(score(one)))
    hidden = variants[len(shown) :]
    if hidden:
        least, most = min(one.done for one in hidden), max(one.done for one in hidden)
        between = f"{least:,}" if least == most else f"{least:,}–{most:,}"
        more = Text(f"and {len(hidden)} more variants", style="dim")
        rows.add_row(more, Text(between, justify="right"), Text(""))
    return rows


def doing(now: Snapshot) -> list[str]:
    """Rates, requests in flight and money, in a few words each."""
    told = [
        f"{now.requests_per_s:.1f}/s",
        "paused" if now.is_paused else f"{now.in_flight} of {now.limit} in flight",
    ]
    if now.input_tokens_per_s or now.output_tokens_per_s:
        given, answered = short(now.input_tokens_per_s), short(now.output_tokens_per_s)
        told.append(f"{given} in + {answered} out tokens/s")
    if now.spent_usd is not None:
        told.append(_money(now, now.spent_usd))
    return told


def _money(now: Snapshot, spent_usd: float) -> str:
    projected = f" of ~{dollars(now.projected_usd)}" if now.projected_usd is not None else ""
    cap = f", cap {dollars(now.max_cost_usd)}" if now.max_cost_usd is not None else ""
    doubtful = f", up to {dollars(now.doubtful_usd)} in doubt" if now.doubtful_usd else ""
    return f"{dollars(spent_usd)}{projected}{cap}{doubtful}"


def waiting(now: Snapshot) -> list[str]:
    """What each endpoint's next request waits for, other than a free place."""
    many = len(now.gates) > 1
    return [
        f"{gate.name.partition(' at ')[0]}: {why}" if many else why
        for gate in now.gates
        if (why := _why(gate))
    ]


def _why(gate: GateProgress) -> str:
    if gate.is_paused or gate.limited_by in (None, "beginning", "concurrency", "paused"):
        return ""
    if gate.closed_for_s >= 1:
        return f"refused, waits {span(gate.closed_for_s)}"
    reason = gate.limited_by or ""
    limit = gate.per_minute.get(reason.removesuffix(" per minute").replace(" ", "_"))
    if limit is not None:
        return f"limited by {reason} ({limit:,.0f})"
    if gate.pace_per_s is not None and reason == "pace after refusals":
        return f"paced at {gate.pace_per_s:.1f}/s after refusals"
    return f"limited by {reason}"


def trouble(now: Snapshot) -> list[str]:
    """Retries and failures by kind."""
    told = []
    if now.retries:
        told.append(f"retried: {kinds(now.retries)}")
    if now.failures:
        told.append(f"failed: {kinds(now.failures)}")
    return told


def kinds(counts: Mapping[str, int]) -> str:
    """``12 rate_limit, 3 timeout``, the most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {kind}" for kind, count in ranked)


def score(one: VariantProgress) -> str:
    """`` 83%  74–90%``; nothing while nothing is scored."""
    if one.score is None or one.low is None or one.high is None:
        return ""
    return f"{one.score:4.0%}  {100 * one.low:.0f}–{100 * one.high:.0f}%"


def fit(parts: Iterable[str], width: int) -> list[str]:
    """Parts joined into as few lines as a width allows; a part that is too long is cut."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_SEPARATOR) + len(part) <= width:
            lines[-1] += _SEPARATOR + part
        else:
            lines.append(shortened(part, width))
    return lines


def shortened(text: str, width: int) -> str:
    """The text, with its middle left out where it is longer than the width."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def short(number: float) -> str:
    """``87``, ``3.4k``, ``1.2M``."""
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{sign}"
    return f"{number:.0f}"


def dollars(amount: float) -> str:
    """Cents, or as many digits as a small amount needs."""
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def percent(part: int, whole: int) -> str:
    """Rounded down: 100 % is all of it."""
    return f"{100 * part // max(whole, 1)}%"


def span(seconds: float) -> str:
    """``42s``, ``3m10s``, ``2h05m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
