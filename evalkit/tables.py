"""The columns of a run: Arrow schemas, and results to and from rows.

Unknown is null, never 0. ``FORMAT`` is raised with every change of a schema:

1. first format
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from evalkit.types import Attempt, Case, Failure, Response, TrialResult

FORMAT = 1

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
        pa.field("elapsed_s", pa.float64()),
        pa.field("attempts", pa.list_(ATTEMPT)),
        pa.field("request_digest", pa.string(), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("message_id", pa.string()),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("error_kind", pa.string()),
        pa.field("error_message", pa.string()),
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
