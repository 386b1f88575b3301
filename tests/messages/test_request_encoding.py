from __future__ import annotations

from types import MappingProxyType
from typing import Any

import orjson
import pytest

from evalkit import __version__
from evalkit.errors import UsageError
from evalkit.messages.request import (
    BATCHES,
    COUNT_TOKENS,
    MODELS,
    api_url,
    body_bytes,
    canonical,
    encode_request,
    messages_url,
    request_digest,
    request_headers,
)
from evalkit.types import Endpoint, Request, Sampling, Thinking

PLAIN = Endpoint("api", "https://api.example", stream=False)
TURN = ({"role": "user", "content": "How many primes lie below 60?"},)


def encode(endpoint: Endpoint = PLAIN, **fields: Any) -> dict[str, Any]:
    return encode_request(
        Request(**{"model": "m", "messages": TURN, "max_tokens": 100, **fields}), endpoint
    )


@pytest.mark.parametrize(
    "base",
    [
        "https://api.example",
        "https://api.example/",
        "https://api.example//",
        "https://api.example/v1",
        "https://api.example/v1/",
        " https://api.example/v1/messages ",
        "https://api.example/v1/messages/",
    ],
)
def test_a_base_url_in_any_of_its_usual_forms(base: str) -> None:
    assert messages_url(base) == "https://api.example/v1/messages"


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://x.example/api/anthropic", "https://x.example/api/anthropic/v1/messages"),
        ("https://x.example/v1/acct/anthropic", "https://x.example/v1/acct/anthropic/v1/messages"),
        ("https://x.example/messages", "https://x.example/messages/v1/messages"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/messages"),
    ],
)
def test_a_base_url_with_a_path(base: str, expected: str) -> None:
    assert messages_url(base) == expected


def test_other_paths() -> None:
    assert api_url("https://x/v1", MODELS) == "https://x/v1/models"
    assert api_url("https://x/", COUNT_TOKENS) == "https://x/v1/messages/count_tokens"
    assert api_url("https://x", BATCHES) == "https://x/v1/messages/batches"


def test_the_least_request_sends_nothing_nobody_asked_for() -> None:
    assert encode() == {"model": "m", "max_tokens": 100, "messages": list(TURN)}


def test_the_public_example_in_its_order() -> None:
    body = encode(
        model="claude-3-7-sonnet-20250219",
        max_tokens=20000,
        thinking=Thinking("budget", 16000),
    )
    assert body_bytes(body) == (
        b'{"model":"claude-3-7-sonnet-20250219","max_tokens":20000,'
        b'"messages":[{"role":"user","content":"How many primes lie below 60?"}],'
        b'"thinking":{"type":"enabled","budget_tokens":16000}}'
    )


def test_everything_in_its_order() -> None:
    body = encode(
        Endpoint("api", "https://x", extra_body={"diagnostics": {}}),
        system=({"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},),
        thinking=Thinking("adaptive", effort="high", display="summarized"),
        sampling=Sampling(0.0, 0.95, 5),
        stop_sequences=("\n\n",),
        options={"metadata": {"user_id": "u"}, "service_tier": "standard_only"},
        extra_body={"speed": "fast"},
    )
    assert list(body) == [
        "model",
        "max_tokens",
        "system",
        "messages",
        "thinking",
        "output_config",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "metadata",
        "service_tier",
        "diagnostics",
        "speed",
    ]
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    assert (body["temperature"], body["stream"]) == (0.0, True)


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        (Thinking(), {}),
        (Thinking("off"), {"thinking": {"type": "disabled"}}),
        (
            Thinking("budget", 4096),
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        ),
        (
            Thinking("budget", 4096, display="omitted"),
            {"thinking": {"type": "enabled", "budget_tokens": 4096, "display": "omitted"}},
        ),
        (Thinking("adaptive"), {"thinking": {"type": "adaptive"}}),
        (Thinking(effort="low"), {"output_config": {"effort": "low"}}),
        (
            Thinking("off", effort="low"),
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        ),
    ],
)
def test_every_thinking_setting(thinking: Thinking, expected: dict[str, Any]) -> None:
    body = encode(thinking=thinking)
    assert {name: body[name] for name in body if name not in encode()} == expected


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        (Thinking(), {}),
        (Thinking("off"), {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            Thinking("budget", 32),
            {
                "thinking": {"type": "enabled", "budget_tokens": 32},
                "chat_template_kwargs": {"enable_thinking": True},
            },
        ),
    ],
)
def test_a_server_with_a_template_switch(thinking: Thinking, expected: dict[str, Any]) -> None:
    local = Endpoint("local", "http://127.0.0.1:1", stream=False, thinking_switch=True)
    body = encode(local, thinking=thinking)
    assert {name: body[name] for name in body if name not in encode()} == expected


