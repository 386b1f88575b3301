"""What the API accepts: headers and request bodies, refused in the API's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.server.catalogue import EFFORT_LEVELS, THINKING_TYPES, Model, catalogue, stranger
from evalkit.server.refusals import Refusal, invalid

VERSIONS = frozenset({"2023-01-01", "2023-06-01", "2026-10-21"})
WITHOUT_SAMPLING = "2026-10-21"
SAMPLING = ("temperature", "top_p", "top_k")
MIN_BUDGET = 1024

_COUNTED = frozenset(
    {
        "model", "messages", "system", "tools", "tool_choice", "thinking", "cache_control",
        "output_config", "speed",
    }
)  # fmt: skip
_FIELDS = _COUNTED | frozenset(
    {
        "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "metadata",
        "service_tier", "inference_geo", "container", "diagnostics",
    }
)  # fmt: skip
_BETA_FIELDS = frozenset({"betas", "context_management", "fallbacks", "mcp_servers"})
_THINKING_FIELDS = {
    "adaptive": {"type", "display", "block_binding"},
    "between_tools": {"type"},
    "disabled": {"type"},
    "enabled": {"type", "budget_tokens", "display", "block_binding"},
}
_BETA_STEMS = frozenset(
    {
        "output-128k", "output-300k", "interleaved-thinking", "context-1m", "extended-cache-ttl",
        "prompt-caching", "message-batches", "token-counting", "pdfs", "structured-outputs",
        "model-context-window-exceeded", "dev-full-thinking", "thinking-token-count",
        "thinking-display-updates", "thinking-binding-controls", "task-budgets", "fast-mode",
        "server-side-fallback", "fallback-credit", "context-management", "compact",
        "mid-conversation-tool-changes", "mid-conversation-output-config",
        "mid-conversation-system-clear-at", "message-threads", "inline-tools", "cache-diagnosis",
        "mcp-client", "code-execution", "skills", "files-api", "token-efficient-tools",
        "computer-use", "advisor-tool", "user-profiles", "effort", "fine-grained-tool-streaming",
    }
)  # fmt: skip
_DATE_LENGTH = len("-2025-01-01")


def check_version(version: str | None) -> None:
    """Refuse a request without a known ``anthropic-version``."""
    if not version:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')


def check_betas(betas: Sequence[str]) -> None:
    """Refuse beta names nobody knows."""
    unknown = [name for name in betas if name[:-_DATE_LENGTH] not in _BETA_STEMS]
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        raise invalid(f"Unexpected value(s) {names} for the `anthropic-beta` header.")


def find_model(body: Mapping[str, Any], *, lenient: bool) -> Model:
    """The model a body names; retired and unknown ones are a 404 unless ``lenient``."""
    name = body.get("model")
    if name is None:
        raise invalid("model: Field required")
    if not isinstance(name, str):
        raise invalid("model: Input should be a valid string")
    model = catalogue().find(name)
    if lenient:
        return model or stranger(name)
    if model is None or model.lifecycle == "retired":
        raise Refusal(404, f"model: {name}")
    return model


def check_count(body: Mapping[str, Any], model: Model, version: str) -> None:
    """Refuse what ``count_tokens`` refuses."""
    _check_fields(body, _COUNTED, version)
    _check_messages(body.get("messages"), model)
    _check_system(body.get("system"))
    _check_thinking_type(body, model)
    _check_effort(body, model)


def check_message(
    body: Mapping[str, Any], model: Model, version: str, betas: Sequence[str]
) -> None:
    """Refuse what ``POST /v1/messages`` refuses."""
    _check_fields(body, _FIELDS, version)
    _check_max_tokens(body, model)
    _check_messages(body.get("messages"), model)
    _check_system(body.get("system"))
    _check_types(body)
    _check_thinking_type(body, model)
    _check_budget(body, betas)
    _check_effort(body, model)
    if any(name in body for name in SAMPLING):
        _check_sampling(body, model)
    _check_prefill(body, model)
    _check_tool_choice(body, model)
    if body["max_tokens"] == 0:
        _check_prewarm(body)


def check_window(tokens: int, max_tokens: int, model: Model) -> None:
    """Refuse a prompt that does not fit the model's window (newer models only cut the answer)."""
    if tokens > model.context_tokens:
        raise invalid(f"prompt is too long: {tokens} tokens > {model.context_tokens} maximum")
    if tokens + max_tokens > model.context_tokens and not model.can_overrun_window:
        raise invalid(
            f"input length and `max_tokens` exceed context limit: {tokens} + {max_tokens} > "
            f"{model.context_tokens}, decrease input length or `max_tokens` and try again"
        )


