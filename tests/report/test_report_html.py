"""The page is well-formed, whole in itself, and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import quote_plus

import pytest
from report_builders import HOSTILE, OFF, World, hostile_report, report

from evalkit.report import html

VOID = {"meta", "link", "br", "input", "img", "hr"}
WORLDS = {
    "quickstart": World(more={"warnings": ("The prompts were tuned on these cases.",)}),
    "priced": World(price=1e-5, models=("haiku", "sonnet"), p_failed=0.1),
    "no scorer": World(scorers=()),
    "two scorers": World(scorers=("number", "exact")),
    "nothing answered": World(p_failed=1.0),
    "one variant": World(prompts=("plain",), settings=(OFF,)),
    "many cases": World(n_cases=200, prompts=("plain",)),
}


class Page(HTMLParser):
    """A strict reader: every tag is closed in its turn; elements, text and ids are kept."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute stands twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(data for tag, data in self.texts if tag not in ("style", "script"))

    def scripts(self, kind: str | None) -> list[str]:
        """The contents of the script elements of this type."""
        types = [attributes.get("type") for attributes in self.all("script")]
        texts = [data for tag, data in self.texts if tag == "script"]
        return [text for found, text in zip(types, texts, strict=True) if found == kind]

    def raw(self, tag: str) -> str:
        return "".join(data for name, data in self.texts if name == tag)


@pytest.fixture(scope="module", params=WORLDS.values(), ids=WORLDS.keys())
def page(request: pytest.FixtureRequest) -> Page:
    return Page(html.render(report(request.param)))


def test_the_answers_come_first_in_their_order(page: Page) -> None:
    headings = [data for tag, data in page.texts if tag == "h2"]
    assert headings[:5] == [
        "What won?",
        "By how much?",
        "How sure are we?",
        "What did it cost?",
        "What should I do?",
    ]
    assert headings[-1] == "Provenance"


def test_the_policy_admits_this_style_and_this_script_alone(page: Page) -> None:
    (policy,) = [
        meta["content"] or ""
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = page.scripts(None)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'{digest(page.raw('style'))}'",
        "script-src": f"'{digest(script)}'",
        "connect-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    names = [tag for tag, _ in page.elements]
    assert names.index("meta") < names.index("style") < names.index("script")


def digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def test_nothing_is_fetched_and_nothing_inline_acts(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "formaction", "style", "ping")
            if name == "href":
                assert (value or "").startswith(("#", "data:image/svg+xml,"))


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in page.all("a"):
        target = (attributes["href"] or "").removeprefix("#")
        assert target in ids or target.startswith(("case=", "show="))
    for _, attributes in page.elements:
        for one in (attributes.get("aria-labelledby") or "").split():
            assert one in ids


def test_tables_have_captions_and_scoped_headers(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header.get("scope") for header in page.all("th"))
    regions = [one for one in page.all("div") if one.get("class") == "scroll"]
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in regions)


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_row_of_a_table_is_as_wide_as_its_head() -> None:
    for world in WORLDS.values():
        text = html.render(report(world))
        for table in re.findall(r"<table>.*?</table>", text, re.DOTALL):
            widths = set()
            for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL):
                cells = re.findall(r"<t[hd]\b[^>]*>", row)
                spans = re.findall(r'colspan="(\d+)"', row)
                widths.add(len(cells) - len(spans) + sum(map(int, spans)))
            assert len(widths) <= 2
            grouped = "rowgroup" in table
            assert len(widths) == 1 or grouped


def test_outcome_counts_add_up() -> None:
    text = html.render(report(World(p_failed=0.1)))
    table = next(one for one in re.findall(r"<table>.*?</table>", text, re.DOTALL)
                 if "adds up" in one)  # fmt: skip
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', table, re.DOTALL)
    assert len(rows) == 8
    for row in rows:
        *counts, asked = [int(n) for n in re.findall(r'<td class="num[^"]*">(\d+)</td>', row)]
        assert sum(counts) == asked == 50