def test_effort_and_an_output_format_share_their_object() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    body = encode(thinking=Thinking(effort="low"), options={"output_config": {"format": form}})
    assert body["output_config"] == {"effort": "low", "format": form}


def test_extra_bodies_are_laid_over_the_request_wins() -> None:
    endpoint = Endpoint(
        "x",
        "https://x",
        stream=True,
        thinking_switch=True,
        extra_body={"seed": 1, "top_k": 9, "chat_template_kwargs": {"style": "a", "lang": "en"}},
    )
    body = encode(
        endpoint,
        thinking=Thinking("budget", 8),
        sampling=Sampling(top_k=3),
        extra_body={"seed": 2, "stream": False, "chat_template_kwargs": {"style": "b"}},
    )
    assert (body["seed"], body["top_k"], body["stream"]) == (2, 9, False)
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "style": "b", "lang": "en"}


def test_encoding_leaves_the_request_and_the_endpoint_alone() -> None:
    endpoint = Endpoint("x", "https://x", extra_body={"output_config": {"task_budget": 1}})
    options = {"output_config": {"format": {}}}
    encode(endpoint, thinking=Thinking(effort="low"), options=options)
    assert endpoint.extra_body == {"output_config": {"task_budget": 1}}
    assert options == {"output_config": {"format": {}}}


@pytest.mark.parametrize("system", [None, "", ()])
def test_an_empty_system_prompt_is_not_sent(system: Any) -> None:
    assert "system" not in encode(system=system)


def test_content_of_any_kind_is_passed_on() -> None:
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
    }
    turns = ({"role": "user", "content": [image]}, {"role": "assistant", "content": "A"})
    assert encode(messages=turns)["messages"] == list(turns)


class TestDigest:
    def test_a_known_value(self) -> None:
        assert request_digest(encode()) == "b2:59169b0e2c12ee58fcc163482c86a360"

    def test_order_of_fields_and_streaming_do_not_matter(self) -> None:
        body = encode(thinking=Thinking("budget", 2048))
        turned = dict(reversed(body.items()))
        assert request_digest(body) == request_digest(turned)
        assert request_digest({**body, "stream": True}) == request_digest(body)

    @pytest.mark.parametrize(
        "change",
        [
            {"max_tokens": 101},
            {"sampling": Sampling(temperature=0.0)},
            {"thinking": Thinking("off")},
            {"system": "x"},
            {"messages": ({"role": "user", "content": "other"},)},
            {"options": {"stream_options": 1}},
        ],
    )
    def test_everything_else_matters(self, change: dict[str, Any]) -> None:
        assert request_digest(encode(**change)) != request_digest(encode())

    def test_settings_that_differ_never_look_the_same_to_a_template_switch(self) -> None:
        local = Endpoint("local", "http://127.0.0.1:1", thinking_switch=True)
        settings = [Thinking(), Thinking("off"), Thinking("adaptive"), Thinking("budget", 8)]
        assert len({request_digest(encode(local, thinking=x)) for x in settings}) == 4


