"""What would go wrong, found before it does, each with what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from evalkit.errors import EvalkitError
from evalkit.pipeline.start import check_suite
from evalkit.pipeline.wiring import find_keys, resolve_endpoints
from evalkit.server.weights import find_weights
from evalkit.suite.load import load_suite
from evalkit.types import Endpoint

_LITTLE_DISK_BYTES = 1 << 30
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``advice`` says what to do unless it is fine."""

    name: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    advice: str | None = None


def examine(runs: Path, env: Mapping[str, str], suite: Path | None = None) -> Iterator[Check]:
    """Look at this machine, and at what a suite needs; sends no request."""
    yield _check_disk(runs)
    if suite is None:
        yield from _check_local_model(is_needed=False)
        yield _check_default_key(env)
    else:
        yield from _check_suite(suite, env)


def _check_disk(runs: Path) -> Check:
    folder = next(path for path in (runs, *runs.resolve().parents) if path.is_dir())
    if not os.access(folder, os.W_OK):
        return Check("disk", "problem", f"{folder} is not writable", "Choose another with --runs.")
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
        loaded = load_suite(path, env=env)
        check_suite(loaded)
    except EvalkitError as error:
        yield Check("suite", "problem", error.message, error.hint)
        return
    yield Check("suite", "ok", f"{path} is valid")
    endpoints = resolve_endpoints(loaded.suite, env)
    if any(endpoint.is_embedded for endpoint in endpoints.values()):
        yield from _check_local_model(is_needed=True)
    for name, endpoint in endpoints.items():
        if not endpoint.is_embedded:
            yield _check_key(name, endpoint, env)
            yield _check_reachable(name, endpoint)


def _check_key(name: str, endpoint: Endpoint, env: Mapping[str, str]) -> Check:
    try:
        key = find_keys({name: endpoint}, env)[name]
    except EvalkitError as error:
        return Check(f"key of {name}", "problem", error.message, error.hint)
    return Check(f"key of {name}", "ok", "found" if key else "none needed")


def _check_reachable(name: str, endpoint: Endpoint) -> Check:
    parts = urlsplit(endpoint.base_url)
    address = (str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80))
    label = f"endpoint of {name}"
    try:
        with socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S):
            return Check(label, "ok", f"{address[0]}:{address[1]} takes connections")
    except OSError as error:
        advice = "Check base_url or ANTHROPIC_BASE_URL; behind a proxy this check says nothing."
        return Check(label, "problem", f"{address[0]}:{address[1]}: {error}", advice)
