from __future__ import annotations

from typing import Any

import orjson
import pytest
from wire_samples import MESSAGE

from evalkit.errors import ApiError
from evalkit.messages.response import parse_response
from evalkit.types import Response, Usage


def read(**changes: Any) -> Response:
    return parse_response(orjson.dumps({**MESSAGE, **changes}))


def refused(body: bytes, secrets: tuple[str, ...] = ()) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse_response(body, secrets=secrets)
    return caught.value


def test_a_whole_answer() -> None:
    assert read() == Response(
        text="17",
        thinking="List them: 2, 3, 5 …",
        stop_reason="end_turn",
        usage=Usage(
            input_tokens=19,
            output_tokens=412,
            thinking_tokens=371,
            cache_read_tokens=0,
            cache_write_tokens=0,
            cache_write_1h_tokens=0,
            service_tier="standard",
            inference_geo="global",
        ),
        model="claude-haiku-4-5-20251001",
        id="msg_01XFDUDYJgAACzvnptvVoYEL",
    )


def test_a_parsed_document_will_do() -> None:
    assert parse_response(MESSAGE) == read()


def test_all_text_blocks_are_joined_wherever_they_stand() -> None:
    content = [
        {"type": "text", "text": "The answer "},
        {"type": "thinking", "thinking": "one", "signature": ""},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "thinking", "thinking": "two"},
        {"type": "thinking", "thinking": "", "signature": "hidden"},
        {"type": "text", "text": "is 17."},
        {"type": "never_seen_before", "x": 1},
    ]
    response = read(content=content)
    assert response.text == "The answer is 17."
    assert response.thinking == "one\n\ntwo"
    assert response.redacted_blocks == 1
    assert response.tool_calls == ()


def test_tool_calls_are_kept_as_they_came() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "grade", "input": {"score": 3}}
    response = read(content=[call], stop_reason="tool_use")
    assert (response.tool_calls, response.text) == ((call,), "")


@pytest.mark.parametrize(
    "reason",
    [
        "end_turn",
        "max_tokens",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
        "compaction",
        "length",
    ],
)
def test_every_stop_reason_is_an_answer(reason: str) -> None:
    assert read(stop_reason=reason, content=[]).stop_reason == reason


def test_a_stop_sequence_in_the_api_s_form_and_in_llama_cpp_s() -> None:
    official = read(stop_reason="stop_sequence", stop_sequence="\n\n")
    dialect = read(stop_reason="end_turn", stop_sequence="\n\n")
    assert official == dialect
    assert dialect.stop_reason == "stop_sequence"
    assert read(stop_reason="max_tokens", stop_sequence="x").stop_reason == "max_tokens"


@pytest.mark.parametrize(
    ("details", "category"),
    [
        ({"type": "refusal", "category": "bio", "explanation": "no"}, "bio"),
        ({"type": "refusal", "category": None, "explanation": None}, None),
        (None, None),
        ("odd", None),
    ],
)
def test_refusal_details(details: Any, category: str | None) -> None:
    assert read(stop_reason="refusal", stop_details=details).refusal_category == category


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ("many", Usage()),
        ({}, Usage()),
        ({"input_tokens": 0, "output_tokens": 0}, Usage()),
        (
            {
                "input_tokens": 0,
                "output_tokens": 0,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "output_tokens_details": {"thinking_tokens": 0},
            },
            Usage(),
        ),
        ({"input_tokens": 0, "output_tokens": 7}, Usage(output_tokens=7)),
        ({"input_tokens": 7, "output_tokens": 0}, Usage(input_tokens=7)),
        (
            {"input_tokens": 0, "output_tokens": 3, "cache_read_input_tokens": 90},
            Usage(input_tokens=0, output_tokens=3, cache_read_tokens=90),
        ),
        (
            {"input_tokens": 3, "output_tokens": 3, "cache_read_input_tokens": None},
            Usage(input_tokens=3, output_tokens=3),
        ),
        ({"input_tokens": "3", "output_tokens": True}, Usage()),
        ({"input_tokens": -1, "output_tokens": 2.5}, Usage()),
        ({"input_tokens": 3.0, "output_tokens": 1e30}, Usage(input_tokens=3)),
        (
            {
                "input_tokens": 3,
                "output_tokens": 2,
                "output_tokens_details": {"thinking_tokens": 0},
                "server_tool_use": {"web_search_requests": 2},
                "service_tier": "batch",
                "inference_geo": "us",
                "speed": "fast",
                "total_tokens": 5,
            },
            Usage(
                input_tokens=3,
                output_tokens=2,
                thinking_tokens=0,
                web_searches=2,
                service_tier="batch",
                inference_geo="us",
                speed="fast",
            ),
        ),
        (
            {
                "input_tokens": 1,
                "output_tokens": 1,
                "cache_creation_input_tokens": 30,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 10,
                    "ephemeral_1h_input_tokens": 20,
                },
            },
            Usage(input_tokens=1, output_tokens=1, cache_write_tokens=30, cache_write_1h_tokens=20),
        ),
    ],
)
def test_usage_is_what_the_server_knows_and_never_an_invented_zero(
    usage: Any, expected: Usage
) -> None:
    assert read(usage=usage).usage == expected


