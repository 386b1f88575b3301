"""What the API refuses, each with its own words."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.server.catalogue import catalogue
from evalkit.server.refusals import Refusal
from evalkit.server.validation import check_message, check_window, find_model

ADAPTIVE_ONLY = "claude-opus-5"
ALWAYS_ON = "claude-opus-5-5"
MANUAL = "claude-haiku-4-5"
BOTH = "claude-sonnet-4-6"
TOOLS = [{"name": "add", "description": "adds", "input_schema": {"type": "object"}}]
ENABLED = {"type": "enabled", "budget_tokens": 2000}


def refusal(version: str = "2023-06-01", betas: tuple[str, ...] = (), **fields: Any) -> str | None:
    """The message of the 400 for these fields (``...`` leaves one out), or None."""
    body = {
        "model": MANUAL,
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": "hello"}],
        **fields,
    }
    body = {name: value for name, value in body.items() if value is not ...}
    try:
        check_message(body, find_model(body, lenient=False), version, betas)
    except Refusal as error:
        assert error.status == 400
        return error.message
    return None


def test_a_plain_request_passes() -> None:
    assert refusal() is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"max_tokens": 64001}, "max_tokens: 64001 > 64000"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": "hi"}, "messages: Input should be a valid list"),
        ({"messages": ["hi"]}, "messages.0: Input should be a valid dictionary"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role: Input should be"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content: Input should be"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0.type: Field"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'must use the "user" role'),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "messages: text content blocks must be non-empty",
        ),
        ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
        ({"foo": 1}, "foo: Extra inputs are not permitted"),
        ({"seed": 1}, "seed: Extra inputs are not permitted"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"stop_sequences": [" "]}, "each stop sequence must contain non-whitespace"),
        ({"metadata": {"name": "x"}}, "metadata.name: Extra inputs are not permitted"),
        ({"service_tier": "fast"}, "service_tier: Input should be"),
        ({"temperature": 1.5}, "temperature: Input should be"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
        ({"tools": TOOLS, "tool_choice": {"type": "all"}}, "tool_choice: Input tag"),
        (
            {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "subtract"}},
            "Tool 'subtract' not found",
        ),
        ({"max_tokens": 0, "stream": True}, "max_tokens: 0 is only allowed"),
        ({"output_config": {"effort": "low"}}, "does not support the effort parameter"),
    ],
)  # fmt: skip
def test_bad_fields_are_refused(fields: dict[str, Any], message: str) -> None:
    assert message in (refusal(**fields) or "accepted")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"thinking": {"type": "loud"}}, "Input tag 'loud' found using 'type'"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1023}},
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 4000}},
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000.5}},
            "thinking.enabled.budget_tokens: Input should be a valid integer",
        ),
        (
            {"thinking": {"type": "disabled", "display": "omitted"}},
            "thinking.disabled.display: Extra inputs are not permitted",
        ),
        ({"thinking": {**ENABLED, "display": "loud"}}, "thinking.enabled.display"),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
        ({"thinking": ENABLED, "temperature": 0.5}, "`temperature` may only be set to 1"),
        ({"thinking": ENABLED, "top_k": 5}, "`top_k` must be unset"),
        ({"thinking": ENABLED, "top_p": 0.9}, "`top_p` must be greater than or equal to 0.95"),
        (
            {"thinking": ENABLED, "tools": TOOLS, "tool_choice": {"type": "any"}},
            "Thinking may not be enabled when tool_choice forces tool use",
        ),
        ({"model": ADAPTIVE_ONLY, "thinking": ENABLED}, '"thinking.type.enabled" is not supported'),
        ({"model": ADAPTIVE_ONLY, "temperature": 0.5}, "`temperature` is deprecated"),
        ({"model": ALWAYS_ON, "thinking": {"type": "disabled"}}, '"thinking.type.disabled"'),
        (
            {"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}},
            "thinking.type.between_tools",
        ),
        (
            {
                "model": ADAPTIVE_ONLY,
                "thinking": {"type": "disabled"},
                "output_config": {"effort": "max"},
            },
            "is not supported with effort 'max'",
        ),
        ({"model": BOTH, "output_config": {"effort": "xhigh"}}, "'xhigh' is not supported"),
        ({"model": BOTH, "output_config": {"effort": "huge"}}, "output_config.effort: Input"),
        (
            {"model": ALWAYS_ON, "tools": TOOLS, "tool_choice": {"type": "any"}},
            "tool_choice: 'any' is not supported",
        ),
    ],
)  # fmt: skip
def test_thinking_is_judged_by_the_model(fields: dict[str, Any], message: str) -> None:
    assert message in (refusal(**fields) or "accepted")


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": ENABLED},
        {"thinking": ENABLED, "temperature": 1, "top_p": ...},
        {"thinking": ENABLED, "top_p": 0.95},
        {"thinking": {"type": "disabled"}, "temperature": 0.2},
        {"model": BOTH, "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
        {"model": ADAPTIVE_ONLY, "temperature": 1},
        {"model": ADAPTIVE_ONLY, "messages": [
            {"role": "user", "content": "a"}, {"role": "system", "content": "b"}]},
        {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}},
        {"max_tokens": 0},
        {"tools": TOOLS, "tool_choice": {"type": "tool", "name": "add"}},
        {"cache_control": {"type": "ephemeral"}, "metadata": {"user_id": "u"}},
    ],
)  # fmt: skip
def test_what_the_api_accepts_passes(fields: dict[str, Any]) -> None:
    assert refusal(**fields) is None


def test_a_budget_may_exceed_max_tokens_between_tools() -> None:
    thinking = {"type": "enabled", "budget_tokens": 9000}
    fields: dict[str, Any] = {"thinking": thinking, "tools": TOOLS}
    assert "must be greater" in (refusal(**fields) or "")
    assert refusal(betas=("interleaved-thinking-2025-05-14",), **fields) is None


def test_the_newer_version_has_no_sampling_fields() -> None:
    for name in ("temperature", "top_p", "top_k"):
        sampling: dict[str, Any] = {name: 1}
        message = refusal(version="2026-10-21", **sampling)
        assert message == f"{name}: Extra inputs are not permitted"


def test_prefill_is_for_older_models_without_thinking() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert refusal(messages=turns) is None
    assert "does not support assistant message prefill" in (
        refusal(messages=turns, model=BOTH) or ""
    )
    assert "Prefilling" in (refusal(messages=turns, thinking=ENABLED) or "")


@pytest.mark.parametrize("name", ["claude-nonesuch", "claude-3-7-sonnet-20250219", ""])
def test_unknown_and_retired_models_are_not_found(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        find_model({"model": name}, lenient=False)
    assert caught.value.status == 404
    assert find_model({"model": name}, lenient=True) is not None


@pytest.mark.parametrize("body", [{}, {"model": 5}])
def test_a_model_must_be_named(body: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="model: "):
        find_model(body, lenient=False)


def test_windows_are_hard_for_the_prompt_and_soft_for_the_answer_of_newer_models() -> None:
    old = catalogue().models["claude-opus-4-1-20250805"]
    new = catalogue().models["claude-haiku-4-5-20251001"]
    check_window(199_000, 5000, new)
    check_window(199_000, 1000, old)
    with pytest.raises(Refusal, match="exceed context limit"):
        check_window(199_000, 5000, old)
    for model in (old, new):
        with pytest.raises(Refusal, match="prompt is too long: 200001 tokens > 200000 maximum"):
            check_window(200_001, 1, model)
