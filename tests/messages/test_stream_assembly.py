from __future__ import annotations

from typing import Any

import orjson
import pytest
from wire_samples import (
    LLAMA_STREAM,
    STOP,
    STREAMS,
    THINKING_STREAM,
    TOOL_STREAM,
    assemble,
    block_start,
    block_stop,
    delta,
    ending,
    read_stream,
    sse,
    start,
    text_events,
)

from evalkit.errors import ApiError
from evalkit.messages.response import parse_response
from evalkit.messages.stream import MessageAssembler, SseEvent, SseReader
from evalkit.types import Response, Usage


def failure(*chunks: bytes, secrets: tuple[str, ...] = ()) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_stream(*chunks, secrets=secrets)
    return caught.value


def timed(*moments: tuple[float, dict[str, Any]], started_s: float = 100.0) -> Response:
    assembler = MessageAssembler(started_s)
    for now_s, event in moments:
        assembler.add(SseEvent(event["type"], orjson.dumps(event)), started_s + now_s)
    return assembler.result()


def test_the_documented_sequence() -> None:
    response = read_stream(THINKING_STREAM)
    assert response.text == "17 🦊"
    assert response.thinking == "List thém: 2, 3"
    assert response.stop_reason == "end_turn"
    assert response.model == "claude-haiku-4-5-20251001"
    assert response.id == "msg_x"
    assert response.usage == Usage(input_tokens=19, output_tokens=412, thinking_tokens=371)


def test_a_tool_call_whose_input_comes_in_pieces() -> None:
    response = read_stream(TOOL_STREAM)
    assert response.text == "I'll check."
    assert response.stop_reason == "tool_use"
    assert response.tool_calls == (
        {
            "type": "tool_use",
            "id": "toolu_01N",
            "name": "get_weather",
            "input": {"location": "Paris"},
        },
    )
    assert response.usage.output_tokens == 65
    assert response.usage.service_tier == "standard"


def test_the_dialect_of_llama_cpp() -> None:
    response = read_stream(LLAMA_STREAM)
    assert (response.thinking, response.text) == ("7 + 5", "Answer: 12")
    assert (response.stop_reason, response.stop_sequence) == ("stop_sequence", "Q:")
    assert response.usage == Usage(input_tokens=12, output_tokens=21, cache_read_tokens=26)


@pytest.mark.parametrize("name", STREAMS)
def test_a_streamed_message_reads_like_the_same_message_unstreamed(name: str) -> None:
    assembler = assemble(STREAMS[name])
    whole = parse_response(orjson.dumps(assembler.message()))
    streamed = assembler.result()
    for field in ("text", "thinking", "stop_reason", "usage", "tool_calls", "id", "model"):
        assert getattr(streamed, field) == getattr(whole, field)


def test_signature_and_citations_are_part_of_the_message() -> None:
    cited = {"type": "char_location", "cited_text": "x", "document_index": 0}
    events = [
        start(),
        block_start(0, type="thinking", thinking="", signature=""),
        delta(0, "signature_delta", signature="first"),
        delta(0, "signature_delta", signature="Er8="),
        block_stop(0),
        block_start(1, type="text", text="", citations=None),
        delta(1, "citations_delta", citation=cited),
        delta(1, "citations_delta", citation=cited),
        delta(1, "text_delta", text="x"),
        block_stop(1),
        ending(),
        STOP,
    ]
    assert assemble(sse(*events)).message()["content"] == [
        {"type": "thinking", "thinking": "", "signature": "Er8="},
        {"type": "text", "text": "x", "citations": [cited, cited]},
    ]


def test_redacted_thinking_is_counted_and_unknown_things_are_passed_over() -> None:
    events = [
        {"type": "session_opened", "id": 1},
        start(),
        block_start(0, type="redacted_thinking", data="opaque"),
        block_stop(0),
        block_start(1, type="hologram", points=[]),
        delta(1, "hologram_delta", points=[1, 2]),
        block_stop(1),
        block_start(2, type="text", text=""),
        delta(2, "glitter_delta", glitter="*"),
        delta(2, "text_delta", text="ok"),
        block_stop(2),
        ending("a_new_reason"),
        STOP,
    ]
    response = read_stream(sse(*events))
    assert (response.text, response.redacted_blocks) == ("ok", 1)
    assert response.stop_reason == "a_new_reason"


def test_several_text_blocks_are_joined() -> None:
    events = [
        start(),
        block_start(0, type="text", text="a"),
        delta(0, "text_delta", text="b"),
        block_stop(0),
        block_start(1, type="text", text=""),
        delta(1, "text_delta", text="c"),
        ending(),
        STOP,
    ]
    assert read_stream(sse(*events)).text == "abc"


