from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from evalkit.errors import FAILURES, ApiError
from evalkit.messages import failures
from evalkit.messages.response import parse_error, parse_error_event

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "sk-ant-api03-AbCdEf0123456789-xyz"


def fail(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> ApiError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_error(status, named, raw, NOW, secrets=("hunter2-key",))


def official(kind: str, message: str, **details: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"type": kind, "message": message}
    if details:
        error["details"] = details
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def openai(message: str, kind: str | None = None, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", "invalid_request"),
        (401, "authentication_error", "authentication"),
        (402, "billing_error", "billing"),
        (403, "permission_error", "permission"),
        (404, "not_found_error", "not_found"),
        (408, "", "timeout"),
        (409, "conflict_error", "conflict"),
        (413, "request_too_large", "request_too_large"),
        (422, "", "invalid_request"),
        (429, "rate_limit_error", "rate_limit"),
        (500, "api_error", "server_error"),
        (502, "", "server_error"),
        (503, "", "server_error"),
        (504, "timeout_error", "timeout"),
        (529, "overloaded_error", "overloaded"),
    ],
)
def test_every_documented_status(status: int, kind: str, expected: str) -> None:
    error = fail(status, official(kind, "something happened"))
    assert error.kind == expected
    assert error.status == status
    assert error.request_id == "req_011CSHoEeqs5C35K2UUqR7Fy"
    assert "something happened" in error.message
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, "not_found"),
        (307, "not_found"),
        (400, "invalid_request"),
        (401, "authentication"),
        (405, "not_found"),
        (415, "invalid_request"),
        (418, "invalid_request"),
        (451, "invalid_request"),
        (499, "timeout"),
        (501, "invalid_request"),
        (505, "server_error"),
        (520, "server_error"),
        (522, "timeout"),
        (524, "timeout"),
        (599, "server_error"),
        (999, "server_error"),
    ],
)
def test_any_status_with_an_empty_body(status: int, expected: str) -> None:
    error = fail(status)
    assert error.kind == expected
    assert "empty body" in error.message


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Money: in an account's own words, whatever the status.
        (
            429,
            official("rate_limit_error", "x", error_code="enforced_spend_limit_reached"),
            "spend_limit",
        ),
        (
            429,
            official("rate_limit_error", "x", error_code="contract_spend_limit_reached"),
            "spend_limit",
        ),
        (
            400,
            official(
                "invalid_request_error",
                "You have reached your specified API usage limits. You will regain access on "
                "2026-12-01 at 00:00 UTC.",
            ),
            "spend_limit",
        ),
        (
            400,
            openai("Budget has been exceeded! Current cost: 5", "budget_exceeded"),
            "spend_limit",
        ),
        (429, openai("Monthly spend limit reached"), "spend_limit"),
        (
            400,
            official(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API. Please go to Plans "
                "& Billing to upgrade or purchase credits.",
            ),
            "billing",
        ),
        (
            429,
            openai(
                "You exceeded your current quota, please check your plan and billing details.",
                "insufficient_quota",
                "insufficient_quota",
            ),
            "billing",
        ),
        (
            403,
            openai("insufficient user quota", "new_api_error", "insufficient_user_quota"),
            "billing",
        ),
        (402, openai("Insufficient credits", None, 402), "billing"),
        (402, openai("Insufficient Balance", "unknown_error", "invalid_request_error"), "billing"),
        (402, official("billing_error", "x", error_code="linked_organization_unpaid"), "billing"),
        (400, official("x", "on hold", error_code="organization_on_hold"), "permission"),
        # Rates.
        (
            429,
            official("rate_limit_error", "x", error_code="ramp_limit_exceeded"),
            "rate_limit",
        ),
        (
            429,
            openai("Rate limit reached for requests", "requests", "rate_limit_exceeded"),
            "rate_limit",
        ),
        (429, {"message": "API rate limit exceeded"}, "rate_limit"),
        # Models nobody serves.
        (404, official("not_found_error", "model: claude-3-7-sonnet-20250219"), "unknown_model"),
        (
            404,
            openai(
                "The model `x` does not exist or you do not have access to it.",
                None,
                "model_not_found",
            ),
            "unknown_model",
        ),
        (404, openai("The model `x` does not exist.", "NotFoundError", 404), "unknown_model"),
        (400, openai("Model Not Exist", "invalid_request_error"), "unknown_model"),
        (400, openai("foo/bar is not a valid model ID", None, 400), "unknown_model"),
        (
            400,
            {"error": {"message": "Invalid model name passed in model=foo. Call `/v1/models`"}},
            "unknown_model",
        ),
        (
            503,
            openai("No available channel for model x under group default", "new_api_error"),
            "unknown_model",
        ),
        (404, {"detail": "Not Found"}, "not_found"),
        (404, b"404 page not found", "not_found"),
        # Sentences with the word model that are about something else.
        (
            400,
            official(
                "invalid_request_error",
                '"thinking.type.enabled" is not supported for this model. Use '
                '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
            ),
            "invalid_request",
        ),
        (
            400,
            official("invalid_request_error", "adaptive thinking is not supported on this model"),
            "invalid_request",
        ),
        (
            400,
            official(
                "invalid_request_error", "This model does not support assistant message prefill."
            ),
            "invalid_request",
        ),
        # Keys.
        (400, openai("API key not valid. Please pass a valid API key."), "authentication"),
        (403, {"message": "Invalid API key"}, "authentication"),
        (
            401,
            openai("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
            "authentication",
        ),
        # Requests that are too long, in two meanings.
        (413, b"<html><h1>413 Request Entity Too Large</h1></html>", "request_too_large"),
        (
            413,
            official("x", "y", error_code="request_body_too_large_after_decoding"),
            "request_too_large",
        ),
        (
            400,
            official("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            "invalid_request",
        ),
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 900,
                    "n_ctx": 512,
                }
            },
            "invalid_request",
        ),
        # Requests that arrived in part.
        (
            400,
            official(
                "invalid_request_error",
                "The request body is not valid JSON: unexpected end of data",
            ),
            "connection",
        ),
        (400, official("x", "too slow", error_code="request_body_timeout"), "timeout"),
        # llama.cpp.
        (
            503,
            {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
            "server_error",
        ),
        (
            500,
            {"error": {"code": 500, "message": "'messages' is required", "type": "server_error"}},
            "server_error",
        ),
        (
            501,
            {"error": {"code": 501, "message": "not supported", "type": "not_supported_error"}},
            "invalid_request",
        ),
    ],
)
def test_what_servers_really_write(
    status: int, body: bytes | dict[str, Any], expected: str
) -> None:
    assert fail(status, body).kind == expected