def test_the_output_of_an_empty_answer_may_be_zero() -> None:
    usage = read(content=[], usage={"input_tokens": 9, "output_tokens": 0}).usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 0)


def test_the_whole_prompt_is_three_counters() -> None:
    usage = read(
        usage={
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_read_input_tokens": 10,
            "cache_creation_input_tokens": 100,
        }
    ).usage
    assert usage.total_input_tokens == 111


def test_a_bare_answer_of_a_tolerant_server() -> None:
    body = b'{"content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}'
    response = parse_response(body)
    assert (response.text, response.model, response.id) == ("hi", None, None)
    assert response.usage == Usage()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "web page: Sign in"),
        (b"<html><body>Blocked by policy</body></html>", "web page: Blocked by policy"),
        (b"hello", "hello"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"3", "not a JSON object"),
        (orjson.dumps(MESSAGE)[:-30], "cut short"),
        (b"\x1f\x8b\x08\x00junk", "cut short"),
        (b"{}", "no content"),
        (b'{"content":"text","stop_reason":"end_turn"}', "no content"),
        (b'{"content":null,"stop_reason":"end_turn"}', "no content"),
        (b'{"content":[],"stop_reason":null}', "stop_reason"),
        (b'{"content":[]}', "stop_reason"),
        (b'{"content":[],"stop_reason":""}', "stop_reason"),
        (b'{"content":[null],"stop_reason":"end_turn"}', "without a type"),
        (b'{"content":[{"text":"x"}],"stop_reason":"end_turn"}', "without a type"),
        (b'{"content":[{"type":"text","text":7}],"stop_reason":"end_turn"}', "not text"),
        (b'{"id":"x","choices":[{"message":{"content":"hi"}}]}', "Chat Completions"),
        (b"[" * 3000, "cut short"),
        (b"[" * 3000 + b"\\ud800", "cut short"),
    ],
)
def test_what_is_not_an_answer(body: bytes, words: str) -> None:
    error = refused(body)
    assert error.kind == "malformed"
    assert error.status == 200
    assert words in error.message
    assert "\n" not in error.message
    assert error.hint is not None


def test_an_error_sent_with_status_200() -> None:
    error = refused(b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}')
    assert (error.kind, error.status) == ("overloaded", 200)
    error = refused(b'{"error":{"message":"Provider returned error","code":502}}')
    assert error.kind == "server_error"


def test_an_error_field_beside_an_answer_does_not_hide_the_answer() -> None:
    assert read(error=None).text == "17"


def test_secrets_stay_out_of_what_is_said_about_a_page() -> None:
    error = refused(b"<html><title>no access for hunter2-key</title></html>", ("hunter2-key",))
    assert "hunter2" not in error.message
    assert "hunter2" not in (error.body or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"a\ud800b", "a\ufffdb"),
        (rb"\ud83e\udd8a", "🦊"),
        (rb"\\ud800", r"\ud800"),
        (b"a\xffb", "a\ufffdb"),
        (rb"a\u0000b", "a\x00b"),
        ("שלום 👩‍👩‍👧".encode(), "שלום 👩‍👩‍👧"),
    ],
)
def test_text_of_any_kind(text: bytes, expected: str) -> None:
    body = b'{"content":[{"type":"text","text":"%s"}],"stop_reason":"end_turn"}' % text
    response = parse_response(body)
    assert response.text == expected
    response.text.encode()


def test_lone_surrogates_in_a_tool_call_are_mended_too() -> None:
    body = (
        rb'{"content":[{"type":"tool_use","id":"t","name":"f","input":{"a\ud800":["b\udc00"]}}],'
        rb'"stop_reason":"tool_use"}'
    )
    assert parse_response(body).tool_calls[0]["input"] == {"a\ufffd": ["b\ufffd"]}


def test_five_megabytes() -> None:
    assert len(read(content=[{"type": "text", "text": "x" * 5_000_000}]).text) == 5_000_000
