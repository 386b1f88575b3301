"""What failed in a run, and one example of each kind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evalkit.messages.redaction import one_line

if TYPE_CHECKING:
    from evalkit.store.runs import RunFolder

_MOST_KINDS = 4
_COLUMNS = ["status", "error_kind", "error_message", "case_id", "variant_key"]


def failure_lines(folder: RunFolder) -> list[str]:
    """``2 timeout: no answer in time … (case 17, plain/claude-haiku-4-5/off)``, a line a kind."""
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    examples: dict[str, dict[str, Any]] = {}
    for table in folder.outcomes(_COLUMNS):
        failed = table.filter(pc.equal(table["status"], "failed"))
        kinds = failed["error_kind"].to_pylist()
        counts.update(kinds)
        for kind in set(kinds) - examples.keys():
            examples[kind] = failed.slice(kinds.index(kind), 1).to_pylist()[0]
    lines = [_line(count, examples[kind]) for kind, count in counts.most_common(_MOST_KINDS)]
    others = counts.total() - sum(count for _, count in counts.most_common(_MOST_KINDS))
    return [*lines, f"{others:,} of other kinds"] if others else lines


def _line(count: int, example: dict[str, Any]) -> str:
    told = one_line(example["error_message"] or "", 160)
    where = one_line(f"case {example['case_id']}, {example['variant_key']}")
    return f"{count:,} {example['error_kind']}: {told} ({where})"