def test_a_429_that_names_a_time_is_about_the_rate_whatever_it_says() -> None:
    body = openai("You exceeded your current quota, please retry in 20 s")
    assert fail(429, body, retry_after="20").kind == "rate_limit"
    assert fail(429, body).kind == "billing"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (official("api_error", "Internal server error"), "api_error): Internal server error"),
        (openai("The server had an error"), "(500): The server had an error"),
        ({"error": "model overloaded"}, "model overloaded"),
        ({"detail": "Something broke"}, "Something broke"),
        (
            {
                "detail": [
                    {"loc": ["body", "max_tokens"], "msg": "Field required", "type": "missing"}
                ]
            },
            "body.max_tokens: Field required",
        ),
        ({"detail": {"message": "deep"}}, "deep"),
        ({"message": "no route"}, "no route"),
        ({"success": False, "errors": [{"code": 2005, "message": "Upstream"}]}, "Upstream"),
        ({"__type": "ThrottlingException", "message": "wait"}, "ThrottlingException): wait"),
        ({"error": {"message": {"message": "nested"}}}, "nested"),
        (
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 500,
                    "metadata": {"raw": "upstream says no", "provider_name": "Prov"},
                }
            },
            "Provider returned error (Prov: upstream says no)",
        ),
        (b"upstream connect error\nor disconnect", "upstream connect error or disconnect"),
        (
            b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>",
            "a web page instead of an answer: 502 Bad Gateway",
        ),
        (b"<!doctype html><body><h1>Oops</h1></body>", "a web page instead of an answer: Oops"),
        (
            b'<?xml version="1.0"?><Error><Code>X</Code><Message>Denied</Message></Error>',
            "a web page instead of an answer: Denied",
        ),
        (b'"just a string"', "just a string"),
        (b"\xff\xfe\x00", "\ufffd\ufffd"),
        (b"{}", "empty body"),
        (b"[]", "empty body"),
        (b"null", "empty body"),
    ],
)
def test_the_message_of_every_form_of_body(body: bytes | dict[str, Any], shown: str) -> None:
    error = fail(500, body)
    assert shown in error.message
    assert error.message.startswith("the server failed (500")
    assert "\n" not in error.message


