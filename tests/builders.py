"""Every noun with defaults, for tests that care about one field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from evalkit.types import (
    Attempt,
    Case,
    Failure,
    Outcome,
    Request,
    Response,
    Thinking,
    Trial,
    TrialResult,
    Usage,
    Variant,
)

WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def a_case(id: str = "c1", target: str | None = "12", **inputs: Any) -> Case:
    return Case(id=id, inputs=inputs or {"question": "7 + 5?"}, target=target)


def a_request(text: str = "7 + 5?", **fields: Any) -> Request:
    return Request(
        **{
            "model": "claude-haiku-4-5",
            "messages": ({"role": "user", "content": text},),
            "max_tokens": 64,
            **fields,
        }
    )


def a_trial(number: int = 1, model: str = "claude-haiku-4-5", **fields: Any) -> Trial:
    return Trial(
        **{
            "key": f"b2:{number:032x}",
            "case_id": f"c{number}",
            "variant": Variant("plain", model, Thinking("off")),
            "sample": 0,
            "request": a_request(),
            "request_digest": f"b2:{number:032x}",
            **fields,
        }
    )


def a_response(text: str = "12", **fields: Any) -> Response:
    return Response(
        **{
            "text": text,
            "thinking": "",
            "stop_reason": "end_turn",
            "usage": Usage(input_tokens=10, output_tokens=2),
            "model": "claude-haiku-4-5-20251001",
            "id": "msg_1",
            "request_id": "req_1",
            "first_token_s": 0.1,
            "elapsed_s": 0.2,
            "attempts": (Attempt(200, None, 0.0, 0.2, "req_1", Usage(10, 2)),),
            **fields,
        }
    )


def a_failure(kind: str = "server_error", **fields: Any) -> Failure:
    return Failure(
        **{
            "kind": kind,
            "message": "the server failed",
            "status": 500,
            "elapsed_s": 0.2,
            "attempts": (Attempt(500, kind, 0.0, 0.2),),
            **fields,
        }
    )


def a_result(number: int = 1, outcome: Outcome | None = None, **fields: Any) -> TrialResult:
    return TrialResult(
        **{
            "trial": a_trial(number),
            "outcome": outcome or a_response(),
            "started_at": WHEN,
            "queued_s": 0.0,
            **fields,
        }
    )


def a_suite(**fields: Any) -> dict[str, Any]:
    """A small suite as plain data, before validation."""
    base: Mapping[str, Any] = {
        "name": "small",
        "dataset": {"path": "rows.jsonl", "target": "answer"},
        "prompts": {"plain": "{{ question }}"},
        "models": ["claude-haiku-4-5"],
        "thinking": ["off"],
        "scorers": ["number"],
    }
    return {**base, **fields}
