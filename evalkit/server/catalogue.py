"""The models the server knows: their rules, and the form ``GET /v1/models`` gives them.

Made from the shipped table of models, but judged here on its own, so that a mistake in the client's
reading of that table does not cancel out in tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from evalkit.messages.models import models_table

EFFORT_LEVELS = ("low", "medium", "high", "xhigh", "max")
THINKING_TYPES = ("adaptive", "between_tools", "disabled", "enabled")
_TOKENS_PER_CHARACTER = {"old": 1 / 3.8, "new": 1.3 / 3.8}


@dataclass(frozen=True, slots=True)
class Model:
    """What one model accepts. ``thinks_by_itself``: a request that names no thinking gets some."""

    id: str
    accepts: frozenset[str]
    thinks_by_itself: bool
    shows_thinking: bool
    efforts: tuple[str, ...]
    default_effort: str
    max_output_tokens: int
    context_tokens: int
    cache_min_tokens: int
    tokens_per_character: float
    has_sampling: bool
    has_one_sampling_field: bool
    has_prefill: bool
    has_forced_tools: bool
    has_system_turns: bool
    can_overrun_window: bool
    off_needs_low_effort: bool
    lifecycle: str
    raw: Mapping[str, Any]


def _model(name: str, raw: Mapping[str, Any]) -> Model:
    thinking, effort = raw["thinking"], raw["effort"]
    accepts = frozenset(kind for kind in THINKING_TYPES if thinking["accepts"][kind])
    is_new = str(raw["tokenizer"]).startswith("new")
    return Model(
        id=name,
        accepts=accepts,
        thinks_by_itself=str(thinking["when_omitted"]).startswith("adaptive"),
        shows_thinking=thinking["display_default"] != "omitted",
        efforts=tuple(effort["levels"]),
        default_effort=effort["default"] or "high",
        max_output_tokens=raw["max_output_tokens"],
        context_tokens=raw["context_window"],
        cache_min_tokens=raw["cache_min_tokens"],
        tokens_per_character=_TOKENS_PER_CHARACTER["new" if is_new else "old"],
        has_sampling=raw["sampling"]["accepted"],
        has_one_sampling_field=raw["sampling"]["temperature_or_top_p"],
        has_prefill=raw["assistant_prefill"],
        has_forced_tools=raw["forced_tool_choice"],
        has_system_turns=raw["released"] >= "2026-05",
        can_overrun_window=raw["released"] >= "2025-09",
        off_needs_low_effort="disabled_rule" in thinking,
        lifecycle=raw["lifecycle"],
        raw=raw,
    )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models by id, with the aliases that lead to them."""

    models: Mapping[str, Model]
    aliases: Mapping[str, str]

    def find(self, name: str) -> Model | None:
        """The model of that id or alias, if there is one."""
        return self.models.get(self.aliases.get(name, name))

    def infos(self, lifecycles: frozenset[str]) -> list[dict[str, Any]]:
        """``ModelInfo`` documents of those lifecycles, newest first."""
        chosen = [model for model in self.models.values() if model.lifecycle in lifecycles]
        chosen.sort(key=lambda model: str(model.raw["released"]), reverse=True)
        return [model_info(model) for model in chosen]


@cache
def catalogue() -> Catalogue:
    """The catalogue shipped with the package."""
    table = models_table()
    models = {name: _model(name, raw) for name, raw in table["models"].items()}
    return Catalogue(models, table["aliases"])


def stranger(name: str) -> Model:
    """A model nobody has heard of, as a tolerant gateway treats it: everything is accepted."""
    return Model(
        id=name,
        accepts=frozenset(THINKING_TYPES),
        thinks_by_itself=False,
        shows_thinking=True,
        efforts=EFFORT_LEVELS,
        default_effort="high",
        max_output_tokens=1_000_000,
        context_tokens=1_000_000,
        cache_min_tokens=1024,
        tokens_per_character=_TOKENS_PER_CHARACTER["old"],
        has_sampling=True,
        has_one_sampling_field=False,
        has_prefill=True,
        has_forced_tools=True,
        has_system_turns=True,
        can_overrun_window=True,
        off_needs_low_effort=False,
        lifecycle="active",
        raw={},
    )


def model_info(model: Model) -> dict[str, Any]:
    """The ``ModelInfo`` document of one model."""
    raw = model.raw
    return {
        "type": "model",
        "id": model.id,
        "display_name": _display_name(model.id),
        "created_at": _moment(raw["released"]),
        "lifecycle": model.lifecycle,
        "deprecated_at": _moment(raw["deprecated_on"]),
        "retires_at": _moment(raw["retires_on"]),
        "line": raw["line"],
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    has_efforts = bool(model.efforts)
    levels = {level: {"supported": level in model.efforts} for level in EFFORT_LEVELS}
    types = {kind: {"supported": kind in model.accepts} for kind in THINKING_TYPES}
    thinks = bool(model.accepts - {"disabled"})
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": yes if has_efforts else no,
        "context_management": {"supported": True},
        "effort": {"supported": has_efforts, **levels},
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": True, "web_search": yes, "code_execution": yes},
        "structured_outputs": yes if model.raw["structured_outputs"] else no,
        "thinking": {"supported": thinks, "types": types},
    }


def _moment(day: str | None) -> str | None:
    """A date or a month of the table as an RFC 3339 time."""
    if day is None:
        return None
    return f"{day if len(day) > len('2026-01') else day + '-01'}T00:00:00Z"


def _display_name(name: str) -> str:
    words = [word for word in name.split("-") if len(word) != len("20250929")]
    numbers = ".".join(word for word in words if word.isdigit())
    return " ".join([*(word.title() for word in words if not word.isdigit()), numbers]).strip()
