"""What an endpoint's answers to free questions say of address, key, model and clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from evalkit.client.inquiry import Reply, ask_about_model, count_tokens
from evalkit.errors import EvalkitError
from evalkit.messages.capabilities import Capabilities, from_models_endpoint
from evalkit.messages.redaction import visible
from evalkit.pipeline.endpoints import find_keys
from evalkit.report.format import seconds
from evalkit.suite.schema import ModelSpec
from evalkit.types import Endpoint, Request

_CLOCK_S = 60.0
_ADDRESS = "Check base_url or ANTHROPIC_BASE_URL"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``advice`` says what to do unless it is fine."""

    name: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    advice: str | None = None


def check_model(
    model: ModelSpec, endpoint: Endpoint, env: Mapping[str, str], told: dict[str, Capabilities]
) -> Iterator[Check]:
    """Ask an endpoint about one of its models; what it tells of it is added to ``told``."""
    name = model.name
    try:
        key = find_keys({name: endpoint}, env)[name]
        yield Check(f"key of {name}", "ok", "found" if key else "none needed")
    except EvalkitError as error:
        key = None
        finding = error.message.removeprefix(f"model {name}: ")
        yield Check(f"key of {name}", "problem", finding, error.hint)
    reply = asyncio.run(ask_about_model(endpoint, key, model.model))
    known = from_models_endpoint(reply.body)
    if known is not None:
        told[name] = known
    yield from _check_reply(model, endpoint, key, reply)


def _check_reply(
    model: ModelSpec, endpoint: Endpoint, key: str | None, reply: Reply
) -> Iterator[Check]:
    name, host = model.name, urlsplit(endpoint.base_url).netloc.rpartition("@")[2]
    error = reply.body.get("error")
    message = visible(str(error.get("message", ""))) if isinstance(error, Mapping) else ""
    if reply.status is None:
        advice = f"{_ADDRESS}, the network, and HTTPS_PROXY."
        yield Check(f"endpoint of {name}", "problem", f"{host}: {reply.trouble}", advice)
        return
    if 300 <= reply.status < 400:
        finding = f"{host} sends us elsewhere (status {reply.status})"
        advice = f"{_ADDRESS}: it must be the server's own address."
        yield Check(f"endpoint of {name}", "problem", finding, advice)
        return
    yield Check(f"endpoint of {name}", "ok", f"{host} answers")
    if reply.status in (401, 403):
        advice = f"Check the value of {endpoint.api_key_env or 'the key'}, and auth."
        finding = f"the endpoint refuses the key: {message}"
        yield Check(f"key of {name}", "problem", finding, advice)
    elif reply.status == 404 and model.model in message:
        advice = "Check the model's id for a typo, or whether the key may use it."
        yield Check(f"model {name}", "problem", f"the endpoint has no {model.model}", advice)
    elif reply.status == 200 and reply.body.get("id"):
        yield Check(f"model {name}", "ok", f"{model.model} is there")
    elif reply.status == 429 or reply.status >= 500:
        finding = f"the endpoint cannot say now (status {reply.status}) {message}".rstrip()
        yield Check(f"model {name}", "warning", finding, "Ask again in a while.")
    else:
        yield _check_counting(model, endpoint, key)
    if reply.date is not None:
        yield _check_clock(name, (datetime.now(UTC) - reply.date).total_seconds())


def _check_counting(model: ModelSpec, endpoint: Endpoint, key: str | None) -> Check:
    """Whether an endpoint that does not tell of models has the Messages API at all, if it says."""
    probe = Request(model.model, ({"role": "user", "content": "Hi"},), max_tokens=1)
    (count,) = asyncio.run(count_tokens(endpoint, key, [probe]))
    if count is not None:
        finding = f"{model.model} counts tokens, though the endpoint does not list its models"
        return Check(f"model {model.name}", "ok", finding)
    return Check(
        f"model {model.name}",
        "warning",
        "the endpoint neither tells of models nor counts tokens",
        f"Gateways often do not. {_ADDRESS}: its path must be that of a Messages API; "
        "a run of one case tells: -n 1.",
    )


def _check_clock(name: str, ahead_s: float) -> Check:
    if abs(ahead_s) <= _CLOCK_S:
        return Check("clock", "ok", f"agrees with the endpoint of {name}")
    word = "ahead of" if ahead_s > 0 else "behind"
    finding = f"{seconds(abs(ahead_s))} {word} the endpoint of {name}"
    advice = "Set this machine's clock; certificates depend on it."
    return Check("clock", "warning", finding, advice)
