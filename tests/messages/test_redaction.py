from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.messages.redaction import one_line, redact, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invalid key sk-ant-api03-AbC_123-xyz given", "invalid key [redacted] given"),
        ("Incorrect API key provided: sk-proj-ab***********wxyz.", "provided: [redacted]"),
        ("hf_abcdefgh12345", "[redacted]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]"),
        ("AIzaSyA1234567890abcdefg", "[redacted]"),
        ("Authorization: Bearer abc123def", "Authorization: Bearer [redacted]"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic [redacted]"),
        ("Bearer abc123def is bad", "Bearer [redacted] is bad"),
        ("X-API-Key: topsecretvalue; next", "X-API-Key: [redacted]; next"),
        ("'api_key': 'topsecretvalue'", "'api_key': '[redacted]'"),
        (r"{\"api_key\": \"topsecretvalue\"}", "[redacted]"),
        ("auth_token=topsecretvalue", "auth_token=[redacted]"),
    ],
)
def test_what_looks_like_a_key_is_gone(text: str, expected: str) -> None:
    shown = redact(text)
    assert expected in shown
    assert "topsecret" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication required",
        "risk-assessment of task-oriented models",
        "claude-haiku-4-5-20251001 does not exist",
        "x-api-key header is required",
        "invalid x-api-key",
        "max_tokens: 4096 > 2048",
        "request req_011CSHoEeqs5C35K2UUqR7Fy failed",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_given_secrets_are_gone_the_longest_first() -> None:
    assert redact("a secret-key b secret c", ["secret", "secret-key"]) == (
        "a [redacted] b [redacted] c"
    )


def test_spaces_around_a_secret_are_not_part_of_it() -> None:
    assert redact("got hunter2!", [" hunter2\n"]) == "got [redacted]!"


def test_a_secret_too_short_to_be_one_does_not_tear_words_apart() -> None:
    assert redact("not a number", ["no", "", "   "]) == "not a number"


@given(st.text(max_size=50), st.text(max_size=50), st.text("abc123-_.", min_size=6, max_size=30))
def test_a_secret_never_comes_through(before: str, after: str, secret: str) -> None:
    assert secret not in redact(before + secret + after, [secret])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("a\x00\x08b\x9bc", "abc"),
        ("left\u202eright", "leftright"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half\ud800", "half"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("שלום 🦊", "שלום 🦊"),
    ],
)
def test_only_what_can_be_seen_stays(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_one_line() -> None:
    assert one_line(" a\r\n b\t c\u2028d ") == "a b c d"
    assert one_line("word " * 100, 20) == "word word word word…"
    assert one_line("") == ""
