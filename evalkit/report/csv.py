"""The report as one table for spreadsheets: a row for each variant, scorer and comparison.

Unknown is an empty cell. No cell can act as a formula: text that begins like one gets an
apostrophe, which spreadsheets take for the mark of plain text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.analysis.results import Comparison, ScoreSummary, VariantSummary
from evalkit.report import format as fmt
from evalkit.report.report import Report

_FORMULA = ("=", "+", "-", "@", "\t", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def render(report: Report) -> str:
    """The table with a header line, as RFC 4180 has it; line ends are ``\\r\\n``."""
    found = [dict(row) for row in _rows(report)]
    columns = list(dict.fromkeys(name for row in found for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([cell(row.get(name)) for name in columns] for row in found)
    return buffer.getvalue()


def cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str):
        text = fmt.neutral(value)
        return f"'{text}" if text.lstrip(" '\u00a0").startswith(_FORMULA) else text
    return value


def _rows(report: Report) -> Iterator[Mapping[str, Any]]:
    analysis = report.analysis
    for variant in analysis.variants:
        for scorer in analysis.scorers or (None,):
            score = variant.scores.get(scorer) if scorer else None
            against = [
                one
                for one in analysis.comparisons
                if one.candidate == variant.variant and one.scorer == scorer
            ]
            chosen: Sequence[Comparison | None] = against or [None]
            for one in chosen:
                yield {
                    **_variant(variant),
                    **_score(scorer, score),
                    **_comparison(one),
                    "run_id": report.provenance.run_id,
                    "suite": report.provenance.suite,
                }


def _variant(one: VariantSummary) -> dict[str, Any]:
    return {
        "variant": one.variant,
        "prompt": one.prompt,
        "model": one.model,
        "thinking": one.thinking.key,
        "asked": one.n_asked,
        "answered": one.n_answered,
        "failed": one.n_failed,
        "truncated": one.n_truncated,
        "refused": one.n_refused,
        "cost_usd": one.cost_usd,
        "elapsed_p50_s": one.elapsed_p50_s,
        "elapsed_p95_s": one.elapsed_p95_s,
        "first_token_p50_s": one.first_token_p50_s,
        "input_tokens_mean": one.input_tokens_mean,
        "output_tokens_mean": one.output_tokens_mean,
        "thinking_tokens_mean": one.thinking_tokens_mean,
    }


def _score(scorer: str | None, score: ScoreSummary | None) -> dict[str, Any]:
    mean = score.mean if score else None
    return {
        "scorer": scorer,
        "score": mean.value if mean else None,
        "score_low": mean.low if mean else None,
        "score_high": mean.high if mean else None,
        "n_scored": mean.n if mean else None,
        "cost_per_right_usd": score.cost_per_right_usd if score else None,
    }


def _comparison(one: Comparison | None) -> dict[str, Any]:
    names: Sequence[str] = ("verdict", "wins", "losses", "ties", "p_value", "p_adjusted")
    difference = one.difference if one else None
    return {
        "baseline": one.baseline if one else None,
        "difference": difference.value if difference else None,
        "difference_low": difference.low if difference else None,
        "difference_high": difference.high if difference else None,
        **{name: getattr(one, name) if one else None for name in names},
        "needs_cases": one.needs_cases if one else None,
    }
