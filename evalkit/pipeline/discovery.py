"""What endpoints say of models that nobody else knows, asked once before a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from evalkit.messages.capabilities import Capabilities, from_models_endpoint
from evalkit.plan.matrix import capabilities_of
from evalkit.suite.schema import LOCAL, ModelSpec, Suite
from evalkit.types import Endpoint

HTTP_OK = 200


def discover(
    suite: Suite, endpoints: Mapping[str, Endpoint], keys: Mapping[str, str | None]
) -> dict[str, Capabilities]:
    """Capabilities by the models' names, of those whose endpoints tell them.

    Asked about are only models that neither the suite nor the table describes, so that a run of a
    known model sends nothing but its own requests.
    """
    asked = [
        model
        for model in suite.models
        if model.provider != LOCAL and capabilities_of(model) is None
    ]
    if not asked:
        return {}
    return asyncio.run(_ask_all(asked, endpoints, keys))


async def _ask_all(
    models: list[ModelSpec], endpoints: Mapping[str, Endpoint], keys: Mapping[str, str | None]
) -> dict[str, Capabilities]:
    told = await asyncio.gather(
        *(_ask(model, endpoints[model.name], keys[model.name]) for model in models)
    )
    return {
        model.name: capabilities
        for model, capabilities in zip(models, told, strict=True)
        if capabilities is not None
    }


async def _ask(model: ModelSpec, endpoint: Endpoint, key: str | None) -> Capabilities | None:
    from evalkit.client.inquiry import ask_about_model  # loads the HTTP client

    told = await ask_about_model(endpoint, key, model.model)
    return from_models_endpoint(told.body) if told.status == HTTP_OK else None
