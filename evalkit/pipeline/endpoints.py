"""Where a suite's models are asked and with which keys; loads nothing that sends."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from urllib.parse import urlsplit

from evalkit.errors import ConfigError, Problem, UsageError
from evalkit.messages.request import check_base_url
from evalkit.server.weights import find_weights
from evalkit.suite.schema import LOCAL, ModelSpec, Suite
from evalkit.types import Endpoint

DEFAULT_BASE_URL = "https://api.anthropic.com"
_KEY_COMMAND_TIMEOUT_S = 30


def resolve_endpoints(suite: Suite, env: Mapping[str, str]) -> dict[str, Endpoint]:
    """Where each model (by its name in the suite) is asked; the suite's word before ``env``'s.

    The embedded model's address is empty until its server runs. Raises UsageError for an address
    nobody can ask at.
    """
    return {model.name: _endpoint(model, env) for model in suite.models}


def _endpoint(model: ModelSpec, env: Mapping[str, str]) -> Endpoint:
    if model.provider == LOCAL:
        return Endpoint(
            model.name,
            "",
            auth="none",
            # It closes the connection after every streamed answer while announcing to keep it.
            headers={"connection": "close"},
            extra_body=model.extra_body,
            stream=model.stream,
            thinking_switch=True,
            is_embedded=True,
        )
    auth, key_env = model.auth, model.api_key_env
    if key_env is None and model.api_key_cmd is None and auth != "none":
        # As the official SDK: a key before a token; a token is always a bearer.
        has_only_token = env.get("ANTHROPIC_AUTH_TOKEN") and not env.get("ANTHROPIC_API_KEY")
        key_env = "ANTHROPIC_AUTH_TOKEN" if has_only_token else "ANTHROPIC_API_KEY"
        auth = auth or ("bearer" if has_only_token else None)
    base_url = model.base_url or env.get("ANTHROPIC_BASE_URL") or DEFAULT_BASE_URL
    check_base_url(base_url)
    return Endpoint(
        name=model.name,
        base_url=base_url,
        auth=auth or "x-api-key",
        api_key_env=key_env,
        api_key_cmd=model.api_key_cmd,
        version=model.version,
        beta=model.beta,
        headers={**_custom_headers(env), **model.headers},
        extra_body=model.extra_body,
        stream=model.stream,
    )


def _custom_headers(env: Mapping[str, str]) -> dict[str, str]:
    """``ANTHROPIC_CUSTOM_HEADERS``: a ``Name: value`` a line; may hold secrets, never shown."""
    lines = env.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def endpoint_hosts(endpoints: Mapping[str, Endpoint]) -> dict[str, str]:
    """Host and port of each model's endpoint, for records; user names and keys are left out."""
    return {
        name: "embedded local model" if endpoint.is_embedded else _host(endpoint.base_url)
        for name, endpoint in endpoints.items()
    }


def _host(base_url: str) -> str:
    parts = urlsplit(base_url)
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    return f"{host}:{parts.port}" if parts.port else host


def check_same_hosts(before: Mapping[str, str], now: Mapping[str, str], instead: str) -> None:
    """Raise UsageError for a model that was asked at another host (its port may change).

    Another server's answers are another experiment; ``instead`` is how to make that.
    """
    for name, host in before.items():
        if name in now and _without_port(host) != _without_port(now[name]):
            raise UsageError(
                f"{name} was asked at {host} so far, but would now be asked at {now[name]}",
                f"Set ANTHROPIC_BASE_URL as it was, or {instead}.",
            )


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)


def check_local_model(endpoints: Mapping[str, Endpoint]) -> None:
    """Raise LocalModelError if the embedded model is needed and its weights are missing."""
    if any(endpoint.is_embedded for endpoint in endpoints.values()):
        find_weights()


def find_keys(endpoints: Mapping[str, Endpoint], env: Mapping[str, str]) -> dict[str, str | None]:
    """The key of each model, from its variable or its command.

    Raises ConfigError naming every key that is missing, before anything is sent.
    """
    keys: dict[str, str | None] = {}
    problems: list[Problem] = []
    for name, endpoint in endpoints.items():
        try:
            keys[name] = _key(endpoint, env)
        except LookupError as error:
            problems.append(Problem(f"model {name}", str(error.args[0])))
    if problems:
        raise ConfigError(
            problems,
            "Export the variable or put it in a .env file; for a server that wants no key, "
            "give the model `auth: none`. `make demo` needs no key at all.",
        )
    return keys


def _key(endpoint: Endpoint, env: Mapping[str, str]) -> str | None:
    if endpoint.auth == "none":
        return None
    if endpoint.api_key_cmd:
        return _key_from_command(endpoint.api_key_cmd)
    key = env.get(endpoint.api_key_env or "", "").strip()
    if not key:
        raise LookupError(f"no key: the variable {endpoint.api_key_env} is not set")
    if not key.isascii() or not key.isprintable():
        raise LookupError(f"the key in {endpoint.api_key_env} holds characters no header can carry")
    return key


def _key_from_command(command: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            timeout=_KEY_COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise LookupError(f"api_key_cmd did not run: {error}") from error
    # What it printed may be a secret, on either stream: never repeated.
    if done.returncode != 0 or not done.stdout.strip():
        raise LookupError(f"api_key_cmd gave no key (exit {done.returncode})")
    return done.stdout.strip()
