"""Grades every stored answer of a run; nothing is asked again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.verdicts import write_judge_scores
from evalkit.scorers.registry import build_scorers
from evalkit.scorers.scorer import Scorer
from evalkit.store.lock import RunLock
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.tables import response_of, score_row
from evalkit.types import Case, Response, Score

_BATCH_ROWS = 2_000
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
    "tool_calls",
    "stop_sequence",
    "refusal_category",
    "cost_usd",
]


def score_run(folder: RunFolder) -> None:
    """Write ``scores/<scorer>.parquet`` for every scorer of the suite.

    A failed trial has a null score with the failure as its reason. Raises StoreError, and
    ConfigError for a scorer that is no longer to be had.
    """
    suite = stored_suite(folder)
    _write(folder, build_scorers(suite))
    write_judge_scores(folder, suite)


def rescore_run(
    folder: RunFolder,
    suite: Suite | None = None,
    ask: Callable[[Suite], None] | None = None,
) -> list[str]:
    """Grade a stored run again, with the scorers of ``suite`` if one is given; their names.

    The run then has these scorers: comparisons and reports follow. ``ask`` puts to judges what
    they have not said yet; without it, answers that were not judged have null scores. Raises
    StoreError if another process writes the run, ConfigError for scorers that cannot be.
    """
    lock = RunLock(folder.path / "lock")
    try:
        stored = stored_suite(folder)
        if suite is not None:
            stored = stored.model_copy(
                update={"scorers": suite.scorers, "allow_code": suite.allow_code}
            )
        scorers = build_scorers(stored)
        if suite is not None:
            manifest = folder.manifest()
            chosen = stored.model_dump(mode="json", include={"scorers", "allow_code"})
            write_manifest(folder.path, replace(manifest, suite={**manifest.suite, **chosen}))
        if ask is not None:
            ask(stored)
        _write(folder, scorers)
        write_judge_scores(folder, stored)
    finally:
        lock.release()
    return [spec.name for spec in stored.scorers]


def _write(folder: RunFolder, scorers: Sequence[Scorer]) -> None:
    if not scorers:
        return
    cases = {case.id: case for case in folder.cases()}
    for scorer in scorers:
        # One pass a scorer, so that no more than some rows are ever held.
        folder.write_scores(scorer.name, _scored(scorer, _rows(folder), cases))


def _rows(folder: RunFolder) -> Iterator[dict[str, Any]]:
    for table in folder.outcomes(_COLUMNS):
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            yield from batch.to_pylist()


def _scored(
    scorer: Scorer, rows: Iterator[dict[str, Any]], cases: Mapping[str, Case]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        score = (
            grade(scorer, cases[row["case_id"]], response_of(row))
            if row["status"] == "ok"
            else Score(scorer.name, None, reason="no answer came")
        )
        yield score_row(row["trial_key"], row["case_id"], row["variant_key"], row["sample"], score)


def grade(scorer: Scorer, case: Case, response: Response) -> Score:
    """One score; a scorer that raises or leaves [0, 1] yields null with the reason."""
    try:
        score = scorer.score(case, response)
    except Exception as error:  # noqa: BLE001 - a scorer's fault spoils this one score alone
        return Score(
            scorer.name, None, reason=f"the scorer failed: {type(error).__name__}: {error}"
        )
    if score.value is not None and not (math.isfinite(score.value) and 0 <= score.value <= 1):
        return Score(scorer.name, None, score.answer, f"{score.value} is not in [0, 1]")
    return score
