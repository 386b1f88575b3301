"""What a plan will cost, before it is paid: requests, tokens and dollars, as a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.messages.pricing import Price, cost_usd
from evalkit.messages.request import canonical
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.prompts import Rendered
from evalkit.types import Case, Usage

# English text is about 4 bytes a token on the models of 2024-26, code and other scripts fewer.
# The expected figure uses 3.5, the cap 2.5: an estimate may be too high, a cap must not be too low.
_BYTES_PER_TOKEN = 3.5
_BYTES_PER_TOKEN_CAP = 2.5
_OVERHEAD_TOKENS = 16
# An image of the size the API scales down to costs about this.
_IMAGE_TOKENS = 1600
# An answer to an evaluation prompt is seldom longer, and thinking seldom takes all its room.
_EXPECTED_ANSWER_TOKENS = 300
_EXPECTED_THINKING_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class VariantEstimate:
    """One variant: counts over all its requests. Costs are None when the price is unknown."""

    variant: str
    requests: int
    input_tokens: int
    expected_output_tokens: int
    max_output_tokens: int
    expected_cost_usd: float | None
    max_cost_usd: float | None


@dataclass(frozen=True, slots=True)
class PlanEstimate:
    """All variants. Totals are None when no price is known; ``unpriced`` names those left out."""

    variants: tuple[VariantEstimate, ...]

    @property
    def requests(self) -> int:
        """Requests in all."""
        return sum(item.requests for item in self.variants)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Variants without a known price."""
        return tuple(item.variant for item in self.variants if item.max_cost_usd is None)

    @property
    def expected_cost_usd(self) -> float | None:
        """Expected dollars of the priced variants."""
        costs = [v.expected_cost_usd for v in self.variants if v.expected_cost_usd is not None]
        return sum(costs) if costs else None

    @property
    def max_cost_usd(self) -> float | None:
        """Dollars if every answer used all of its max_tokens, priced variants only."""
        costs = [v.max_cost_usd for v in self.variants if v.max_cost_usd is not None]
        return sum(costs) if costs else None


def estimate_plan(
    variants: Sequence[PlannedVariant], probe: Sequence[Case], n_cases: int, samples: int
) -> PlanEstimate:
    """The price of a plan, from prompts rendered for the ``probe`` cases (some of ``n_cases``)."""
    return PlanEstimate(
        tuple(_estimate_variant(planned, probe, n_cases * samples) for planned in variants)
    )


def _estimate_variant(
    planned: PlannedVariant, probe: Sequence[Case], requests: int
) -> VariantEstimate:
    sizes = [prompt_bytes(planned.prompt.render(case)) for case in probe]
    mean_bytes = sum(sizes) / max(len(sizes), 1)
    per_request = mean_bytes / _BYTES_PER_TOKEN + _OVERHEAD_TOKENS
    capped = max(sizes, default=0) / _BYTES_PER_TOKEN_CAP + _OVERHEAD_TOKENS
    answer = min(planned.answer_tokens, _EXPECTED_ANSWER_TOKENS)
    thinking = planned.thinking_tokens * _EXPECTED_THINKING_SHARE
    return VariantEstimate(
        variant=planned.variant.key,
        requests=requests,
        input_tokens=round(per_request * requests),
        expected_output_tokens=round((answer + thinking) * requests),
        max_output_tokens=planned.max_tokens * requests,
        expected_cost_usd=_dollars(planned.price, per_request, answer + thinking, requests),
        max_cost_usd=_dollars(planned.price, capped, planned.max_tokens, requests),
    )


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
