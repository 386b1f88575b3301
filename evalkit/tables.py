"""The columns of a run: Arrow schemas, and results to and from rows.

Unknown is null, never 0. ``FORMAT`` is raised with every change of a schema:

1. first format
2. ``original_cost_usd`` of cached answers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
from pyarrow.json import ParseOptions, ReadOptions, read_json

from evalkit.types import Attempt, Case, Failure, Response, Score, TrialResult, Usage

FORMAT = 2

ATTEMPT = pa.struct(
    [
        ("status", pa.int16()),
        ("error_kind", pa.string()),
        ("waited_s", pa.float64()),
        ("elapsed_s", pa.float64()),
        ("request_id", pa.string()),
    ]
)

RESPONSES = pa.schema(
    [
        pa.field("trial_key", pa.string(), nullable=False),
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("variant_key", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("model_asked", pa.string(), nullable=False),
        pa.field("model_answered", pa.string()),
        pa.field("thinking_mode", pa.string(), nullable=False),
        pa.field("budget_tokens", pa.int64()),
        pa.field("effort", pa.string()),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("stop_reason", pa.string()),
        pa.field("text", pa.string()),
        pa.field("thinking_text", pa.string()),
        pa.field("redacted_block_count", pa.int32()),
        pa.field("input_tokens", pa.int64()),
        pa.field("output_tokens", pa.int64()),
        pa.field("thinking_tokens", pa.int64()),
        pa.field("cache_read_tokens", pa.int64()),
        pa.field("cache_write_tokens", pa.int64()),
        pa.field("cost_usd", pa.float64()),
        pa.field("pricing_source", pa.string()),
        pa.field("queued_s", pa.float64()),
        pa.field("backoff_s", pa.float64()),
        pa.field("first_token_s", pa.float64()),
        pa.field("thinking_s", pa.float64()),
        pa.field("text_s", pa.float64()),
        pa.field("elapsed_s", pa.float64()),
        pa.field("attempts", pa.list_(ATTEMPT)),
        pa.field("request_digest", pa.string(), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("message_id", pa.string()),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("error_kind", pa.string()),
        pa.field("error_message", pa.string()),
        pa.field("original_cost_usd", pa.float64()),
        pa.field("stop_sequence", pa.string()),
        pa.field("refusal_category", pa.string()),
        pa.field("tool_calls", pa.string()),
    ],
    metadata={"evalkit.format": str(FORMAT)},
)

SCORES = pa.schema(
    [
        pa.field("trial_key", pa.string(), nullable=False),
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("variant_key", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("answer", pa.string()),
        pa.field("reason", pa.string()),
    ],
    metadata={"evalkit.format": str(FORMAT)},
)

VERDICTS = pa.schema(
    [
        pa.field("trial_key", pa.string(), nullable=False),
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("variant_key", pa.string(), nullable=False),
        pa.field("sample", pa.int32(), nullable=False),
        pa.field("question_key", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("shown", pa.string(), nullable=False),
        pa.field("vote", pa.int32(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("answer", pa.string()),
        pa.field("explanation", pa.string()),
        pa.field("criteria", pa.string()),
        pa.field("problem", pa.string()),
        pa.field("is_repaired", pa.bool_(), nullable=False),
    ],
    metadata={"evalkit.format": str(FORMAT)},
)

CASES = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("inputs", pa.string(), nullable=False),
        pa.field("target", pa.string()),
        pa.field("cluster", pa.string()),
        pa.field("tags", pa.list_(pa.string()), nullable=False),
    ],
    metadata={"evalkit.format": str(FORMAT)},
)


def response_row(result: TrialResult) -> dict[str, Any]:
    """A result as one row of RESPONSES."""
    trial, outcome = result.trial, result.outcome
    row: dict[str, Any] = {
        "trial_key": trial.key,
        "case_id": trial.case_id,
        "variant_key": trial.variant.key,
        "prompt": trial.variant.prompt,
        "model_asked": trial.request.model,
        "thinking_mode": trial.variant.thinking.mode,
        "budget_tokens": trial.variant.thinking.budget_tokens,
        "effort": trial.variant.thinking.effort,
        "sample": trial.sample,
        "request_digest": trial.request_digest,
        "started_at": result.started_at,
        "source": result.source,
        "queued_s": result.queued_s,
        "backoff_s": sum(attempt.waited_s for attempt in outcome.attempts),
        "attempts": [_attempt_row(attempt) for attempt in outcome.attempts],
        "elapsed_s": outcome.elapsed_s,
        "request_id": outcome.request_id,
        "cost_usd": result.cost_usd,
        "pricing_source": result.pricing_source,
        "original_cost_usd": result.original_cost_usd,
    }
    row.update(_answer_columns(outcome) if isinstance(outcome, Response) else _failed(outcome))
    return row


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "status": attempt.status,
        "error_kind": attempt.error_kind,
        "waited_s": attempt.waited_s,
        "elapsed_s": attempt.elapsed_s,
        "request_id": attempt.request_id,
    }


def _answer_columns(response: Response) -> dict[str, Any]:
    usage = response.usage
    return {
        "status": "ok",
        "model_answered": response.model,
        "stop_reason": response.stop_reason,
        "text": response.text,
        "thinking_text": response.thinking,
        "redacted_block_count": response.redacted_blocks,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "thinking_tokens": usage.thinking_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "first_token_s": response.first_token_s,
        "thinking_s": response.thinking_s,
        "text_s": response.text_s,
        "message_id": response.id,
        "stop_sequence": response.stop_sequence,
        "refusal_category": response.refusal_category,
        "tool_calls": _json(response.tool_calls) if response.tool_calls else None,
    }


def _json(value: Any) -> str:
    return orjson.dumps(_without_surrogates(value)).decode()


def _failed(failure: Failure) -> dict[str, Any]:
    return {"status": "failed", "error_kind": failure.kind, "error_message": failure.message}


def encode_row(row: Mapping[str, Any]) -> bytes:
    """A row as JSON bytes for the journal."""
    try:
        return orjson.dumps(row)
    except TypeError:
        # A lone surrogate in an answer: JSON can say it, UTF-8 and Parquet cannot hold it.
        return orjson.dumps(_without_surrogates(row))


def decode_row(data: bytes) -> dict[str, Any]:
    """A journal row; ``started_at`` comes back as the ISO text it was written as."""
    row: dict[str, Any] = orjson.loads(data)
    return row


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value


def responses_table(rows: Sequence[bytes]) -> pa.Table:
    """Journal rows as a table of RESPONSES. Raises ValueError for one that does not fit it.

    Arrow reads the JSON itself: row by row in Python would hold up every other thread.
    """
    if not rows:
        return RESPONSES.empty_table()
    data = b"\n".join(rows)
    table = read_json(
        pa.BufferReader(data),
        read_options=ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=ParseOptions(explicit_schema=RESPONSES, unexpected_field_behavior="ignore"),
    )
    return pa.Table.from_arrays([table[name] for name in RESPONSES.names], schema=RESPONSES)


ANSWER_COLUMNS = (
    *("text", "thinking_text", "stop_reason", "stop_sequence", "refusal_category", "tool_calls"),
    *("input_tokens", "output_tokens", "thinking_tokens", "elapsed_s", "cost_usd"),
)
"""The columns of RESPONSES that :func:`response_of` reads."""


def response_of(row: Mapping[str, Any]) -> Response:
    """The answer in a row of RESPONSES, as scorers see it (from :data:`ANSWER_COLUMNS`)."""
    return Response(
        text=row["text"] or "",
        thinking=row["thinking_text"] or "",
        stop_reason=row["stop_reason"],
        usage=Usage(row["input_tokens"], row["output_tokens"], row["thinking_tokens"]),
        elapsed_s=row["elapsed_s"],
        tool_calls=tuple(orjson.loads(calls)) if (calls := row.get("tool_calls")) else (),
        stop_sequence=row.get("stop_sequence"),
        refusal_category=row.get("refusal_category"),
        cost_usd=row.get("cost_usd"),
    )


def score_row(
    trial_key: str, case_id: str, variant: str, sample: int, score: Score
) -> dict[str, Any]:
    """A score as one row of SCORES."""
    return {
        "trial_key": trial_key,
        "case_id": case_id,
        "variant_key": variant,
        "sample": sample,
        "value": score.value,
        # What is read out of JSON may hold half a character, which no file can.
        "answer": _without_surrogates(score.answer),
        "reason": _without_surrogates(score.reason),
    }


def case_row(case: Case) -> dict[str, Any]:
    """A case as one row of CASES."""
    return {
        "case_id": case.id,
        "inputs": encode_row(case.inputs).decode(),
        "target": case.target,
        "cluster": case.cluster,
        "tags": list(case.tags),
    }


def case_of(row: Mapping[str, Any]) -> Case:
    """The Case of a row of CASES."""
    return Case(
        id=row["case_id"],
        inputs=orjson.loads(row["inputs"]),
        target=row["target"],
        cluster=row["cluster"],
        tags=tuple(row["tags"]),
    )
