"""What a suite will cost, worked out from some of its cases and the endpoint's own count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from evalkit.errors import ConfigError
from evalkit.messages.headers import RateLimits
from evalkit.pipeline.endpoints import find_keys
from evalkit.pipeline.judges.estimate import with_judges
from evalkit.pipeline.preview import Preview, preview_suite
from evalkit.plan.estimate import Calibration, PlanEstimate, Rates, estimate_plan, prompt_bytes
from evalkit.plan.matrix import PlannedVariant
from evalkit.plan.trials import build_request
from evalkit.suite.load import LoadedSuite
from evalkit.types import Endpoint

_COUNTED_PER_PROMPT = 4
_COUNTED_PER_MODEL = 24


def estimate_suite(
    loaded: LoadedSuite, env: Mapping[str, str], only: Sequence[str] = (), *, ask: bool = False
) -> PlanEstimate:
    """What a suite will cost; raises what ``preview_suite`` raises.

    With ``ask``, endpoints that have ``count_tokens`` count some prompts of each model, which costs
    nothing; without, or where an endpoint does not say, tokens follow from the length of the text.
    """
    preview = preview_suite(loaded, env, only)
    calibrations = asyncio.run(_calibrate(preview, env)) if ask else {}
    limits = loaded.suite.limits
    estimate = estimate_plan(
        preview.variants,
        preview.probe,
        preview.n_cases,
        preview.samples,
        calibrations=calibrations,
        rates=Rates(
            limits.requests_per_minute,
            limits.input_tokens_per_minute,
            limits.output_tokens_per_minute,
        ),
    )
    return with_judges(
        estimate, loaded.suite, preview.variants, preview.probe, preview.n_cases, env
    )


async def _calibrate(preview: Preview, env: Mapping[str, str]) -> dict[str, Calibration]:
    """How many tokens a byte of prompt is, by model name, of models whose endpoints tell."""
    by_model: dict[str, dict[str, PlannedVariant]] = {}
    for planned in preview.variants:
        if not planned.endpoint.is_embedded:
            by_model.setdefault(planned.variant.model, {})[planned.variant.prompt] = planned
    asked = await asyncio.gather(
        *(_ask(list(variants.values()), preview, env) for variants in by_model.values())
    )
    return {
        name: calibration for name, calibration in zip(by_model, asked, strict=True) if calibration
    }


async def _ask(
    variants: Sequence[PlannedVariant], preview: Preview, env: Mapping[str, str]
) -> Calibration | None:
    endpoint = variants[0].endpoint
    try:
        key = find_keys({endpoint.name: endpoint}, env)[endpoint.name]
    except ConfigError:
        return None
    cases = preview.probe.spread(_COUNTED_PER_PROMPT)
    pairs = [(planned, planned.prompt.render(case)) for planned in variants for case in cases]
    pairs = pairs[:_COUNTED_PER_MODEL]
    from evalkit.client.inquiry import count_tokens  # loads the HTTP client

    told: list[RateLimits] = []
    requests = [build_request(*pair) for pair in pairs]
    counts = await count_tokens(endpoint, key, requests, on_limits=told.append)
    counted = [
        (prompt_bytes(rendered), count)
        for (_, rendered), count in zip(pairs, counts, strict=True)
        if count is not None
    ]
    if not counted:
        return None
    return Calibration(
        tokens_per_byte=sum(count for _, count in counted) / sum(size for size, _ in counted),
        most_per_byte=max(count / size for size, count in counted),
        n_counted=len(counted),
        rates=_rates(told, endpoint),
    )


def _rates(told: Sequence[RateLimits], endpoint: Endpoint) -> Rates:
    """The lowest limits that an endpoint told of while it counted.

    The official API limits the requests of count_tokens by themselves, so that what it says of
    requests there is not what it says of messages.
    """
    is_official = (urlsplit(endpoint.base_url).hostname or "").endswith("anthropic.com")
    rates = Rates()
    for limits in told:
        of_each = (None if is_official else limits.requests, limits.input, limits.output)
        rates = rates.tighter(Rates(*(one.limit if one else None for one in of_each)))
    return rates
