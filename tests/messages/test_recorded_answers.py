"""Bytes that llama.cpp's server really sent (build 11549, SmolLM2-135M), read byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from wire_samples import read_stream

from evalkit.errors import ApiError
from evalkit.messages.response import parse_response
from evalkit.types import Usage

RECORDED = Path(__file__).with_name("recorded")
STREAM = (RECORDED / "llama_cpp_stream.txt").read_bytes()


def test_a_stream_with_overlapping_blocks() -> None:
    response = read_stream(STREAM)
    assert response.thinking.startswith("7 + 5 = 12")
    assert response.text.endswith("answer is 12.")
    assert response.stop_reason == "end_turn"
    assert response.usage == Usage(input_tokens=278, output_tokens=35, cache_read_tokens=0)
    assert response.model == "smollm2-135m"


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_in_pieces_of_any_size(size: int) -> None:
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert read_stream(*pieces) == read_stream(STREAM)


def test_cut_after_every_event_it_is_no_answer() -> None:
    blocks = STREAM.split(b"\n\n")
    for kept in range(len(blocks) - 2):
        with pytest.raises(ApiError) as caught:
            read_stream(b"\n\n".join(blocks[:kept]) + b"\n\n")
        assert caught.value.kind == "stream_cut"


def test_a_stop_sequence_met_inside_thinking() -> None:
    response = parse_response((RECORDED / "llama_cpp_message.json").read_bytes())
    assert (response.thinking, response.text) == ("7 + 5 = ", "")
    assert (response.stop_reason, response.stop_sequence) == ("stop_sequence", "12")
    assert response.usage.total_input_tokens == 278
