"""Grades every stored answer of a run; nothing is asked again."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from evalkit.messages.request import request_digest
from evalkit.pipeline.judges.rivals import pinned
from evalkit.pipeline.judges.verdicts import write_judge_scores
from evalkit.pipeline.start import stored_suite
from evalkit.scorers.registry import build_scorers, notices
from evalkit.scorers.scorer import Scorer
from evalkit.store.lock import RunLock
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import ScorerSpec, Suite
from evalkit.tables import ANSWER_COLUMNS, response_of, score_row
from evalkit.types import Case, Response, Score

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")
_BATCH_ROWS = 2_000
_QUEUED_EACH = 4
_TELL_EACH_S = 5.0
_COLUMNS = ["trial_key", "case_id", "variant_key", "sample", "status", *ANSWER_COLUMNS]


def score_run(folder: RunFolder, tell: Callable[[str], None] | None = None) -> None:
    """Write ``scores/<scorer>.parquet`` for every scorer of the suite.

    ``tell`` hears how far a scorer is, every few seconds. A failed trial has a null
    score with the failure as its reason. Raises StoreError, and ConfigError for a scorer that is
    no longer to be had.
    """
    suite = stored_suite(folder)
    _write(folder, suite, build_scorers(suite), tell)
    write_judge_scores(folder, suite, scorer_digest)


def rescore_run(
    folder: RunFolder,
    suite: Suite | None = None,
    ask: Callable[[Suite], None] | None = None,
    tell: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> list[str]:
    """Grade a stored run again, with the scorers of ``suite`` if one is given; their names.

    The run then has these scorers: comparisons and reports follow. ``ask`` puts to judges what
    they have not said yet; without it, answers that were not judged have null scores. ``tell`` is
    as for :func:`score_run`, ``env`` says where baselines are. Raises StoreError if another process
    writes the run, ConfigError for scorers that cannot be.
    """
    lock = RunLock(folder.path / "lock")
    try:
        stored = stored_suite(folder)
        if suite is not None:
            chosen = {"scorers": suite.scorers, "allow_code": suite.allow_code}
            runs = folder.path.parent.parent
            stored = pinned(stored.model_copy(update=chosen), runs, env or {})
        scorers = build_scorers(stored)
        if tell is not None:
            for notice in notices(scorers):
                tell(f"Note: {notice}")
        if suite is not None:
            manifest = folder.manifest()
            kept = stored.model_dump(mode="json", include={"scorers", "allow_code"})
            write_manifest(folder.path, replace(manifest, suite={**manifest.suite, **kept}))
        if ask is not None:
            ask(stored)
        _write(folder, stored, scorers, tell)
        write_judge_scores(folder, stored, scorer_digest)
    finally:
        lock.release()
    return [spec.name for spec in stored.scorers]


def scorer_digest(spec: ScorerSpec) -> str:
    """What makes a scorer's grades its own; how samples are reduced is no part of it."""
    return request_digest(spec.model_dump(mode="json", exclude={"reduce", "k"}))


def _write(
    folder: RunFolder,
    suite: Suite,
    scorers: Sequence[Scorer],
    tell: Callable[[str], None] | None,
) -> None:
    if not scorers:
        return
    digests = {spec.name: scorer_digest(spec) for spec in suite.scorers}
    for scorer in scorers:
        # One pass a scorer, so that no more than some rows and their cases are ever held.
        rows = _scored(scorer, _rows(folder))
        if tell is not None:
            rows = _told(rows, scorer.name, folder.manifest().totals.get("planned"), tell)
        folder.write_scores(scorer.name, rows, digest=digests[scorer.name])


def _told(
    rows: Iterable[dict[str, Any]], name: str, planned: int | None, tell: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """The rows, with a word now and then on how far it is; none where it is quick."""
    last_s = time.monotonic()
    of_all = f" of {planned:,}" if planned else ""
    for count, row in enumerate(rows, 1):
        yield row
        now_s = time.monotonic()
        if now_s - last_s >= _TELL_EACH_S:
            last_s = now_s
            tell(f"Grading with {name}: {count:,}{of_all} answers so far")


def _rows(folder: RunFolder) -> Iterator[tuple[dict[str, Any], Case]]:
    for table in folder.outcomes(_COLUMNS):
        cases = folder.cases_named(table["case_id"])
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            for row in batch.to_pylist():
                case = cases.get(row["case_id"])
                if case is None:
                    raise folder.foreign(row["case_id"], row["variant_key"], row["sample"])
                yield row, case


def _scored(
    scorer: Scorer, rows: Iterator[tuple[dict[str, Any], Case]]
) -> Iterator[dict[str, Any]]:
    def scored(row_and_case: tuple[dict[str, Any], Case]) -> dict[str, Any]:
        row, case = row_and_case
        score = (
            grade(scorer, case, response_of(row))
            if row["status"] == "ok"
            else Score(scorer.name, None, reason="no answer came")
        )
        return score_row(row["trial_key"], row["case_id"], row["variant_key"], row["sample"], score)

    workers = getattr(scorer, "workers", 1)
    return map(scored, rows) if workers == 1 else _side_by_side(scored, rows, workers)


def _side_by_side(
    work: Callable[[_Given], _Made], items: Iterable[_Given], workers: int
) -> Iterator[_Made]:
    """As ``map``, in threads; for work that waits for processes of its own."""
    waiting: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="score") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers * _QUEUED_EACH:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


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
