"""What each model accepts, by the shipped table or ``GET /v1/models``, checked before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.messages.models import find_model
from evalkit.types import Sampling, Thinking

THINKING_TYPES = ("disabled", "enabled", "adaptive", "between_tools")
EFFORT_LEVELS = ("low", "medium", "high", "xhigh", "max")
_TOP_P_WITH_THINKING = 0.95


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model accepts. Facts nobody stated are None.

    ``thinking_types`` are the wire's names (``enabled`` takes a budget). ``when_omitted`` is what a
    request without ``thinking`` gets: ``off``, ``adaptive`` or ``adaptive (always on)``.
    ``efforts_when_off`` are the effort levels that go with ``disabled``, where not all do.
    ``lifecycle`` is ``active``, ``deprecated`` or ``retired``; ``retires_on`` a date (YYYY-MM-DD).
    """

    model: str
    thinking_types: tuple[str, ...]
    effort_levels: tuple[str, ...] = ()
    default_effort: str | None = None
    when_omitted: str | None = None
    display_default: str | None = None
    min_budget_tokens: int | None = None
    efforts_when_off: tuple[str, ...] | None = None
    max_output_tokens: int | None = None
    context_window: int | None = None
    accepts_sampling: bool | None = None
    temperature_or_top_p: bool | None = None
    accepts_prefill: bool | None = None
    accepts_forced_tool_choice: bool | None = None
    accepts_structured_outputs: bool | None = None
    cache_min_tokens: int | None = None
    lifecycle: str | None = None
    retires_on: str | None = None


def find_capabilities(model: str) -> Capabilities | None:
    """What the shipped table says of an exact model id or alias; None for any other id."""
    found = find_model(model)
    if found is None:
        return None
    model_id, entry = found
    thinking, effort, sampling = entry["thinking"], entry["effort"], entry["sampling"]
    efforts_when_off = thinking.get("disabled_efforts")
    return Capabilities(
        model=model_id,
        thinking_types=tuple(kind for kind in THINKING_TYPES if thinking["accepts"][kind]),
        effort_levels=tuple(effort["levels"]),
        default_effort=effort["default"],
        when_omitted=thinking["when_omitted"],
        display_default=thinking["display_default"],
        min_budget_tokens=thinking["min_budget_tokens"],
        efforts_when_off=None if efforts_when_off is None else tuple(efforts_when_off),
        max_output_tokens=entry["max_output_tokens"],
        context_window=entry["context_window"],
        accepts_sampling=sampling["accepted"],
        temperature_or_top_p=sampling["temperature_or_top_p"],
        accepts_prefill=entry["assistant_prefill"],
        accepts_forced_tool_choice=entry["forced_tool_choice"],
        accepts_structured_outputs=entry["structured_outputs"],
        cache_min_tokens=entry["cache_min_tokens"],
        lifecycle=entry["lifecycle"],
        retires_on=entry["retires_on"],
    )


def from_models_endpoint(model_info: Mapping[str, Any]) -> Capabilities | None:
    """What a server says of one of its models (an entry of ``GET /v1/models``).

    Its word goes before the table's, which fills in what the endpoint does not tell. None where
    neither tells of thinking and effort, as with the OpenAI form of that list.
    """
    model, told = model_info.get("id"), model_info.get("capabilities")
    if not isinstance(model, str) or not isinstance(told, Mapping):
        return None
    types, effort = _group(_group(told, "thinking"), "types"), _group(told, "effort")
    known = find_capabilities(model)
    if known is None:
        if not types or not effort:
            return None
        known = Capabilities(model, ())
    lifecycle, retires_at = model_info.get("lifecycle"), model_info.get("retires_at")
    return replace(
        known,
        model=model,
        thinking_types=_supported(types, THINKING_TYPES, known.thinking_types),
        effort_levels=_supported(effort, EFFORT_LEVELS, known.effort_levels),
        max_output_tokens=_count(model_info.get("max_tokens"), known.max_output_tokens),
        context_window=_count(model_info.get("max_input_tokens"), known.context_window),
        accepts_structured_outputs=_flag(
            told.get("structured_outputs"), known.accepts_structured_outputs
        ),
        lifecycle=lifecycle if isinstance(lifecycle, str) else known.lifecycle,
        retires_on=retires_at[:10] if isinstance(retires_at, str) else known.retires_on,
    )


def accepted_settings(capabilities: Capabilities) -> str:
    """The thinking settings a suite may name for this model, as words: ``off, adaptive or low``."""
    settings = []
    if "disabled" in capabilities.thinking_types:
        settings.append("off")
    if "enabled" in capabilities.thinking_types:
        least = capabilities.min_budget_tokens
        settings.append(f"a budget of {least} tokens or more" if least else "a budget")
    if "adaptive" in capabilities.thinking_types:
        settings.append("adaptive")
    return _either([*settings, *capabilities.effort_levels]) or "default"