def test_a_page_with_403_is_a_firewall() -> None:
    error = fail(403, b"<html><head><title>Attention Required! | Cloudflare</title></head></html>")
    assert error.kind == "permission"
    assert "firewall" in (error.hint or "")
    assert error.dooms_run


def test_words_on_a_page_do_not_classify() -> None:
    page = b"<html><title>Insufficient funds? Try our model</title></html>"
    assert fail(403, page).kind == "permission"
    assert fail(404, page).kind == "not_found"


class TestHeaders:
    def test_a_wait_and_an_id(self) -> None:
        error = fail(429, official("rate_limit_error", "slow"), retry_after="7", request_id="req_h")
        assert (error.retry_after_s, error.request_id) == (7.0, "req_h")
        assert error.slows_everyone

    def test_a_date(self) -> None:
        error = fail(503, b"", retry_after="Mon, 23 Nov 2026 12:00:30 GMT")
        assert error.retry_after_s == 30.0

    @pytest.mark.parametrize(
        ("status", "word", "retries"),
        [(500, "false", False), (400, "true", True), (500, "x", True), (401, "true", False)],
    )
    def test_the_server_s_word_on_trying_again(self, status: int, word: str, retries: bool) -> None:
        assert fail(status, b"", x_should_retry=word).is_retryable is retries

    def test_no_id(self) -> None:
        assert fail(500, b"oops").request_id is None


class TestHints:
    @pytest.mark.parametrize(
        ("status", "message", "words"),
        [
            (401, "invalid x-api-key", "Check the key"),
            (404, "model: claude-nope", "model's name"),
            (404, "model: claude-3-7-sonnet-20250219", "retired on 2026-02-19"),
            (404, "The model claude-3-5-haiku-latest", "claude-3-5-haiku-20241022 was retired"),
            (404, "not here", "base_url"),
            (413, "too big", "Shorten"),
            (402, "pay", "resume"),
            (400, '"thinking.type.enabled" is not supported for this model.', "effort"),
            (400, '"thinking.type.disabled" is not supported for this model.', "always thinks"),
            (400, "adaptive thinking is not supported on this model", "a budget or off"),
            (400, "`max_tokens` must be greater than `thinking.budget_tokens`", "answer_tokens"),
            (400, "temperature: Extra inputs are not permitted", "2023-06-01"),
            (400, "Unexpected value(s) `x` for the `anthropic-beta` header", "beta"),
            (400, "prompt is too long: 9 tokens > 8 maximum", "Shorten"),
            (400, "This model does not support assistant message prefill.", "user turn"),
        ],
    )
    def test_a_failure_names_the_next_step(self, status: int, message: str, words: str) -> None:
        assert words in (fail(status, official("x", message)).hint or "")

    def test_where_there_is_nothing_to_do_nothing_is_said(self) -> None:
        assert fail(500, official("api_error", "x")).hint is None
        assert fail(400, official("invalid_request_error", "odd")).hint is None


