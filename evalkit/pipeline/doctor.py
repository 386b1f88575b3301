"""What would go wrong, found before it does, each with what to do about it."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from evalkit.client.inquiry import Reply, ask_about_model
from evalkit.errors import EvalkitError
from evalkit.messages.capabilities import Capabilities, from_models_endpoint
from evalkit.messages.redaction import visible
from evalkit.pipeline.judges import judge_endpoints, judge_models
from evalkit.pipeline.start import check_suite, open_suite
from evalkit.pipeline.wiring import find_keys, resolve_endpoints
from evalkit.plan.matrix import capabilities_of, price_of
from evalkit.server.weights import find_weights
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import LOCAL, ModelSpec
from evalkit.types import Endpoint

_LITTLE_DISK_BYTES = 1 << 30
_CLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``advice`` says what to do unless it is fine."""

    name: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    advice: str | None = None


def examine(runs: Path, env: Mapping[str, str], suite: Path | None = None) -> Iterator[Check]:
    """Look at this machine, and at what a suite needs.

    Each endpoint of the suite is asked what it knows of the model, which costs nothing.
    """
    yield _check_disk(runs)
    if suite is None:
        yield from _check_local_model(is_needed=False)
        yield _check_default_key(env)
    else:
        yield from _check_suite(suite, env)


def _check_disk(runs: Path) -> Check:
    folder = next(path for path in (runs, *runs.resolve().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"evalkit")
    except OSError as error:
        told = f"nothing can be written to {folder}: {error.strerror or error}"
        return Check("disk", "problem", told, "Choose another folder with --runs.")
    free = shutil.disk_usage(folder).free
    told = f"{free / 2**30:.1f} GiB free in {folder}"
    if free < _LITTLE_DISK_BYTES:
        return Check("disk", "warning", told, "Free some space before a large run.")
    return Check("disk", "ok", told)


def _check_local_model(*, is_needed: bool) -> Iterator[Check]:
    bad: Literal["problem", "warning"] = "problem" if is_needed else "warning"
    if importlib.util.find_spec("xllamacpp") is None:
        advice = "pip install 'evalkit[local]'"
        yield Check("local model", bad, "the package xllamacpp is not installed", advice)
    else:
        yield Check("local model", "ok", "xllamacpp is installed")
    try:
        yield Check("weights", "ok", str(find_weights()))
    except EvalkitError as error:
        yield Check("weights", bad, error.message, error.hint)


def _check_default_key(env: Mapping[str, str]) -> Check:
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
    found = [name for name in names if env.get(name)]
    if found:
        return Check("key", "ok", f"{found[0]} is set")
    advice = f"Export {names[0]} or put it in .env; the local model needs none."
    return Check("key", "warning", "no key is set", advice)


def _check_suite(path: Path, env: Mapping[str, str]) -> Iterator[Check]:
    try:
        loaded = open_suite(path, env=env)
        check_suite(loaded)
    except EvalkitError as error:
        yield Check("suite", "problem", error.message, error.hint)
        return
    suite = loaded.suite
    yield Check("suite", "ok", f"{path} is valid")
    endpoints = {**resolve_endpoints(suite, env), **judge_endpoints(suite, env)}
    models = {model.name: model for model in (*suite.models, *judge_models(suite))}
    if any(endpoint.is_embedded for endpoint in endpoints.values()):
        yield from _check_local_model(is_needed=True)
    discovered: dict[str, Capabilities] = {}
    for model in models.values():
        endpoint = endpoints[model.name]
        if not endpoint.is_embedded:
            key = _find_key(endpoint, env)
            yield _check_key(model.name, key)
            reply = asyncio.run(
                ask_about_model(endpoint, key if isinstance(key, str) else None, model.model)
            )
            yield from _check_endpoint(model, endpoint, reply)
            known = from_models_endpoint(reply.body)
            if known is not None:
                discovered[model.name] = known
    yield from _check_capabilities(loaded, discovered)


def _find_key(endpoint: Endpoint, env: Mapping[str, str]) -> str | EvalkitError | None:
    try:
        return find_keys({endpoint.name: endpoint}, env)[endpoint.name]
    except EvalkitError as error:
        return error


def _check_key(name: str, key: str | EvalkitError | None) -> Check:
    if isinstance(key, EvalkitError):
        return Check(f"key of {name}", "problem", key.message, key.hint)
    return Check(f"key of {name}", "ok", "found" if key else "none needed")


def _check_endpoint(model: ModelSpec, endpoint: Endpoint, reply: Reply) -> Iterator[Check]:
    """What an endpoint's reply about a model says of endpoint, key, model and clock."""
    name, host = model.name, urlsplit(endpoint.base_url).netloc.rpartition("@")[2]
    if reply.status is None:
        advice = "Check base_url or ANTHROPIC_BASE_URL, the network, and HTTPS_PROXY."
        yield Check(f"endpoint of {name}", "problem", f"{host}: {reply.trouble}", advice)
        return
    yield Check(f"endpoint of {name}", "ok", f"{host} answers")
    error = reply.body.get("error")
    told = str(error.get("message", "")) if isinstance(error, Mapping) else ""
    if reply.status in (401, 403):
        advice = f"Check the value of {endpoint.api_key_env or 'the key'}, and auth."
        finding = f"the endpoint refuses the key: {visible(told)}"
        yield Check(f"key of {name}", "problem", finding, advice)
    elif reply.status == 404 and model.model in told:
        advice = "Check the model's id for a typo, or whether the key may use it."
        yield Check(f"model {name}", "problem", f"the endpoint has no {model.model}", advice)
    elif reply.status == 200 and reply.body.get("id"):
        yield Check(f"model {name}", "ok", f"{model.model} is there")
    else:
        advice = "Many gateways do not; evalkit goes by its own table, or the suite's capabilities."
        yield Check(f"model {name}", "warning", "the endpoint does not tell of models", advice)
    if reply.date is not None:
        yield _check_clock(name, (datetime.now(UTC) - reply.date).total_seconds())


def _check_clock(name: str, ahead_s: float) -> Check:
    if abs(ahead_s) <= _CLOCK_S:
        return Check("clock", "ok", f"agrees with the endpoint of {name}")
    word = "ahead of" if ahead_s > 0 else "behind"
    told = f"{abs(ahead_s):,.0f} s {word} the endpoint of {name}"
    return Check("clock", "warning", told, "Set this machine's clock; certificates depend on it.")


def _check_capabilities(
    loaded: LoadedSuite, discovered: Mapping[str, Capabilities]
) -> Iterator[Check]:
    """Whether the models take what the suite asks of them, by the endpoints' own word."""
    try:
        check_suite(loaded, discovered)
    except EvalkitError as error:
        yield Check("capabilities", "problem", error.message, error.hint)
        return
    unknown = [
        model.name
        for model in loaded.suite.models
        if model.provider != LOCAL and not (model.name in discovered or capabilities_of(model))
    ]
    if unknown:
        told = f"unknown of {', '.join(unknown)}, so that settings cannot be checked"
        yield Check("capabilities", "warning", told, "State them in the suite: capabilities: …")
    else:
        yield Check("capabilities", "ok", "every model takes its thinking settings")
    unpriced = [
        model.name
        for model in loaded.suite.models
        if model.provider != LOCAL and price_of(model) is None
    ]
    if unpriced:
        advice = "Give it in the suite: price: {input: …, output: …}."
        yield Check("prices", "warning", f"unknown for {', '.join(unpriced)}", advice)
