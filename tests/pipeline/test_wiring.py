import pytest
from builders import a_suite

from evalkit.errors import ConfigError, UsageError
from evalkit.pipeline.endpoints import endpoint_hosts, find_keys, resolve_endpoints
from evalkit.suite.schema import Suite


def resolve(model, **env):
    suite = Suite.model_validate(a_suite(models=[model]))
    endpoints = resolve_endpoints(suite, env)
    (name,) = endpoints
    return endpoints[name], endpoints, env


def key(model, **env):
    endpoint, endpoints, env = resolve(model, **env)
    return find_keys(endpoints, env)[endpoint.name]


def test_the_environment_gives_address_and_key():
    endpoint, _, _ = resolve("m", ANTHROPIC_BASE_URL="http://gate:8080/v1")
    assert (endpoint.base_url, endpoint.auth) == ("http://gate:8080/v1", "x-api-key")
    assert resolve("m")[0].base_url == "https://api.anthropic.com"
    assert key("m", ANTHROPIC_API_KEY=" k1\n") == "k1"


def test_a_token_is_a_bearer_and_a_key_goes_before_it():
    endpoint, _, _ = resolve("m", ANTHROPIC_AUTH_TOKEN="t1")
    assert (endpoint.auth, endpoint.api_key_env) == ("bearer", "ANTHROPIC_AUTH_TOKEN")
    assert key("m", ANTHROPIC_AUTH_TOKEN="t1") == "t1"
    assert key("m", ANTHROPIC_AUTH_TOKEN="t1", ANTHROPIC_API_KEY="k1") == "k1"


def test_the_suites_word_goes_before_the_environments():
    model = {
        "model": "m",
        "base_url": "https://gate.example",
        "auth": "both",
        "api_key_env": "GATE",
        "headers": {"x-team": "evals"},
    }
    env = {
        "ANTHROPIC_BASE_URL": "http://other",
        "GATE": "g1",
        "ANTHROPIC_CUSTOM_HEADERS": "x-team: none\nx-trace: 1",
    }
    endpoint, _, _ = resolve(model, **env)
    assert (endpoint.base_url, endpoint.auth) == ("https://gate.example", "both")
    assert endpoint.headers == {"x-team": "evals", "x-trace": "1"}
    assert key(model, **env) == "g1"


def test_a_command_gives_a_key_and_is_never_quoted():
    assert key({"model": "m", "api_key_cmd": "echo k-from-cmd"}) == "k-from-cmd"
    with pytest.raises(ConfigError) as caught:
        key({"model": "m", "api_key_cmd": "sh -c 'echo k-secret >&2; exit 3'"})
    assert "exit 3" in str(caught.value)
    assert "k-secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="did not run"):
        key({"model": "m", "api_key_cmd": "no-such-program"})


def test_every_missing_key_is_named_at_once():
    models = ["a", {"model": "b", "api_key_env": "B_KEY"}, {"model": "c", "auth": "none"}]
    suite = Suite.model_validate(a_suite(models=models))
    with pytest.raises(ConfigError) as caught:
        find_keys(resolve_endpoints(suite, {}), {})
    told = str(caught.value)
    assert "model a: no key: the variable ANTHROPIC_API_KEY is not set" in told
    assert "model b: no key: the variable B_KEY is not set" in told
    assert "model c" not in told


def test_a_key_no_header_can_carry_is_refused_unseen():
    with pytest.raises(ConfigError) as caught:
        key("m", ANTHROPIC_API_KEY="k\u00e9y-1")
    assert "k\u00e9y-1" not in str(caught.value)


def test_records_name_hosts_without_credentials():
    with pytest.raises(UsageError) as caught:
        resolve("m", ANTHROPIC_BASE_URL="https://user:pass@gate.example:8443/x")
    assert "pass@" not in str(caught.value)
    _, endpoints, _ = resolve({"model": "m", "base_url": "https://gate.example:8443/x"})
    assert endpoint_hosts(endpoints) == {"m": "gate.example:8443"}
    _, endpoints, _ = resolve("local")
    assert endpoint_hosts(endpoints) == {"local": "embedded local model"}


def test_the_embedded_model_needs_no_key():
    assert key("local") is None