def test_an_index_used_again_begins_a_new_block() -> None:
    events = [
        start(),
        block_start(0, type="thinking", thinking=""),
        delta(0, "thinking_delta", thinking="hm"),
        block_stop(0),
        block_start(0, type="text", text=""),
        delta(0, "text_delta", text="ok"),
        block_stop(0),
        ending(),
        STOP,
    ]
    response = read_stream(sse(*events))
    assert (response.thinking, response.text) == ("hm", "ok")


def test_a_tool_call_without_input_has_an_empty_one() -> None:
    events = [start(), block_start(0, type="tool_use", id="t", name="f"), ending("tool_use"), STOP]
    assert read_stream(sse(*events)).tool_calls[0]["input"] == {}


def test_a_tool_call_cut_by_max_tokens_keeps_what_there_is() -> None:
    events = [
        start(),
        block_start(0, type="tool_use", id="t", name="f", input={}),
        delta(0, "input_json_delta", partial_json='{"a": [1, '),
        block_stop(0),
        ending("max_tokens"),
        STOP,
    ]
    response = read_stream(sse(*events))
    assert response.stop_reason == "max_tokens"
    assert response.tool_calls[0]["partial_json"] == '{"a": [1, '


def test_an_answer_may_be_empty() -> None:
    response = read_stream(sse(start(), ending("refusal"), STOP))
    assert (response.text, response.stop_reason) == ("", "refusal")


def test_the_category_of_a_refusal() -> None:
    end = ending("refusal")
    end["delta"]["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": None}
    assert read_stream(sse(start(), end, STOP)).refusal_category == "cyber"


@pytest.mark.parametrize("name", STREAMS)
def test_event_names_are_not_needed(name: str) -> None:
    lines = STREAMS[name].split(b"\n")
    nameless = b"\n".join(line for line in lines if not line.startswith(b"event:"))
    assert read_stream(nameless) == read_stream(STREAMS[name])
    generic = b"\n".join(b"event: message" if x.startswith(b"event:") else x for x in lines)
    assert read_stream(generic) == read_stream(STREAMS[name])


def test_a_closing_done_of_other_apis_is_passed_over() -> None:
    nameless = b"data: [DONE]\n\n"
    assert read_stream(sse(*text_events("x")[:-1]), nameless, sse(STOP)).text == "x"


def test_what_comes_after_message_stop_does_not_matter() -> None:
    assembler = assemble(sse(*text_events("x")), b"event: error\ndata: {broken\n\n")
    assert assembler.done
    assert assembler.result().text == "x"


class TestUsage:
    def test_totals_replace_and_absent_counters_stay(self) -> None:
        usage = {
            "input_tokens": 10,
            "output_tokens": 1,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 7,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5},
            "service_tier": "batch",
            "inference_geo": "us",
            "speed": "fast",
        }
        events = [
            start(usage=usage),
            ending(None, output_tokens=8, cache_read_input_tokens=None),
            ending("end_turn", output_tokens=20, input_tokens=12, server_tool_use=None),
            STOP,
        ]
        assert read_stream(sse(*events)).usage == Usage(
            input_tokens=12,
            output_tokens=20,
            cache_read_tokens=4,
            cache_write_tokens=7,
            cache_write_1h_tokens=5,
            service_tier="batch",
            inference_geo="us",
            speed="fast",
        )

    def test_a_later_zero_does_not_erase_the_prompt(self) -> None:
        events = [start(), ending(input_tokens=0, output_tokens=5), STOP]
        assert read_stream(sse(*events)).usage.input_tokens == 10

    def test_the_placeholder_of_message_start_is_not_a_count(self) -> None:
        end = ending()
        del end["usage"]
        usage = read_stream(sse(start(), end, STOP)).usage
        assert (usage.input_tokens, usage.output_tokens) == (10, None)

    def test_no_usage_at_all_is_unknown(self) -> None:
        first, end = start(), ending()
        del first["message"]["usage"]
        del end["usage"]
        assert read_stream(sse(first, end, STOP)).usage == Usage()


