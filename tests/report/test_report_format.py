"""Numbers are rounded by their uncertainty; foreign text cannot act; unknown is never 0."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_builders import HOSTILE, gap, share

from evalkit.report import format as fmt


@pytest.mark.parametrize(
    ("right", "n", "score", "interval"),
    [
        (28, 50, "56%", "42–69%"),
        (5_630, 10_000, "56.3%", "55.3–57.3%"),
        (563_412, 1_000_000, "56.34%", "56.24–56.44%"),
        (0, 20, "0%", "0–16%"),
        (20, 20, "100%", "84–100%"),
        (399, 400, "99.8%", "98.6–99.96%"),
        (3, 400, "0.8%", "0.3–2.2%"),
    ],
)
def test_scores_show_as_many_digits_as_their_interval_leaves_meaningful(
    right: int, n: int, score: str, interval: str
) -> None:
    estimate = share(right, n)
    assert fmt.score(estimate) == score
    assert fmt.interval(estimate) == interval


def test_all_and_nothing_are_said_only_where_exact() -> None:
    assert fmt.percent(0.996) == "99.6%"
    assert fmt.percent(0.004) == "0.4%"
    assert fmt.percent(1.0) == "100%"
    assert fmt.percent(0.0) == "0%"


@pytest.mark.parametrize(
    ("estimate", "difference", "interval"),
    [
        (gap(0.2, 0.041, 0.352), "+20", "+4 to +35"),
        (gap(-0.083, -0.19, 0.03), "−8", "−19 to +3"),
        (gap(0.0123, 0.0051, 0.0192), "+1.2", "+0.5 to +1.9"),
        (gap(0.0, -0.1, 0.1), "0", "−10 to +10"),
    ],
)
def test_differences_are_points_with_a_sign(estimate, difference: str, interval: str) -> None:
    assert fmt.difference(estimate) == difference
    assert fmt.difference_interval(estimate) == interval


def test_a_bound_that_excludes_zero_is_not_rounded_to_zero() -> None:
    assert fmt.difference_interval(gap(0.08, 0.003, 0.157)) == "+0.3 to +16"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unpriced"),
        (0.0, "$0"),
        (0.0012, "$0.0012"),
        (0.04, "$0.040"),
        (0.000047, "$0.000047"),
        (0.0000001, "<$0.000001"),
        (0.5, "$0.50"),
        (12.3, "$12.30"),
        (1234.5, "$1,234"),
    ],
)
def test_money(usd: float | None, text: str) -> None:
    assert fmt.money(usd) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0"),
        (7.42, "7.4"),
        (312.4, "312"),
        (999.7, "1.0k"),
        (1234, "1.2k"),
        (52_400, "52k"),
        (2_300_000, "2.3M"),
    ],
)
def test_tokens(count: float | None, text: str) -> None:
    assert fmt.tokens(count) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (None, "–"),
        (0.0002, "<1 ms"),
        (0.043, "43 ms"),
        (0.9996, "1.0 s"),
        (1.24, "1.2 s"),
        (12.3, "12 s"),
        (59.7, "1 min"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
        (3600.0, "1 h"),
    ],
)
def test_seconds(duration: float | None, text: str) -> None:
    assert fmt.seconds(duration) == text


def test_estimates_without_value_or_interval_show_neither_as_zero() -> None:
    nothing = share(0, 0)
    assert fmt.score(nothing) == "–"
    assert fmt.interval(nothing) == ""
    assert fmt.difference(gap(None, None, None)) == "–"
    assert fmt.difference_interval(gap(0.2, None, None)) == ""
    assert fmt.p_value(None) == "–"


def test_p_values_are_never_zero() -> None:
    assert [fmt.p_value(p) for p in (0.0, 0.0004, 0.012, 0.34, 1.0)] == [
        "<0.001",
        "<0.001",
        "0.012",
        "0.34",
        "1.00",
    ]


def test_times_are_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert fmt.moment(datetime(2026, 11, 23, 20, 28, 5, tzinfo=east)) == "2026-11-23 11:28:05 UTC"
    assert fmt.moment(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02 00:00:00 UTC"
    assert fmt.moment(None) == "–"


def test_rough_numbers_have_two_digits() -> None:
    assert [fmt.roughly(n) for n in (7, 86, 340, 5_136, 12_345)] == [
        "7",
        "86",
        "340",
        "5,100",
        "12,000",
    ]


def test_lists_read_like_prose() -> None:
    assert fmt.listed([]) == ""
    assert fmt.listed(["a"]) == "a"
    assert fmt.listed(["a", "b", "c"]) == "a, b and c"


def test_shortened_text_keeps_both_ends() -> None:
    assert fmt.shortened("short", 10) == "short"
    assert fmt.shortened("prompt/model/think-4096", 15) == "prompt/…nk-4096"
    assert len(fmt.shortened("x" * 100, 15)) == 15


def test_line_ends_become_line_feeds_and_tabs_stay() -> None:
    assert fmt.neutral("a\r\nb\rc\n\td") == "a\nb\nc\n\td"


def test_what_acts_is_shown_instead() -> None:
    assert fmt.neutral("\x1b[31m\x00\u202e\ud800") == "⟨U+001B⟩[31m⟨U+0000⟩⟨U+202E⟩⟨U+D800⟩"


def test_scripts_that_need_joiners_are_left_alone() -> None:
    text = "👩‍👩‍👧 می‌خواهم नमस्ते 你好 שלום"
    assert fmt.neutral(text) == text


@given(st.text(st.characters(categories=None), max_size=200))
def test_no_text_keeps_a_sign_that_acts(text: str) -> None:
    clean = fmt.neutral(text + HOSTILE)
    clean.encode("utf-8")
    assert not [
        sign
        for sign in clean
        if (unicodedata.category(sign) == "Cc" and sign not in "\n\t")
        or unicodedata.bidirectional(sign) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}
    ]
    assert "\n" not in fmt.one_line(text)
    assert len(fmt.name(text)) <= 60
