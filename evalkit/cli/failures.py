"""What failed in a run, and one example of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.messages.redaction import one_line

if TYPE_CHECKING:
    from evalkit.store.runs import RunFolder

_MOST_KINDS = 4
_COLUMNS = ["status", "error_kind", "error_message", "case_id", "variant_key"]


@dataclass(frozen=True, slots=True)
class Failed:
    """``kinds``: ``2 timeout, 1 conflict``; ``lines``: one of each kind in the server's words."""

    kinds: str
    lines: tuple[str, ...]


def what_failed(folder: RunFolder) -> Failed:
    """The failures of a run, the most frequent kinds first."""
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    examples: dict[str, dict[str, Any]] = {}
    for table in folder.outcomes(_COLUMNS):
        failed = table.filter(pc.equal(table["status"], "failed"))
        kinds = failed["error_kind"].to_pylist()
        counts.update(kinds)
        for kind in set(kinds) - examples.keys():
            examples[kind] = failed.slice(kinds.index(kind), 1).to_pylist()[0]
    shown = counts.most_common(_MOST_KINDS)
    told = [f"{count:,} {kind}" for kind, count in shown]
    others = counts.total() - sum(count for _, count in shown)
    if others:
        told.append(f"{others:,} of other kinds")
    return Failed(", ".join(told), tuple(_line(examples[kind]) for kind, _ in shown))


def _line(example: dict[str, Any]) -> str:
    """``timeout: no answer in time … (case 17, plain/claude-haiku-4-5/off)``."""
    told = one_line(example["error_message"] or "", 160)
    where = one_line(f"case {example['case_id']}, {example['variant_key']}")
    return f"{example['error_kind']}: {told} ({where})"