class TestTimes:
    def test_first_token_and_thinking(self) -> None:
        response = timed(
            (0.5, start()),
            (1.0, block_start(0, type="thinking", thinking="", signature="")),
            (1.5, delta(0, "thinking_delta", thinking="a")),
            (3.0, delta(0, "signature_delta", signature="x")),
            (3.5, block_stop(0)),
            (4.0, block_start(1, type="text", text="")),
            (4.5, delta(1, "text_delta", text="b")),
            (5.0, block_stop(1)),
            (6.0, ending()),
            (6.0, STOP),
        )
        assert response.first_token_s == pytest.approx(1.5)
        assert response.thinking_s == pytest.approx(2.5)

    def test_thinking_ends_when_an_overlapping_block_begins(self) -> None:
        response = timed(
            (0.5, start()),
            (1.0, block_start(0, type="thinking", thinking="")),
            (1.0, delta(0, "thinking_delta", thinking="a")),
            (3.0, block_start(1, type="text", text="")),
            (3.0, delta(1, "text_delta", text="b")),
            (9.0, block_stop(0)),
            (9.0, block_stop(1)),
            (9.0, ending()),
            (9.0, STOP),
        )
        assert response.thinking_s == pytest.approx(2.0)

    def test_thinking_in_two_stretches_adds_up(self) -> None:
        response = timed(
            (0.0, start()),
            (1.0, block_start(0, type="thinking", thinking="")),
            (2.0, block_stop(0)),
            (2.0, block_start(1, type="text", text="")),
            (3.0, delta(1, "text_delta", text="b")),
            (5.0, block_start(2, type="thinking", thinking="")),
            (8.0, block_stop(2)),
            (9.0, ending()),
            (9.0, STOP),
        )
        assert response.thinking_s == pytest.approx(4.0)

    def test_thinking_that_is_not_shown_takes_time_but_is_no_token(self) -> None:
        response = timed(
            (0.5, start()),
            (1.0, block_start(0, type="thinking", thinking="", signature="")),
            (7.0, delta(0, "signature_delta", signature="x")),
            (7.0, block_stop(0)),
            (7.5, block_start(1, type="text", text="")),
            (8.0, delta(1, "text_delta", text="b")),
            (8.5, ending()),
            (8.5, STOP),
        )
        assert (response.first_token_s, response.thinking_s) == (8.0, 6.0)

    def test_without_thinking_its_time_is_unknown(self) -> None:
        moments = [(float(i), event) for i, event in enumerate(text_events("x"))]
        response = timed(*moments)
        assert (response.first_token_s, response.thinking_s) == (2.0, None)

    def test_an_empty_answer_has_no_first_token(self) -> None:
        response = timed((1.0, start()), (2.0, ending()), (2.0, STOP))
        assert response.first_token_s is None

    def test_a_block_that_comes_whole_is_a_first_token(self) -> None:
        response = timed(
            (1.0, start()),
            (2.0, block_start(0, type="redacted_thinking", data="x")),
            (3.0, block_stop(0)),
            (3.0, ending()),
            (3.0, STOP),
        )
        assert response.first_token_s == 2.0


class TestCut:
    @pytest.mark.parametrize("kept", range(6))
    def test_a_stream_cut_after_any_event_is_no_answer(self, kept: int) -> None:
        error = failure(sse(*text_events("partial")[:kept]))
        assert error.kind == "stream_cut"
        assert error.is_retryable

    def test_an_empty_stream(self) -> None:
        assert "empty" in failure(b"").message

    def test_comments_and_pings_alone_are_an_empty_stream(self) -> None:
        assert failure(b": hello\n\nevent: ping\ndata: {}\n\n").kind == "stream_cut"

    def test_message_stop_without_a_stop_reason(self) -> None:
        error = failure(sse(start(), ending(None), STOP))
        assert error.kind == "stream_cut"
        assert "stop_reason" in error.message

    def test_what_was_counted_before_the_cut_is_kept(self) -> None:
        error = failure(sse(*text_events("x")[:3]))
        assert error.usage == Usage(input_tokens=10)

    def test_done_tells_when_to_stop_reading(self) -> None:
        reader, assembler = SseReader(), MessageAssembler(0.0)
        *events, last = reader.feed(THINKING_STREAM)
        for event in events:
            assembler.add(event, 0.0)
            assert not assembler.done
        assembler.add(last, 0.0)
        assert assembler.done