def test_unknown_is_written_as_unknown() -> None:
    text = Page(html.render(report(World(p_failed=1.0)))).text
    assert "unpriced" in text
    assert not re.search(r"\b(None|nan|inf)\b", text)


def test_columns_that_nothing_is_known_for_are_left_out() -> None:
    text = Page(html.render(report())).text
    assert "Cost per right" not in text
    assert "Refused" in text
    assert "Cost per right" in Page(html.render(report(World(price=1e-5)))).text


def test_the_provenance_is_told() -> None:
    text = Page(html.render(report(World(price=1e-5), git_commit="4f2a9c1"))).text
    for fact in (
        "runs/quickstart/20261123T112805Z-4f2a",
        "b2:91d3a7be20c4f5e8",
        "50 rows",
        "b2:0177aa",
        "127.0.0.1:41873",
        "smollm2-135m",
        "2026-11-23 11:28:05 UTC",
        "2026-11-23 11:31:47 UTC",
        "built-in prices of 2026-11-20",
        "evalkit 0.1.0",
        "4f2a9c1",
    ):
        assert fact in text


def test_an_unfinished_run_says_so() -> None:
    assert "interrupted" in Page(html.render(report(status="interrupted"))).text


def test_hostile_text_comes_out_as_text() -> None:
    text = html.render(hostile_report())
    text.encode("utf-8")
    shown = Page(text)
    assert [one.get("type") for one in shown.all("script")] == ["application/json", None]
    assert len(shown.all("style")) == 1
    assert "<" not in shown.scripts("application/json")[0]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", text)
    assert not [tag for tag, _ in shown.elements if tag in ("img", "iframe")]
    for attributes in shown.all("a"):
        assert (attributes["href"] or "").startswith("#")
    assert "<script>window.hacked = 1</script>" in shown.text
    assert "{{ 7 * 7 }}" in shown.text
    assert len(text) < 1_000_000
    assert "more characters are in the run]" in text
    assert "hacked" not in shown.raw("style") + shown.scripts(None)[0]
    assert HOSTILE not in text


def test_links_to_cases_say_which_and_need_no_further_escaping() -> None:
    assert html.link(case="a b&c=d", show="wins") == "case=a+b%26c%3Dd&show=wins"
    assert html.link(case="\ud800\u202e") == "case=" + quote_plus("⟨U+D800⟩⟨U+202E⟩")


def test_the_cases_stand_in_the_page_once_and_compactly() -> None:
    shown = report(World(n_cases=100))
    text = html.render(shown)
    data = json.loads(next(iter(Page(text).scripts("application/json"))))
    assert data["meta"]["n"] == data["meta"]["total"] == len(data["cases"]) == 100
    assert len(data["texts"]) == len(set(data["texts"])) < 210
    answer = data["cases"][0]["answers"][0]
    assert answer[0] == 0 and answer[5][0][1] in ("0%", "100%")
    assert len(text) < 600_000


def test_many_tags_are_bounded() -> None:
    from dataclasses import replace

    from evalkit.report.report import build_report

    plain = report()
    tags = tuple(
        replace(tag, tag=f"tag-{number}")
        for number in range(200)
        for tag in plain.analysis.tags[:8]
    )
    many = build_report(replace(plain.analysis, tags=tags), plain.provenance, [])
    text = html.render(many)
    assert "the 40 largest of 200 tags" in text
    assert "tag-39<" in text
    assert "tag-40<" not in text


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_enough_contrast(theme: int) -> None:
    style = Page(html.render(report())).raw("style")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for text in ("ink", "muted", "accent", "good", "bad", "open"):
        for ground in ("paper", "card", "faint"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for kind in ("good", "bad", "open"):
        assert contrast(colours[kind], colours[f"{kind}-bg"]) >= 4.5
    for series in range(8):
        assert contrast(colours[f"s{series}"], colours["paper"]) >= 3
