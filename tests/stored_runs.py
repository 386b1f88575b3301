"""Runs put on disk by hand, with whatever grades a test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from builders import WHEN, a_suite

from evalkit.messages.request import request_digest
from evalkit.plan.trials import trial_key
from evalkit.store.making import create_run
from evalkit.store.manifest import Manifest, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.tables import RESPONSES
from evalkit.types import Case, Thinking, Variant


def a_run(
    folder: Path,
    run_id: str,
    grades: Mapping[str, Sequence[float | None]],
    *,
    cases: Sequence[str] | None = None,
    rows: Mapping[str, Any] | None = None,
    question: str | None = None,
    human: Sequence[object] | None = None,
    **suite: Any,
) -> RunFolder:
    """A complete run: grades by thinking setting, case after case; ``rows`` adds columns.

    A grade of None is a trial that timed out.
    """
    plain = Suite.model_validate(a_suite(thinking=list(grades), **suite))
    ids = list(cases or [f"c{place}" for place in range(len(next(iter(grades.values()))))])
    prompts = {
        f"prompt:{name}": request_digest(spec.model_dump(mode="json"))
        for name, spec in plain.prompts.items()
    }
    manifest = Manifest(
        run_id=run_id,
        name=plain.name,
        suite=plain.model_dump(mode="json"),
        digests={"suite": "b2:0", **prompts},
        versions={"evalkit": "0"},
        endpoints={"claude-haiku-4-5": "api.example"},
        planned=sum(map(len, grades.values())),
        n_cases=0,
        started_at=WHEN.isoformat(),
    )
    labels = [{} if human is None else {"human": one} for one in human or ids]
    told = [
        Case(id=one, inputs={"question": question or f"{one}?", **label}, target="4")
        for one, label in zip(ids, labels, strict=True)
    ]
    run = create_run(folder / plain.name / run_id, manifest, "name: small\n", told)
    variants = [Variant("plain", "claude-haiku-4-5", spec.setting()) for spec in plain.thinking]
    table, scores = [], []
    for variant, graded in zip(variants, grades.values(), strict=True):
        for one, grade in zip(ids, graded, strict=True):
            row = _row(variant, one, grade) | dict(rows or {})
            table.append(row)
            scores.append(
                {name: row[name] for name in ("trial_key", "case_id", "variant_key", "sample")}
                | {"value": grade, "answer": None, "reason": None}
            )
    run.responses_path.mkdir(exist_ok=True)
    part = pa.Table.from_pylist(table, schema=RESPONSES)
    pq.write_table(part, run.responses_path / "part-00000.parquet")
    run.write_scores("number", scores)
    write_manifest(run.path, replace(run.manifest(), status="complete"))
    return run


def _row(variant: Variant, case: str, grade: float | None) -> dict[str, Any]:
    thinking: Thinking = variant.thinking
    row = {
        "trial_key": trial_key(case, variant.key, "b2:0", 0),
        "case_id": case,
        "variant_key": variant.key,
        "prompt": variant.prompt,
        "model_asked": variant.model,
        "thinking_mode": thinking.mode,
        "budget_tokens": thinking.budget_tokens,
        "sample": 0,
        "request_digest": f"b2:{case}",
        "started_at": WHEN,
        "source": "api",
        "elapsed_s": 1.0,
        "queued_s": 0.0,
        "backoff_s": 0.0,
    }
    if grade is None:
        return row | {"status": "failed", "error_kind": "timeout", "error_message": "too late"}
    return row | {
        "status": "ok",
        "model_answered": "claude-haiku-4-5-20251001",
        "stop_reason": "end_turn",
        "text": "4" if grade else "5",
        "input_tokens": 10,
        "output_tokens": 5,
        "cost_usd": 0.001,
    }