class TestSafety:
    @pytest.mark.parametrize(
        "text",
        [
            f"invalid key {KEY}",
            "you sent Authorization: Bearer abcdef0123456789",
            "header x-api-key: topsecretvalue",
            "the key hunter2-key is wrong",
            'got {"api_key": "topsecretvalue"}',
        ],
    )
    @pytest.mark.parametrize("form", ["official", "plain", "page"])
    def test_no_key_comes_back(self, text: str, form: str) -> None:
        body = {
            "official": orjson.dumps(official("authentication_error", text)),
            "plain": text.encode(),
            "page": f"<html><title>{text}</title><p>{text}</p></html>".encode(),
        }[form]
        error = fail(401, body)
        shown = f"{error.message} {error.body} {error.hint} {error} {error!r} {error.args}"
        for secret in (KEY, "abcdef0123456789", "topsecretvalue", "hunter2-key", "AbCdEf01"):
            assert secret not in shown

    def test_a_key_at_the_edge_of_the_excerpt_is_not_cut_open(self) -> None:
        for before in range(1980, 2001):
            body = b"x" * before + b" hunter2-key " + b"y" * 100
            error = fail(500, body)
            assert "hunt" not in (error.body or "")
            assert "hunt" not in error.message

    def test_a_key_hidden_behind_invisible_characters_is_found(self) -> None:
        error = fail(500, "key hunter2\u200b-key".encode())
        assert "hunter2" not in error.message
        assert "hunter2" not in (error.body or "")

    def test_control_characters_and_terminal_sequences_are_gone(self) -> None:
        error = fail(500, b"\x1b[31mred\x1b[0m \x1b]0;title\x07 a\x00b\x7f\r\nc")
        assert error.message.endswith("red ab c")
        assert not any(sign in (error.body or "") for sign in "\x00\x07\x1b\x7f")

    def test_long_bodies_are_cut(self) -> None:
        error = fail(500, b"word " * 100_000)
        assert len(error.message) <= 400
        assert len(error.body or "") <= 2_000
        assert error.message.endswith("…")

    def test_the_body_is_kept_for_whoever_looks_closer(self) -> None:
        assert fail(502, b"<html>long story</html>").body == "<html>long story</html>"


class TestErrorEvent:
    def test_bytes_and_documents(self) -> None:
        document = official("overloaded_error", "Overloaded")
        for data in (document, orjson.dumps(document)):
            error = parse_error_event(data)
            assert (error.kind, error.status) == ("overloaded", 200)
            assert error.request_id == "req_011CSHoEeqs5C35K2UUqR7Fy"

    def test_what_a_batch_says_of_one_request(self) -> None:
        inner = {"type": "error", "error": {"type": "invalid_request_error", "message": "bad"}}
        assert parse_error_event(inner).kind == "invalid_request"

    def test_a_model_that_is_gone(self) -> None:
        error = parse_error_event(openai("The model `x` does not exist.", None, 404))
        assert error.kind == "unknown_model"


def test_every_kind_is_in_the_table_of_failures() -> None:
    kinds = {
        *failures._BY_CODE.values(),
        *failures._BY_STATUS.values(),
        *failures._BY_TYPE.values(),
        *failures._BY_HUNDRED.values(),
        *(wording.kind for wording in failures._BY_WORDING),
        *failures._HINTS,
    }
    assert kinds <= FAILURES.keys()


def test_a_schema_that_is_not_valid_is_no_broken_connection() -> None:
    words = "output_config.format.schema: this is not valid JSON schema"
    assert fail(400, official("invalid_request_error", words)).kind == "invalid_request"


def test_a_gateway_without_a_database_means_the_key() -> None:
    # What LiteLLM's proxy says to any key but its master key when it has no database.
    error = fail(400, openai("No connected db.", "no_db_connection", "400"))
    assert (error.kind, error.dooms_run) == ("authentication", True)


def test_a_proxy_that_wants_a_password_stops_the_run() -> None:
    error = fail(407, b"<html><h1>Proxy Authentication Required</h1></html>")
    assert (error.kind, error.dooms_run) == ("proxy", True)
    assert "HTTPS_PROXY" in (error.hint or "")
