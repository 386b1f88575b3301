"""Scores as rows of their file: whatever a scorer read out of an answer can be written."""

import pyarrow as pa

from evalkit.scorers.json_text import find_json
from evalkit.tables import SCORES, encode_row, score_row
from evalkit.types import Score


def test_half_a_character_read_out_of_json_spoils_no_file():
    half = find_json('{"a": "\\ud800"}')["a"]
    row = score_row("t", "c", "v", 0, Score("json", 1.0, answer=half, reason=f"found {half}"))
    table = pa.Table.from_pylist([row], schema=SCORES)
    assert table["answer"].to_pylist() == ["?"]
    assert table["reason"].to_pylist() == ["found ?"]
    assert encode_row({"tool_calls": {half: [half]}}) == b'{"tool_calls":{"?":["?"]}}'
