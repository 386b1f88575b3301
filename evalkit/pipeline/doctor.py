"""What would go wrong, found before it does, each with what to do about it."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from evalkit.errors import EvalkitError
from evalkit.messages.capabilities import Capabilities
from evalkit.pipeline.endpoint_checks import Check, check_model
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.judges.bench import judge_endpoints, judge_models
from evalkit.pipeline.preview import preview_suite
from evalkit.pipeline.start import check_suite, open_suite
from evalkit.plan.matrix import capabilities_of, price_of
from evalkit.report.format import count
from evalkit.server.weights import find_weights
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import LOCAL

_LITTLE_DISK_BYTES = 1 << 30


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
    folder = next(path for path in (runs, *runs.resolve().parents) if path.exists())
    if not folder.is_dir():
        told = f"{folder} is a file, where runs need a folder"
        return Check("disk", "problem", told, "Choose another folder with --runs.")
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
    try:
        endpoints = {**resolve_endpoints(suite, env), **judge_endpoints(suite, env)}
    except EvalkitError as error:
        yield Check("endpoint", "problem", error.message, error.hint)
        return
    yield _check_rows(loaded, env)
    if any(endpoint.is_embedded for endpoint in endpoints.values()):
        yield from _check_local_model(is_needed=True)
    discovered: dict[str, Capabilities] = {}
    models = {model.name: model for model in (*suite.models, *judge_models(suite))}
    for model in models.values():
        if not endpoints[model.name].is_embedded:
            yield from check_model(model, endpoints[model.name], env, discovered)
    yield from _check_capabilities(loaded, discovered)


def _check_rows(loaded: LoadedSuite, env: Mapping[str, str]) -> Check:
    """Whether every row can be read and the prompts filled in with them."""
    try:
        preview = preview_suite(loaded, env)
    except EvalkitError as error:
        return Check("dataset", "problem", error.message, error.hint)
    told = f"{count(preview.n_cases, 'case')} for {count(len(preview.variants), 'variant')}"
    return Check("dataset", "ok", told)


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
