"""What a plan will cost, before it is paid: requests, tokens and dollars, as a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from evalkit.messages.models import find_model
from evalkit.messages.pricing import Price, cost_usd
from evalkit.messages.request import canonical
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.probe import Probe
from evalkit.plan.prompts import Rendered
from evalkit.types import Thinking, Usage

# English text is about 4 bytes a token on the models of 2024-26, code and other scripts fewer; the
# tokenizer of models from 4.7 on makes about 30 % more tokens of the same text. The expected figure
# uses 3.5, the cap 2.5: an estimate may be too high, a cap must not be too low.
_BYTES_PER_TOKEN = 3.5
_BYTES_PER_TOKEN_CAP = 2.5
_NEWER_TOKENIZER = 1.3
_OVERHEAD_TOKENS = 16
# An image of the size the API scales down to costs about this.
_IMAGE_TOKENS = 1600
# What servers cache at least, where the model is unknown.
_CACHE_MIN_TOKENS = 1024
# An answer to an evaluation prompt is seldom longer, and thinking seldom takes all its room:
# half a budget; where the model decides, more the more effort it is to make.
_EXPECTED_ANSWER_TOKENS = 300
_EXPECTED_THINKING_SHARE = 0.5
_EXPECTED_SHARE_BY_EFFORT = {"low": 0.1, "medium": 0.25, "high": 0.5, "xhigh": 0.7, "max": 0.9}


@dataclass(frozen=True, slots=True)
class Rates:
    """How much a minute takes at most; None where nobody says."""

    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def tighter(self, other: Rates) -> Rates:
        """The lower limit of each."""
        ours, theirs = astuple(self), astuple(other)
        pairs = zip(ours, theirs, strict=True)
        return Rates(*(min(filter(None, pair), default=None) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What an endpoint's own count of ``n_counted`` prompts says of a model: tokens a byte.

    ``rates`` are the limits it told of on that occasion.
    """

    tokens_per_byte: float
    most_per_byte: float
    n_counted: int
    rates: Rates = Rates()


