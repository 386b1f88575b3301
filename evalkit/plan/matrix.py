"""Prompts x models x thinking settings: the variants of a suite, and what is impossible in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from evalkit.errors import Problem, TemplateError, UsageError
from evalkit.messages.capabilities import (
    EFFORT_LEVELS,
    Capabilities,
    check_thinking,
    find_capabilities,
)
from evalkit.messages.pricing import Price, find_price
from evalkit.plan.prompts import Prompt
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import LOCAL, ModelSpec, Suite, ThinkingSpec
from evalkit.templates import unknown_variables
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
        PlannedVariant(
            variant=Variant(name, model.name, _shown(spec.setting(), model)),
            prompt=prompt,
            model_id=model.model,
            endpoint=endpoints[model.name],
            sampling=_sampling(model),
            answer_tokens=suite.answer_tokens,
            thinking_tokens=_thinking_room(spec, model, suite.answer_tokens),
            price=price_of(model),
            options=_options(model),
        )
        for name, prompt in prompts.items()
        for model in suite.models
        for spec in suite.thinking
    ]
    kept = [item for item in planned if _matches(item.variant.key, only)]
    if not kept:
        keys = ", ".join(item.variant.key for item in planned[:6])
        raise UsageError(f"--only {' '.join(only)} matches no variant", f"There are: {keys} …")
    return kept


def price_of(model: ModelSpec) -> Price | None:
    """The suite's own price, else the table's; None when unknown. The local model has none."""
    if model.price is not None:
        price = model.price
        return Price(
            input=price.input,
            output=price.output,
            cache_read=price.input if price.cache_read is None else price.cache_read,
            cache_write_5m=price.input if price.cache_write is None else price.cache_write,
            cache_write_1h=price.input if price.cache_write is None else price.cache_write,
            source="suite",
        )
    return None if model.provider == LOCAL else find_price(model.model)


def plan_problems(
    loaded: LoadedSuite,
    columns: frozenset[str],
    discovered: Mapping[str, Capabilities] | None = None,
) -> list[Problem]:
    """What cannot work, found before anything is sent.

    Impossible thinking settings, templates that do not compile or that name columns the dataset's
    first row lacks (``columns`` are those it has), a cost cap without prices. ``discovered`` is
    what endpoints say of models (by name); it goes before the table, after the suite.
    """
    told = discovered or {}
    known = {
        model.name: told.get(model.name) or capabilities_of(model) for model in loaded.suite.models
    }
    return [
        *_template_problems(loaded, columns),
        *_thinking_problems(loaded, known),
        *_request_problems(loaded, known),
        *_price_problems(loaded),
    ]


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


def _shown(thinking: Thinking, model: ModelSpec) -> Thinking:
    """Ask for the thinking text where a model would leave it out unless asked."""
    known = capabilities_of(model) if thinking.is_on and thinking.display is None else None
    if known is None or known.display_default != "omitted":
        return thinking
    return replace(thinking, display="summarized")


def _thinking_room(spec: ThinkingSpec, model: ModelSpec, answer_tokens: int) -> int:
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


def _options(model: ModelSpec) -> dict[str, Any]:
    fields = {"metadata": model.metadata, "service_tier": model.service_tier}
    return {name: value for name, value in fields.items() if value is not None}


def _sampling(model: ModelSpec) -> Sampling:
    return Sampling(model.temperature, model.top_p, model.top_k)


def _matches(key: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(key, glob) for glob in globs)


def _template_problems(loaded: LoadedSuite, columns: frozenset[str]) -> list[Problem]:
    problems = []
    for name, spec in loaded.suite.prompts.items():
        where = loaded.source.where(("prompts", name))
        try:
            prompt = Prompt(name, spec, loaded.suite)
        except TemplateError as error:
            problems.append(Problem(where, error.message))
            continue
        unknown = {name for item in prompt.templates for name in unknown_variables(item, columns)}
        problems += [
            Problem(
                where,
                f"the prompt uses '{variable}', which no row has; "
                f"the columns are {', '.join(sorted(columns))}",
            )
            for variable in sorted(unknown | (prompt.columns - columns))
        ]
    return problems


def _thinking_problems(
    loaded: LoadedSuite, known: Mapping[str, Capabilities | None]
) -> list[Problem]:
    suite = loaded.suite
    return [
        Problem(loaded.source.where(("thinking", index)), message)
        for model in suite.models
        if model.provider != LOCAL
        for index, spec in enumerate(suite.thinking)
        for message in check_thinking(
            model.model,
            spec.setting(),
            _sampling(model),
            suite.answer_tokens,
            known[model.name],
        )
    ]


def _request_problems(
    loaded: LoadedSuite, known: Mapping[str, Capabilities | None]
) -> list[Problem]:
    """Forced tools and output schemas where a model refuses them."""
    problems = []
    suite = loaded.suite
    for name, prompt in suite.prompts.items():
        is_forced = (prompt.tool_choice or {}).get("type") in ("any", "tool")
        for model in suite.models:
            accepted = known[model.name]
            if accepted is None:
                continue
            where = loaded.source.where(("prompts", name))
            if is_forced and accepted.accepts_forced_tool_choice is False:
                advice = "use tool_choice auto, or output_schema"
                problems.append(Problem(where, f"{model.model} takes no forced tool; {advice}"))
            elif is_forced and any(spec.mode == "budget" for spec in suite.thinking):
                advice = "a forced tool goes with no thinking budget; use tool_choice auto"
                problems.append(Problem(where, f"{model.model}: {advice}"))
            if prompt.output_schema is not None and accepted.accepts_structured_outputs is False:
                problems.append(Problem(where, f"{model.model} takes no output_schema"))
    return problems


def _price_problems(loaded: LoadedSuite) -> list[Problem]:
    suite = loaded.suite
    if suite.budget.max_cost_usd is None:
        return []
    return [
        Problem(
            loaded.source.where(("models", index)),
            f"no price is known for {model.model}, so max_cost_usd cannot be kept; "
            "give its price (USD per million tokens): price: {input: …, output: …}",
        )
        for index, model in enumerate(suite.models)
        if model.provider != LOCAL and price_of(model) is None
    ]