class TestBytes:
    def test_canonical_json_is_sorted(self) -> None:
        assert (
            canonical({"b": 1, "a": {"d": [], "c": "é"}}) == '{"a":{"c":"é","d":[]},"b":1}'.encode()
        )

    def test_lone_surrogates_do_not_stop_a_run(self) -> None:
        body = encode(messages=({"role": "user", "content": "a\ud800b\ud83e\udd8a"},))
        assert orjson.loads(body_bytes(body))["messages"][0]["content"] == "a\ufffdb🦊"
        assert request_digest(body) == request_digest(orjson.loads(body_bytes(body)))

    def test_both_encoders_agree(self) -> None:
        body = {"b": [1, 2.5, None, True], "a": {"z": "é\u2028\x00", "y": "<&>"}}
        odd = {**body, "c": "\ud800"}
        assert canonical(odd) == canonical({**body, "c": "\ufffd"})

    def test_read_only_mappings_and_keys_of_other_types(self) -> None:
        assert body_bytes({"a": MappingProxyType({"b": (1, 2)})}) == b'{"a":{"b":[1,2]}}'
        assert canonical({"a": {2: "x", 1: "y"}}) == b'{"a":{"1":"y","2":"x"}}'

    def test_what_is_no_json_is_refused(self) -> None:
        with pytest.raises(TypeError):
            body_bytes({"a": object()})


class TestHeaders:
    def test_the_public_example(self) -> None:
        endpoint = Endpoint("x", "https://x", beta=("output-128k-2025-02-19",))
        assert request_headers(endpoint, "sk-ant-1") == {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "gzip, deflate",
            "user-agent": f"evalkit/{__version__}",
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "output-128k-2025-02-19",
            "x-api-key": "sk-ant-1",
        }

    @pytest.mark.parametrize(
        ("auth", "expected"),
        [
            ("x-api-key", {"x-api-key": "k123"}),
            ("bearer", {"authorization": "Bearer k123"}),
            ("both", {"x-api-key": "k123", "authorization": "Bearer k123"}),
            ("none", {}),
        ],
    )
    def test_every_auth_style(self, auth: str, expected: dict[str, str]) -> None:
        headers = request_headers(Endpoint("x", "https://x", auth=auth), " k123\n")
        signed = {name: headers[name] for name in headers if name in ("x-api-key", "authorization")}
        assert signed == expected

    @pytest.mark.parametrize("key", [None, "", "  "])
    def test_no_key_no_signature(self, key: str | None) -> None:
        headers = request_headers(Endpoint("x", "https://x", auth="both"), key)
        assert "x-api-key" not in headers
        assert "authorization" not in headers

    def test_betas_are_joined_and_absent_when_there_are_none(self) -> None:
        assert request_headers(Endpoint("x", "y", beta=("a", "b")), None)["anthropic-beta"] == "a,b"
        assert "anthropic-beta" not in request_headers(Endpoint("x", "y"), None)

    def test_the_endpoint_s_own_headers_win_in_any_case(self) -> None:
        endpoint = Endpoint("x", "y", headers={"User-Agent": "me", "X-Team": "evals"})
        headers = request_headers(endpoint, None)
        assert (headers["user-agent"], headers["x-team"]) == ("me", "evals")
        assert "User-Agent" not in headers

    def test_a_server_may_want_no_version(self) -> None:
        assert "anthropic-version" not in request_headers(Endpoint("x", "y", version=""), None)

    @pytest.mark.parametrize("key", ["two words", "line\nbreak", "smart”quote", "nul\x00"])
    def test_a_key_no_header_can_carry_is_refused_without_showing_it(self, key: str) -> None:
        with pytest.raises(UsageError) as caught:
            request_headers(Endpoint("gateway", "y", api_key_env="GATEWAY_KEY"), key)
        assert key not in str(caught.value)
        assert "gateway" in caught.value.message
        assert "GATEWAY_KEY" in (caught.value.hint or "")