@dataclass(frozen=True, slots=True)
class VariantEstimate:
    """One variant: counts over all its requests. Costs are None when the price is unknown.

    ``expected_thinking_tokens`` and ``max_thinking_tokens`` are parts of the output tokens,
    ``cached_tokens`` the part of the input that is expected to come from the server's prompt cache.
    ``n_counted`` prompts were counted by the endpoint; 0 means input follows from text lengths.
    ``is_free``: the local model, which costs nothing.
    """

    variant: str
    requests: int
    input_tokens: int
    expected_output_tokens: int
    max_output_tokens: int
    expected_cost_usd: float | None
    max_cost_usd: float | None
    expected_thinking_tokens: int = 0
    max_thinking_tokens: int = 0
    n_counted: int = 0
    cached_tokens: int = 0
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class PlanEstimate:
    """All variants, and the ``judges`` that grade them, who are part of every total.

    Totals are None when no price is known; ``unpriced`` names those left out.
    ``expected_minutes`` is the time that the rate limits leave no way around, None without
    limits; ``limits_told``: some are known from the endpoint alone.
    """

    variants: tuple[VariantEstimate, ...]
    expected_minutes: float | None = None
    judges: tuple[VariantEstimate, ...] = ()
    limits_told: bool = False

    @property
    def everything(self) -> tuple[VariantEstimate, ...]:
        """Variants and judges."""
        return (*self.variants, *self.judges)

    @property
    def requests(self) -> int:
        """Requests in all."""
        return sum(item.requests for item in self.everything)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Variants and judges without a known price, but for the local model."""
        return tuple(
            item.variant
            for item in self.everything
            if item.max_cost_usd is None and not item.is_free
        )

    @property
    def expected_cost_usd(self) -> float | None:
        """Expected dollars of the priced variants."""
        costs = [v.expected_cost_usd for v in self.everything if v.expected_cost_usd is not None]
        return sum(costs) if costs else None

    @property
    def max_cost_usd(self) -> float | None:
        """Dollars if every answer used all of its max_tokens, priced variants only."""
        costs = [v.max_cost_usd for v in self.everything if v.max_cost_usd is not None]
        return sum(costs) if costs else None

    @property
    def n_counted(self) -> int:
        """Prompts that endpoints counted, of the models counted least; 0 if one was not."""
        return min((item.n_counted for item in self.variants), default=0)


def estimate_plan(
    variants: Sequence[PlannedVariant],
    probe: Probe,
    n_cases: int,
    samples: int,
    *,
    calibrations: Mapping[str, Calibration] | None = None,
    rates: Rates = Rates(),
) -> PlanEstimate:
    """The price of a plan, from prompts rendered for a ``probe`` of its ``n_cases``.

    ``calibrations`` are by model name; ``rates`` are the suite's limits, of each model.
    """
    prompts = {planned.variant.prompt: planned.prompt for planned in variants}
    weights = {
        name: _weigh(
            [prompt.render(case) for case in probe.cases],
            prompt.render(probe.largest) if probe.largest else None,
        )
        for name, prompt in prompts.items()
    }
    known = calibrations or {}
    estimates = tuple(
        _estimate_variant(
            planned,
            weights[planned.variant.prompt],
            n_cases * samples,
            known.get(planned.variant.model) or _by_length(planned.model_id),
        )
        for planned in variants
    )
    by_model = {name: rates.tighter(calibration.rates) for name, calibration in known.items()}
    minutes = _minutes(variants, estimates, by_model, rates)
    are_told = any(limits != rates for limits in by_model.values())
    return PlanEstimate(estimates, minutes, limits_told=are_told)


def _by_length(model: str) -> Calibration:
    found = find_model(model)
    is_newer = found is not None and str(found[1].get("tokenizer", "")).startswith("new")
    factor = _NEWER_TOKENIZER if is_newer else 1.0
    return Calibration(factor / _BYTES_PER_TOKEN, factor / _BYTES_PER_TOKEN_CAP, 0)


@dataclass(frozen=True, slots=True)
class _Weight:
    """What a prompt weighs on the probed cases, in bytes, and of it what all of them share."""

    sizes: tuple[int, ...]
    largest: int
    shared_bytes: int


def _weigh(rendered: Sequence[Rendered], largest: Rendered | None) -> _Weight:
    prefixes = {canonical({"prefix": one.shared_prefix}): one for one in rendered if one.is_cached}
    shared = len(next(iter(prefixes))) if len(prefixes) == 1 else 0
    sizes = tuple(prompt_bytes(one) for one in rendered)
    return _Weight(sizes, max((*sizes, prompt_bytes(largest) if largest else 0)), shared)


def _estimate_variant(
    planned: PlannedVariant, weight: _Weight, requests: int, calibration: Calibration
) -> VariantEstimate:
    load = Load(
        planned.variant.key,
        planned.model_id,
        planned.variant.thinking,
        planned.price,
        planned.answer_tokens,
        planned.thinking_tokens,
        weight.sizes,
        weight.largest,
        requests,
        shared_bytes=weight.shared_bytes,
        is_free=planned.endpoint.is_embedded,
    )
    return estimate_load(load, calibration)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one kind: prompts of some of them in bytes, and the largest there may be.

    ``expected_answer_tokens`` is what an answer is likely to take of its ``answer_tokens``,
    ``shared_bytes`` what all prompts begin with and the server is to cache; ``is_free``: asked of
    the local model.
    """

    key: str
    model: str
    thinking: Thinking
    price: Price | None
    answer_tokens: int
    thinking_tokens: int
    sizes: tuple[int, ...]
    largest: int
    requests: int
    expected_answer_tokens: int = _EXPECTED_ANSWER_TOKENS
    shared_bytes: int = 0
    is_free: bool = False