class TestErrorEvents:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("overloaded_error", "overloaded"),
            ("rate_limit_error", "rate_limit"),
            ("api_error", "server_error"),
            ("timeout_error", "timeout"),
            ("invalid_request_error", "invalid_request"),
            ("authentication_error", "authentication"),
            ("permission_error", "permission"),
            ("billing_error", "billing"),
            ("not_found_error", "not_found"),
            ("something_new", "server_error"),
        ],
    )
    def test_the_type_decides(self, kind: str, expected: str) -> None:
        event = {"type": "error", "error": {"type": kind, "message": "Overloaded"}}
        error = failure(sse(*text_events("x")[:3], event))
        assert (error.kind, error.status) == (expected, 200)
        assert "Overloaded" in error.message
        assert error.usage == Usage(input_tokens=10)

    def test_llama_cpp_sends_the_bare_inner_object(self) -> None:
        inner = b'{"code":500,"message":"context shift is disabled","type":"server_error"}'
        named = failure(sse(start()), b"event: error\ndata: " + inner + b"\n\n")
        nameless = failure(sse(start()), b"data: " + inner + b"\n\n")
        assert named.kind == nameless.kind == "server_error"
        assert "context shift" in nameless.message

    def test_the_form_of_openai(self) -> None:
        error = failure(b'data: {"error":{"message":"slow down","code":429}}\n\n')
        assert error.kind == "rate_limit"

    def test_an_error_that_is_no_json_object_is_malformed(self) -> None:
        assert failure(b"event: error\ndata: gone\n\n").kind == "malformed"

    def test_no_key_is_shown(self) -> None:
        event = {"type": "error", "error": {"type": "api_error", "message": "bad hunter2-key"}}
        error = failure(sse(start(), event), secrets=("hunter2-key",))
        assert "hunter2" not in str(error)


class TestMalformed:
    @pytest.mark.parametrize(
        "events",
        [
            [start(), start()],
            [{"type": "message_start"}],
            [{"type": "message_start", "message": []}],
            [block_start(0, type="text", text="")],
            [start(), {"type": "content_block_start", "index": 0}],
            [start(), {"type": "content_block_start", "index": [], "content_block": {}}],
            [start(), delta(0, "text_delta", text="x")],
            [start(), block_start(0, type="text"), delta(1, "text_delta", text="x")],
            [start(), block_start(0, type="text"), {**delta(0, "x"), "delta": "y"}],
            [start(), block_start(0, type="text"), {**delta(0, "x"), "index": {}}],
            [start(), block_start(0, type="text"), delta(0, "text_delta", text=7)],
            [start(), block_start(0, type="thinking"), delta(0, "text_delta", text="x")],
            [start(), block_start(0, type="text"), block_stop(0), delta(0, "text_delta", text="x")],
            [ending()],
            [start(), {"type": "message_delta", "delta": None}],
            [start(), block_start(0, type=None), ending(), STOP],
        ],
    )
    def test_events_that_cannot_be_part_of_a_message(self, events: list[dict[str, Any]]) -> None:
        assert failure(sse(*events)).kind == "malformed"

    @pytest.mark.parametrize(
        "frame",
        [
            b'event: content_block_delta\ndata: {"type":\n\n',
            b"event: message_stop\ndata: []\n\n",
            b'data: {"type":"content_block_delta"\n\n',
        ],
    )
    def test_broken_json(self, frame: bytes) -> None:
        assert failure(sse(start()), frame).kind == "malformed"

    def test_a_stream_of_another_api(self) -> None:
        chunk = b'data: {"id":"x","object":"chat.completion.chunk","choices":[]}\n\n'
        assert failure(chunk, b"data: [DONE]\n\n").kind == "malformed"

    def test_odd_kinds_are_passed_over(self) -> None:
        odd = [delta(0, "text_delta", text="x"), {"type": ["error"]}]
        odd[0]["delta"]["type"] = {"a": 1}
        events = text_events("ok")
        frames = sse(*events[:2], odd[0]) + b'data: {"type":["error"]}\n\n' + sse(*events[2:])
        assert read_stream(frames).text == "ok"


class TestText:
    def test_halves_of_a_character_in_two_deltas_are_joined(self) -> None:
        frames = sse(*text_events("LEFT")).replace(b"LEFT", b"\\ud83e")
        right = sse(delta(0, "text_delta", text="RIGHT")).replace(b"RIGHT", b"\\udd8a")
        head, tail = frames.split(b"event: content_block_stop")
        assert read_stream(head, right, b"event: content_block_stop" + tail).text == "🦊"

    def test_a_lone_half_becomes_a_replacement_character(self) -> None:
        assert (
            read_stream(sse(*text_events("LEFT")).replace(b"LEFT", b"a\\ud83eb")).text == "a\ufffdb"
        )

    def test_bytes_that_are_not_utf8_become_replacement_characters(self) -> None:
        assert read_stream(sse(*text_events("LEFT")).replace(b"LEFT", b"a\xff\xfeb")).text == (
            "a\ufffd\ufffdb"
        )

    @pytest.mark.parametrize("text", ["a\x00b", "שלום", "👩‍👩‍👧", "line\nline\r\nend", "\u2028"])
    def test_any_text_comes_through(self, text: str) -> None:
        assert read_stream(sse(*text_events(text))).text == text

    def test_five_megabytes(self) -> None:
        sent = sse(*text_events("x" * 5_000_000))
        chunks = [sent[at : at + 65_536] for at in range(0, len(sent), 65_536)]
        assert len(read_stream(*chunks).text) == 5_000_000
