"""Prompts x models x thinking settings: the variants of a suite, and what is impossible in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from evalkit.errors import UsageError
from evalkit.messages.capabilities import EFFORT_LEVELS, Capabilities, find_capabilities
from evalkit.messages.pricing import Price, find_price
from evalkit.plan.cells import Cell, plan_cells
from evalkit.plan.prompts import Prompt
from evalkit.suite.matrix_schema import ThinkingSpec
from evalkit.suite.schema import LOCAL, ModelSpec, PriceSpec, Suite
from evalkit.types import Endpoint, Sampling, Thinking, Variant

ADAPTIVE_ROOM = 16 * 1024


@dataclass(frozen=True, slots=True)
class PlannedVariant:
    """A variant with everything needed to ask it: prompt, endpoint, limits on tokens, price.

    ``answer_tokens`` and ``thinking_tokens`` are what each may use at most; ``options`` are
    further body fields of the model (metadata, service tier).
    """

    variant: Variant
    prompt: Prompt
    model_id: str
    endpoint: Endpoint
    sampling: Sampling
    answer_tokens: int
    thinking_tokens: int
    price: Price | None
    options: Mapping[str, Any]
    stop_sequences: tuple[str, ...] = ()
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def max_tokens(self) -> int:
        """Room for the answer plus room for thinking, so that a sweep compares equal answers."""
        return self.answer_tokens + self.thinking_tokens


def plan_variants(
    suite: Suite, endpoints: Mapping[str, Endpoint], only: Sequence[str] = ()
) -> list[PlannedVariant]:
    """All variants in the order of the suite; ``only`` keeps those whose key matches a glob.

    ``endpoints`` maps a model's name to where it is asked. Raises TemplateError for a template
    that does not compile, UsageError when ``only`` leaves nothing.
    """
    prompts = {name: Prompt(name, spec, suite) for name, spec in suite.prompts.items()}
    planned = [
        _planned(cell, prompts[cell.prompt], endpoints[cell.model.name], suite.answer_tokens)
        for cell in plan_cells(suite)
    ]
    kept = [item for item in planned if _matches(item.variant.key, only)]
    if not kept:
        keys = ", ".join(item.variant.key for item in planned[:6])
        raise UsageError(f"--only {' '.join(only)} matches no variant", f"There are: {keys} …")
    return kept


def _planned(cell: Cell, prompt: Prompt, endpoint: Endpoint, answer_tokens: int) -> PlannedVariant:
    model, override = cell.model, cell.override
    answer_tokens = override.answer_tokens or answer_tokens
    stops = override.stop_sequences
    return PlannedVariant(
        variant=Variant(cell.prompt, model.name, thinking_asked(cell.thinking.setting(), model)),
        prompt=prompt,
        model_id=model.model,
        endpoint=endpoint,
        sampling=sampling_of(cell),
        answer_tokens=answer_tokens,
        thinking_tokens=thinking_room(cell.thinking, model, answer_tokens),
        price=price_of(model),
        options=model_options(model),
        stop_sequences=prompt.stop_sequences if stops is None else stops,
        extra_body=override.extra_body,
    )


def price_of(model: ModelSpec) -> Price | None:
    """The suite's price laid over the list's; None when unknown. The local model has none."""
    listed = None if model.provider == LOCAL else find_price(model.model)
    return listed if model.price is None else _priced(model.price, listed)


def _priced(spec: PriceSpec, listed: Price | None) -> Price | None:
    """The suite's rates laid over the list price's; None unless both input and output are known.

    Cache rates the suite does not give keep their proportion to input, where the list has one.
    """
    if listed is None and (spec.input is None or spec.output is None):
        return None
    base = listed or Price(input=0.0, output=0.0)
    rate = base.input if spec.input is None else spec.input

    def cache_rate(said: float | str | None, known: float | None) -> float | None:
        if said is None:
            return None if known is None else known * rate / base.input
        return float(said[:-1]) * rate if isinstance(said, str) else said

    write = cache_rate(spec.cache_write, base.cache_write_5m)
    write_1h = write if spec.cache_write_1h is None and spec.cache_write is not None else None
    return replace(
        base,
        input=rate,
        output=base.output if spec.output is None else spec.output,
        cache_read=cache_rate(spec.cache_read, base.cache_read),
        cache_write_5m=write,
        cache_write_1h=write_1h or cache_rate(spec.cache_write_1h, base.cache_write_1h),
        batch=base.batch if spec.batch is None else spec.batch,
        long=None if spec.input is not None or spec.output is not None else base.long,
        fast=None if spec.input is not None or spec.output is not None else base.fast,
        source="suite",
    )


def capabilities_of(model: ModelSpec) -> Capabilities | None:
    """What the suite says of a model, laid over what the table says; None if neither does."""
    known, spec = find_capabilities(model.model), model.capabilities
    if spec is None:
        return known
    said: dict[str, Any] = {
        "effort_levels": spec.efforts,
        "min_budget_tokens": spec.min_budget,
        "max_output_tokens": spec.max_output_tokens,
        "accepts_sampling": spec.sampling,
    }
    if spec.thinking is not None:
        said["thinking_types"] = tuple(_WIRE_TYPES[word] for word in spec.thinking)
    base = known or Capabilities(model.model, tuple(_WIRE_TYPES.values()), EFFORT_LEVELS)
    return replace(base, **{name: value for name, value in said.items() if value is not None})


_WIRE_TYPES = {"off": "disabled", "budget": "enabled", "adaptive": "adaptive"}


def thinking_asked(thinking: Thinking, model: ModelSpec) -> Thinking:
    """Ask for the thinking text where a model would leave it out unless asked."""
    known = capabilities_of(model) if thinking.is_on and thinking.display is None else None
    if known is None or known.display_default != "omitted":
        return thinking
    return replace(thinking, display="summarized")


def thinking_room(spec: ThinkingSpec, model: ModelSpec, answer_tokens: int) -> int:
    """Tokens for thinking on top of the answer's: the budget, or enough where the model decides.

    Without it an adaptive model would think its answer's room away and be cut off.
    """
    if spec.mode in ("off", "budget"):
        return spec.budget or 0
    known = capabilities_of(model)
    is_thinking = spec.mode == "adaptive" or (
        known is not None and (known.when_omitted or "").startswith("adaptive")
    )
    if spec.room is None and not is_thinking:
        return 0
    most = known.max_output_tokens if known else None
    room = spec.room or ADAPTIVE_ROOM
    return room if most is None else max(0, min(room, most - answer_tokens))


def model_options(model: ModelSpec) -> dict[str, Any]:
    """Further body fields that a model's requests carry."""
    fields = {"metadata": model.metadata, "service_tier": model.service_tier}
    return {name: value for name, value in fields.items() if value is not None}


def sampling_of(cell: Cell) -> Sampling:
    """The sampling fields of a cell: the override's word, else the model's."""
    said = (cell.override, cell.model)
    return Sampling(
        *(
            next((value for spec in said if (value := getattr(spec, name)) is not None), None)
            for name in ("temperature", "top_p", "top_k")
        )
    )


def _matches(key: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(key, glob) for glob in globs)