def estimate_load(load: Load, calibration: Calibration | None = None) -> VariantEstimate:
    """What these requests will cost; tokens follow from lengths unless ``calibration`` says."""
    known = calibration or _by_length(load.model)
    mean_bytes = sum(load.sizes) / max(len(load.sizes), 1)
    overhead = 0 if known.n_counted else _OVERHEAD_TOKENS
    per_request = mean_bytes * known.tokens_per_byte + overhead
    capped = load.largest * known.most_per_byte + _OVERHEAD_TOKENS
    answer = min(load.answer_tokens, load.expected_answer_tokens)
    thinking = load.thinking_tokens * _expected_share(load.thinking)
    max_tokens, requests = load.answer_tokens + load.thinking_tokens, load.requests
    cached = _cached_tokens(load.model, load.shared_bytes * known.tokens_per_byte)
    return VariantEstimate(
        variant=load.key,
        requests=requests,
        input_tokens=round(per_request * requests),
        expected_output_tokens=round((answer + thinking) * requests),
        max_output_tokens=max_tokens * requests,
        expected_cost_usd=_expected_dollars(
            load.price, (per_request, cached, answer + thinking), requests
        ),
        max_cost_usd=_dollars(load.price, capped, max_tokens, requests),
        expected_thinking_tokens=round(thinking * requests),
        max_thinking_tokens=load.thinking_tokens * requests,
        n_counted=known.n_counted,
        cached_tokens=round(cached * max(requests - 1, 0)),
        is_free=load.is_free,
    )


def _cached_tokens(model: str, shared_tokens: float) -> float:
    """The tokens of a prompt that a server keeps: prefixes too short for it are sent in full."""
    found = find_model(model)
    least = found[1].get("cache_min_tokens") if found else None
    return shared_tokens if shared_tokens >= (least or _CACHE_MIN_TOKENS) else 0.0


def _expected_dollars(
    price: Price | None, per_request: tuple[float, float, float], requests: int
) -> float | None:
    """Dollars for tokens of (input, of it cached, output) a request; the first fills the cache."""
    prompt, cached, output = per_request
    if not cached or not requests:
        return _dollars(price, prompt, output, requests)
    fresh = Usage(round(prompt - cached), round(output))
    first = cost_usd(replace(fresh, cache_write_tokens=round(cached)), price)
    other = cost_usd(replace(fresh, cache_read_tokens=round(cached)), price)
    return None if first is None or other is None else first + other * (requests - 1)


def _expected_share(thinking: Thinking) -> float:
    if thinking.mode == "budget" or thinking.effort is None:
        return _EXPECTED_THINKING_SHARE
    return _EXPECTED_SHARE_BY_EFFORT[thinking.effort]


def _minutes(
    variants: Sequence[PlannedVariant],
    estimates: Sequence[VariantEstimate],
    by_model: Mapping[str, Rates],
    others: Rates,
) -> float | None:
    """Minutes at the tightest limit of the model that needs longest; models run side by side."""
    needs: dict[tuple[str, str], float] = {}
    for planned, estimate in zip(variants, estimates, strict=True):
        model = planned.variant.model
        limits = by_model.get(model, others)
        for name, limit, need in (
            ("requests", limits.requests, estimate.requests),
            ("input", limits.input_tokens, estimate.input_tokens),
            ("output", limits.output_tokens, estimate.expected_output_tokens),
        ):
            if limit and not planned.endpoint.is_embedded:
                needs[model, name] = needs.get((model, name), 0.0) + need / limit
    return max(needs.values(), default=None)


def prompt_bytes(rendered: Rendered) -> int:
    """What a prompt weighs when tokens are guessed: its text, its tools, a flat sum an image."""
    text = sum(len(text.encode("utf-8", "replace")) for _, text in rendered.turns())
    fields = len(canonical(rendered.options)) if rendered.options else 0
    blocks = [block for turn in rendered.messages for block in _blocks(turn["content"])]
    images = sum(1 for block in blocks if block["type"] == "image")
    return text + fields + images * int(_IMAGE_TOKENS * _BYTES_PER_TOKEN)


def _blocks(content: Any) -> list[Any]:
    return [] if isinstance(content, str) else list(content)


def request_cap_usd(price: Price | None, prompt_bytes: int, max_tokens: int) -> float | None:
    """The most one request can cost, for reserving; None when the price is unknown."""
    return _dollars(price, prompt_bytes / _BYTES_PER_TOKEN_CAP + _OVERHEAD_TOKENS, max_tokens)


def _dollars(
    price: Price | None, input_tokens: float, output_tokens: float, requests: int = 1
) -> float | None:
    usage = Usage(input_tokens=round(input_tokens), output_tokens=round(output_tokens))
    cost = cost_usd(usage, price)
    return None if cost is None else cost * requests
