"""Grades every stored answer of a run; nothing is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalkit.pipeline.start import stored_suite
from evalkit.scorers.registry import build_scorer
from evalkit.scorers.scorer import Scorer
from evalkit.store.runs import RunFolder
from evalkit.tables import response_of, score_row
from evalkit.types import Case, Response, Score

_COLUMNS = [
    "trial_key",
    "case_id",
    "variant_key",
    "sample",
    "status",
    "stop_reason",
    "text",
    "thinking_text",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "elapsed_s",
]


def score_run(folder: RunFolder) -> None:
    """Write ``scores/<scorer>.parquet`` for every scorer of the suite.

    A failed trial has a null score with the failure as its reason. Raises StoreError.
    """
    scorers = [build_scorer(spec) for spec in stored_suite(folder).scorers]
    if not scorers:
        return
    rows = folder.responses(_COLUMNS).to_pylist()
    cases = {case.id: case for case in folder.cases()}
    for scorer in scorers:
        folder.write_scores(scorer.name, _scored(scorer, rows, cases))


def _scored(
    scorer: Scorer, rows: list[dict[str, Any]], cases: dict[str, Case]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        score = (
            _grade(scorer, cases[row["case_id"]], response_of(row))
            if row["status"] == "ok"
            else Score(scorer.name, None, reason="no answer came")
        )
        yield score_row(row["trial_key"], row["case_id"], row["variant_key"], row["sample"], score)


def _grade(scorer: Scorer, case: Case, response: Response) -> Score:
    try:
        return scorer.score(case, response)
    except Exception as error:  # noqa: BLE001 - a scorer's fault spoils this one score alone
        return Score(
            scorer.name, None, reason=f"the scorer failed: {type(error).__name__}: {error}"
        )