def check_tolerantly(body: Mapping[str, Any], model: Model) -> None:
    """Refuse only what not even a tolerant gateway can answer."""
    _check_messages(body.get("messages"), model)
    if not isinstance(body.get("max_tokens", 0), int):
        raise invalid("max_tokens: Input should be a valid integer")


def _check_fields(body: Mapping[str, Any], known: frozenset[str], version: str) -> None:
    for name in body:
        if name not in known and name not in _BETA_FIELDS:
            raise invalid(f"{name}: Extra inputs are not permitted")
        if version == WITHOUT_SAMPLING and name in SAMPLING:
            raise invalid(f"{name}: Extra inputs are not permitted")


def _check_max_tokens(body: Mapping[str, Any], model: Model) -> None:
    value = body.get("max_tokens")
    if value is None:
        raise invalid("max_tokens: Field required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if value < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")
    if value > model.max_output_tokens:
        raise invalid(
            f"max_tokens: {value} > {model.max_output_tokens}, which is the maximum allowed "
            f"number of output tokens for {model.id}"
        )


def _check_messages(messages: Any, model: Model) -> None:
    if messages is None:
        raise invalid("messages: Field required")
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    if not messages:
        raise invalid("messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_turn(message, f"messages.{number}")
    roles = {message["role"] for message in messages}
    if "system" in roles and not model.has_system_turns:
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        )
    if messages[0]["role"] == "assistant":
        raise invalid('messages: first message must use the "user" role')


