"""Small runs made in memory, with the columns that analysis reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from evalkit.analysis.trials import COLUMNS, Trials, read_trials
from evalkit.tables import CASES, RESPONSES, SCORES
from evalkit.types import Thinking, Variant

SCHEMA = pa.schema([RESPONSES.field(name) for name in (*COLUMNS, "message_id")])

Row = dict[str, Any]


def variant(thinking: str | int = "off", prompt: str = "plain", model: str = "m") -> Variant:
    setting = Thinking("budget", thinking) if isinstance(thinking, int) else Thinking(thinking)
    return Variant(prompt, model, setting)


def run_of(
    grades: Mapping[Variant, Sequence[Any]],
    *,
    samples: int = 1,
    clusters: Sequence[str | None] | None = None,
    tags: Mapping[int, Sequence[str]] | None = None,
    planned: int | None = None,
    scorer: str = "number",
) -> Trials:
    """A run from grades by variant, case after case with all samples of each.

    A grade is a number, None (unscored), a kind of failure or stop reason as text, or a row of
    responses with ``value`` and ``answer`` beside it; ``"not_run"`` leaves no trace.
    """
    responses: list[Row] = []
    scores: list[Row] = []
    n_cases = 0
    for one, graded in grades.items():
        n_cases = max(n_cases, -(-len(graded) // samples))
        for place, grade in enumerate(graded):
            if grade == "not_run":
                continue
            case, sample = divmod(place, samples)
            row = _row(one, f"c{case}", sample, grade)
            value, answer = row.pop("value"), row.pop("answer")
            responses.append(row)
            if row["status"] == "ok":
                scores.append(
                    {
                        "trial_key": row["trial_key"],
                        "case_id": row["case_id"],
                        "variant_key": one.key,
                        "sample": sample,
                        "value": value,
                        "answer": answer,
                        "reason": None if value is not None else "no grade",
                    }
                )
    cases = [
        {
            "case_id": f"c{case}",
            "inputs": "{}",
            "target": None,
            "cluster": clusters[case] if clusters else None,
            "tags": list((tags or {}).get(case, ())),
        }
        for case in range(n_cases)
    ]
    return read_trials(
        pa.Table.from_pylist(responses, schema=SCHEMA),
        {scorer: pa.Table.from_pylist(scores, schema=SCORES)},
        pa.Table.from_pylist(cases, schema=CASES),
        {one: planned or len(graded) for one, graded in grades.items()},
    )


def _row(one: Variant, case: str, sample: int, grade: Any) -> Row:
    row: Row = {
        "trial_key": f"{one.key}/{case}/{sample}",
        "case_id": case,
        "variant_key": one.key,
        "model_answered": one.model,
        "sample": sample,
        "status": "ok",
        "stop_reason": "end_turn",
        "text": "42",
        "thinking_text": "so" if one.thinking.is_on else None,
        "input_tokens": 20,
        "output_tokens": 10,
        "elapsed_s": 1.0,
        "source": "api",
        "value": grade,
        "answer": None,
    }
    if isinstance(grade, dict):
        return row | {"value": None} | grade
    if grade in ("max_tokens", "refusal", "model_context_window_exceeded"):
        return row | {"stop_reason": grade, "value": 0.0}
    if grade == "no_text":
        return row | {"text": " \n", "value": 0.0}
    if isinstance(grade, str):
        return row | {"status": "failed", "error_kind": grade, "stop_reason": None, "text": None}
    return row
