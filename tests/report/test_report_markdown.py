"""Markdown read by a real parser: what is in it, that it fits a comment, that nothing acts."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt
from report_builders import GATE, HOSTILE, World, a_timeline, hostile_report, report

from evalkit.report import markdown
from evalkit.report.report import Report

COMMENT = 60_000
OURS = re.compile(r"</?(details|summary|b)( open)?>")
ATTACKS = (
    "@octocat and @org/team, see #123 and GH-123",
    "![x](https://evil.example/x.png) [y](javascript:alert(1)) <https://evil.example>",
    "https://evil.example and www.evil.example <!-- hidden --> &lt;b&gt;",
    "```\nfence\n``` ~~~ `code` **bold** _i_ ~~gone~~",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "# heading\n> quote\n- item\n1. one\n+ plus\n= x",
    "</details></summary><script>alert(1)</script>",
)


def parsed(text: str) -> list:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in reader.parse(text) for inner in (token, *(token.children or ()))]


def tables(text: str) -> list[str]:
    return [
        token.content
        for token, before in zip(parsed(text)[1:], parsed(text), strict=False)
        if before.type == "th_open" and token.type == "inline"
    ]


def test_the_answers_come_first_then_every_section() -> None:
    shown = report(World(price=1e-5, p_failed=0.05))
    text = markdown.render(replace(shown, sections=(GATE,), timelines=(a_timeline("plain/x/off"),)))
    heads = re.findall(r"^\*\*(.+\?)\*\*$", text, re.MULTILINE)
    assert heads == [answer.question for answer in shown.headline]
    assert re.findall(r"<b>(.+?)</b>", text) == [
        *("Gate", "Variants", "Paired comparison, in points", "Thinking", "Over the runs"),
        *("Flips, case by case", "Score by tag", "Agreement between variants", "Failures"),
        "Provenance",
    ]
    assert text.index("What should I do?") < text.index("<b>Gate")
    titles = tables(text)
    for title in ("Score", "Cost", "Per right", "p95", "First", "Points", "Verdict", "Needs"):
        assert title in titles
    assert "b2:91d3a7be20c4f5e8" in text
    assert "`plain/x/off` by `number`: ▇▇█▇▇·▇▇█▁▂▂ 62%; changed: 2026-11-10 model answered" in text


def test_tables_hold_as_many_cells_as_titles() -> None:
    rows = [line for line in markdown.render(report()).splitlines() if line.startswith("|")]
    assert len(rows) > 40
    types = [token.type for token in parsed(markdown.render(report()))]
    assert types.count("table_open") >= 6
    assert types.count("tr_open") == len(rows) - types.count("table_open")


@pytest.mark.parametrize(
    "world",
    [
        World(),
        World(scorers=()),
        World(p_failed=1.0),
        World(n_cases=1),
        pytest.param(
            World(
                n_cases=12,
                prompts=tuple(f"prompt-{'x' * 70}-{n}" for n in range(6)),
                models=tuple(f"model-{'y' * 70}-{n}" for n in range(6)),
            ),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["plain", "no scorer", "nothing answered", "one case", "144 variants of long names"],
)
def test_it_fits_a_comment(world: World) -> None:
    text = markdown.render(report(world))
    assert len(text) < COMMENT
    assert "Provenance" in text
    assert "None" not in text.replace("`none`", "")


def test_many_cases_and_warnings_still_fit() -> None:
    shown = report(World(n_cases=30, more={"warnings": ("w" * 5_000,) * 500}))
    text = markdown.render(shown)
    assert len(text) < COMMENT
    assert "and 488 more" in text


def check_harmless(text: str) -> None:
    for token in parsed(text):
        assert token.type not in ("link_open", "image", "fence", "code_block", "s_open"), token
        if token.type in ("html_inline", "html_block"):
            assert OURS.sub("", token.content).strip() in ("", *_TITLES), token.content
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\ud800-\udfff]", text)


_TITLES = (
    *("Variants", "Paired comparison, in points", "Thinking", "Flips, case by case"),
    "Over the runs",
    *("Score by tag", "Agreement between variants", "Failures", "Provenance"),
)


def test_a_hostile_report_does_nothing() -> None:
    text = markdown.render(replace(hostile_report(), sections=()))
    check_harmless(text)
    assert "window.hacked" in text
    assert HOSTILE not in text
    with_section = markdown.render(hostile_report())
    assert "<script" not in re.sub(r"`+[^`]*`+", "", with_section)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("where", ["sentence", "name", "cell"])
def test_no_text_becomes_markup_or_a_mention(attack: str, where: str) -> None:
    text = {
        "sentence": f"- {markdown.text(attack)}\n",
        "name": f"{markdown.code(attack, 500)}\n",
        "cell": markdown.table(("a", "b"), ((attack, attack),), 9),
    }[where]
    tokens = parsed(text)
    check_harmless(text)
    kinds = {token.type for token in tokens}
    assert not kinds & {"em_open", "strong_open", "heading_open", "blockquote_open", "hr"}
    assert [token.type for token in tokens].count("tr_open") == (2 if where == "cell" else 0)
    outside = re.sub(r"(?<!\\)(`+).*?\1", "", text) if where != "sentence" else text
    assert not re.search(r"@\w|#\d|\w://|\bwww\.|GH-\d", unescape(outside))


def test_a_code_span_holds_whatever_is_in_it() -> None:
    for name in ("a`b", "``", "`", "a\\", "x|y", "", "a`` ` b"):
        (paragraph,) = [t for t in parsed(markdown.code(name)) if t.type == "inline"]
        spans = [t for t in paragraph.children or () if t.type == "code_inline"]
        assert [t.content for t in spans] == ([name] if name else [])
    cells = [t for t in parsed(markdown.table(["A", "n"], [["x|y", "1"]], 5)) if t.type == "inline"]
    assert [t.content for t in cells] == ["A", "n", "`x|y`", "1"]


def test_each_report_is_one_text() -> None:
    shown: Report = report()
    assert markdown.render(shown) == markdown.render(shown)