def _check_turn(message: Any, where: str) -> None:
    if not isinstance(message, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    role = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise invalid(f"{where}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    if content is None:
        raise invalid(f"{where}.content: Field required")
    if isinstance(content, str):
        if not content and role == "user":
            raise invalid(f"{where}: user messages must have non-empty content")
        return
    _check_blocks(content, f"{where}.content")


def _check_blocks(blocks: Any, where: str) -> None:
    if not isinstance(blocks, list):
        raise invalid(f"{where}: Input should be a valid list")
    for number, block in enumerate(blocks):
        if not isinstance(block, dict) or "type" not in block:
            raise invalid(f"{where}.{number}.type: Field required")
        if block["type"] != "text":
            continue
        text = block.get("text")
        if not isinstance(text, str):
            raise invalid(f"{where}.{number}.text.text: Field required")
        if not text:
            raise invalid("messages: text content blocks must be non-empty")


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    _check_blocks(system, "system")
    for number, block in enumerate(system):
        if block["type"] != "text":
            raise invalid(f"system.{number}.type: Input should be 'text'")


_TYPES: dict[str, tuple[type, str]] = {
    "stream": (bool, "a valid boolean"),
    "stop_sequences": (list, "a valid list"),
    "metadata": (dict, "a valid dictionary"),
    "output_config": (dict, "a valid dictionary"),
    "tools": (list, "a valid list"),
    "tool_choice": (dict, "a valid dictionary"),
}


def _check_types(body: Mapping[str, Any]) -> None:
    for name, (kind, words) in _TYPES.items():
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise invalid(f"{name}: Input should be {words}")
    for number, stop in enumerate(body.get("stop_sequences") or ()):
        if not isinstance(stop, str) or not stop.strip():
            raise invalid(
                f"stop_sequences.{number}: each stop sequence must contain non-whitespace"
            )
    for name in body.get("metadata") or ():
        if name != "user_id":
            raise invalid(f"metadata.{name}: Extra inputs are not permitted")
    tier = body.get("service_tier")
    if tier is not None and tier not in ("auto", "standard_only"):
        raise invalid("service_tier: Input should be 'auto' or 'standard_only'")


def _check_thinking_type(body: Mapping[str, Any], model: Model) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in THINKING_TYPES:
        tags = ", ".join(f"'{name}'" for name in THINKING_TYPES)
        raise invalid(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the "
            f"expected tags: {tags}"
        )
    for name in thinking:
        if name not in _THINKING_FIELDS[kind]:
            raise invalid(f"thinking.{kind}.{name}: Extra inputs are not permitted")
    if thinking.get("display") not in (None, "summarized", "omitted", "updates"):
        raise invalid(f"thinking.{kind}.display: Input should be 'summarized' or 'omitted'")
    if kind not in model.accepts:
        raise invalid(_not_accepted(kind, model))


def _not_accepted(kind: str, model: Model) -> str:
    if kind == "adaptive":
        return "adaptive thinking is not supported on this model"
    if kind == "disabled" and "between_tools" in model.accepts:
        advice = 'Use "thinking.type.between_tools" instead.'
    elif kind == "disabled":
        advice = 'Thinking is always on; use "output_config.effort" to control it.'
    else:
        advice = (
            'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    return f'"thinking.type.{kind}" is not supported for this model. {advice}'


def _check_budget(body: Mapping[str, Any], betas: Sequence[str]) -> None:
    thinking = body.get("thinking")
    if thinking is None or thinking["type"] != "enabled":
        return
    budget = thinking.get("budget_tokens")
    where = "thinking.enabled.budget_tokens"
    if budget is None:
        raise invalid(f"{where}: Field required")
    if not isinstance(budget, int) or isinstance(budget, bool):
        raise invalid(f"{where}: Input should be a valid integer")
    if budget < MIN_BUDGET:
        raise invalid(f"{where}: Input should be greater than or equal to {MIN_BUDGET}")
    is_interleaved = bool(body.get("tools")) and any(
        name.startswith("interleaved-thinking") for name in betas
    )
    if budget >= body["max_tokens"] and not is_interleaved:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_effort(body: Mapping[str, Any], model: Model) -> None:
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if effort not in EFFORT_LEVELS:
        levels = ", ".join(f"'{level}'" for level in EFFORT_LEVELS)
        raise invalid(f"output_config.effort: Input should be one of {levels}")
    if not model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort not in model.efforts:
        raise invalid(f"output_config.effort: '{effort}' is not supported for this model.")
    kind = (body.get("thinking") or {}).get("type")
    is_off = kind == "between_tools" or (kind == "disabled" and model.off_needs_low_effort)
    if is_off and effort in ("xhigh", "max"):
        raise invalid(f"\"thinking.type.{kind}\" is not supported with effort '{effort}'.")


def is_thinking(body: Mapping[str, Any], model: Model) -> bool:
    """Whether the model thinks before it answers this body."""
    kind = (body.get("thinking") or {}).get("type")
    return kind in ("enabled", "adaptive") or (kind is None and model.thinks_by_itself)


def _check_sampling(body: Mapping[str, Any], model: Model) -> None:
    temperature, top_p, top_k = (body.get(name) for name in SAMPLING)
    for name, value in (("temperature", temperature), ("top_p", top_p)):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and 0 <= value <= 1):
            raise invalid(f"{name}: Input should be a number between 0 and 1")
    if not model.has_sampling:
        for name, value, default in (
            ("temperature", temperature, 1), ("top_p", top_p, 1), ("top_k", top_k, None)
        ):  # fmt: skip
            if value is not None and value != default:
                raise invalid(f"`{name}` is deprecated for this model.")
        return
    if model.has_one_sampling_field and temperature is not None and top_p is not None:
        raise invalid(
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        )
    if is_thinking(body, model):
        _check_sampling_with_thinking(temperature, top_p, top_k)


def _check_sampling_with_thinking(temperature: Any, top_p: Any, top_k: Any) -> None:
    if temperature is not None and temperature != 1:
        raise invalid("`temperature` may only be set to 1 when thinking is enabled.")
    if top_k is not None:
        raise invalid("`top_k` must be unset when thinking is enabled.")
    if top_p is not None and top_p < 0.95:
        raise invalid(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        )


def _check_prefill(body: Mapping[str, Any], model: Model) -> None:
    if body["messages"][-1]["role"] != "assistant":
        return
    if not model.has_prefill:
        raise invalid(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )
    if is_thinking(body, model):
        raise invalid("Prefilling assistant responses is not supported when thinking is enabled.")


def _check_tool_choice(body: Mapping[str, Any], model: Model) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise invalid("tool_choice: Input tag must be one of 'auto', 'any', 'tool', 'none'")
    if not body.get("tools"):
        raise invalid("tool_choice: may only be specified while providing tools")
    if kind not in ("any", "tool"):
        return
    if not model.has_forced_tools:
        raise invalid(f"tool_choice: '{kind}' is not supported for this model.")
    if (body.get("thinking") or {}).get("type") == "enabled":
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    names = [tool.get("name") for tool in body["tools"]]
    if kind == "tool" and choice.get("name") not in names:
        raise invalid(f"tool_choice.tool.name: Tool '{choice.get('name')}' not found in tools")


def _check_prewarm(body: Mapping[str, Any]) -> None:
    has_format = bool((body.get("output_config") or {}).get("format"))
    is_forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    is_enabled = (body.get("thinking") or {}).get("type") == "enabled"
    if body.get("stream") or has_format or is_forced or is_enabled:
        raise invalid("max_tokens: 0 is only allowed for a plain request that does not stream")