def check_thinking(
    model: str,
    thinking: Thinking,
    sampling: Sampling,
    answer_tokens: int,
    capabilities: Capabilities | None,
) -> list[str]:
    """Why this setting cannot work with this model, a sentence for each reason.

    Nothing is refused for a model of which nothing is known (``capabilities`` None).
    """
    if capabilities is None:
        return []
    return [
        *_mode_problems(model, thinking, capabilities),
        *_effort_problems(model, thinking, capabilities),
        *_room_problems(model, thinking, answer_tokens, capabilities),
        *_sampling_problems(model, thinking, sampling, capabilities),
    ]


def _mode_problems(model: str, thinking: Thinking, known: Capabilities) -> list[str]:
    budget = thinking.budget_tokens or 0
    problems = []
    if thinking.mode == "budget" and "enabled" not in known.thinking_types:
        problems.append(
            f"{model} takes no budget (thinking budget {budget}): use {accepted_settings(known)}"
        )
    elif thinking.mode == "budget" and budget < (known.min_budget_tokens or 0):
        problems.append(
            f"{model} takes budgets of {known.min_budget_tokens} tokens or more "
            f"(thinking budget {budget})"
        )
    elif thinking.mode == "adaptive" and "adaptive" not in known.thinking_types:
        problems.append(f"{model} takes no adaptive thinking: use {accepted_settings(known)}")
    elif thinking.mode == "off" and "disabled" not in known.thinking_types:
        problems.append(
            f"{model} cannot switch thinking off (thinking off): use {accepted_settings(known)}"
        )
    if thinking.display is not None and not thinking.is_on:
        problems.append(
            f"{model}: display {thinking.display} needs a budget or adaptive thinking "
            f"(thinking {thinking.mode})"
        )
    return problems


def _effort_problems(model: str, thinking: Thinking, known: Capabilities) -> list[str]:
    effort = thinking.effort
    if effort is None:
        return []
    if not known.effort_levels:
        return [f"{model} takes no effort (effort {effort}): use {accepted_settings(known)}"]
    if effort not in known.effort_levels:
        return [f"{model} takes no effort {effort}: use {_either(known.effort_levels)}"]
    allowed = known.efforts_when_off
    if thinking.mode == "off" and allowed is not None and effort not in allowed:
        return [
            f"{model} can switch thinking off only with effort {_either(allowed)} (effort {effort})"
        ]
    return []


def _room_problems(
    model: str, thinking: Thinking, answer_tokens: int, known: Capabilities
) -> list[str]:
    """More tokens than it writes. A retired model lives on at gateways, which have their limits."""
    budget = thinking.budget_tokens or 0 if thinking.mode == "budget" else 0
    most = known.max_output_tokens
    if most is None or known.lifecycle == "retired" or answer_tokens + budget <= most:
        return []
    asked = f"answer_tokens {answer_tokens}" + (f" + budget {budget}" if budget else "")
    return [f"{model} writes at most {most} tokens, less than {asked}: lower {_which(budget)}"]


def _which(budget: int) -> str:
    return "one of them" if budget else "it"


def _sampling_problems(
    model: str, thinking: Thinking, sampling: Sampling, known: Capabilities
) -> list[str]:
    """Fields that would be refused. A temperature of 1 is the default and changes nothing."""
    changed = {
        "temperature": sampling.temperature if sampling.temperature != 1 else None,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
    }
    given = [f"{name} {value:g}" for name, value in changed.items() if value is not None]
    if known.accepts_sampling is False and given:
        return [f"{model} takes no {_either(given)}: it samples only at its defaults"]
    problems = []
    if thinking.is_on:
        refused = [text for text in given if not text.startswith("top_p")]
        if sampling.top_p is not None and sampling.top_p < _TOP_P_WITH_THINKING:
            refused.append(f"top_p {sampling.top_p:g}")
        if refused:
            problems.append(
                f"{model} takes no {_either(refused)} together with thinking "
                f"(thinking {thinking.key}): only top_p from {_TOP_P_WITH_THINKING} to 1"
            )
    if known.temperature_or_top_p and None not in (sampling.temperature, sampling.top_p):
        problems.append(f"{model} takes temperature or top_p, not both: leave one out")
    return problems


def _either(words: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    *first, last = words or [""]
    return f"{', '.join(first)} or {last}" if first else last


def _group(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, Mapping) else {}


def _flag(told: object, known: bool | None) -> bool | None:
    value = told.get("supported") if isinstance(told, Mapping) else None
    return value if isinstance(value, bool) else known


def _count(told: object, known: int | None) -> int | None:
    return told if isinstance(told, int) and told > 0 else known


def _supported(
    told: Mapping[str, Any], names: Sequence[str], known: Sequence[str]
) -> tuple[str, ...]:
    """Those of ``names`` the server says it supports, or of which it says nothing and we know."""
    if told.get("supported") is False:
        return ()
    return tuple(name for name in names if _flag(told.get(name), name in known))
