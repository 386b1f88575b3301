"""The page in a real browser: it opens from disk, runs nothing foreign, and its tools work."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote_plus

import pytest
from browsing import DESK, PHONE
from report_builders import (
    BUDGETS,
    GATE,
    HOSTILE,
    OFF,
    World,
    a_timeline,
    cases,
    hostile_report,
    report,
)

from evalkit.report import format as fmt
from evalkit.report import html
from evalkit.report.report import Report
from evalkit.types import Thinking

pytestmark = pytest.mark.browser

LIGHT_PAPER, DARK_PAPER = "rgb(251, 251, 249)", "rgb(20, 23, 26)"
WORLD = World(p_failed=0.02, price=1e-5)


def written(folder: Path, name: str, shown: Report) -> str:
    path = folder / f"{name}.html"
    path.write_text(html.render(shown), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="session")
def quickstart(folder: Path) -> str:
    whole = replace(report(WORLD), sections=(GATE,), timelines=(a_timeline("plain/local/off"),))
    return written(folder, "quickstart", whole)


@pytest.fixture(scope="session")
def hostile(folder: Path) -> str:
    return written(folder, "hostile", hostile_report())


@pytest.mark.parametrize(
    ("width", "scheme"), [(DESK, "light"), (PHONE, "dark"), (320, "light"), (DESK, "dark")]
)
def test_it_opens_quietly_from_disk_fits_and_is_accessible(
    visit, quickstart, width, scheme
) -> None:
    seen = visit(quickstart, width=width, scheme=scheme)
    paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == (LIGHT_PAPER if scheme == "light" else DARK_PAPER)
    seen.assert_fits()
    seen.assert_quiet()
    if (width, scheme) in ((DESK, "light"), (PHONE, "dark")):
        seen.assert_accessible()


def test_the_first_screen_tells_the_story(visit, quickstart) -> None:
    seen = visit(quickstart)
    for question in ("What won?", "What should I do?"):
        box = seen.page.get_by_role("heading", name=question).bounding_box()
        assert box is not None and box["y"] < 850


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_hostile_text_executes_nothing(visit, hostile, width: int) -> None:
    seen = visit(hostile, width=width)
    for _ in range(12):
        seen.page.locator("#list").press("ArrowDown")
    assert seen.page.locator("#detail pre", has_text="window.hacked = 1").count() >= 2
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    seen.page.locator("#words").fill("window.hacked")
    seen.page.wait_for_function("() => document.querySelector('#count').textContent == '12 cases'")
    seen.assert_fits()
    seen.assert_quiet()


def test_the_policy_stops_what_is_smuggled_in(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            const holder = document.createElement("div");
            holder.innerHTML = "<p onclick='window.hacked = 2'>x</p><img src='https://127.0.0.1:9/x'>";
            document.body.append(holder);
            holder.firstChild.click();
            fetch("https://127.0.0.1:9/").catch(() => null);
        }"""
    )
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate("window.hacked") is None
    assert len(seen.complaints) >= 4
    assert all("Content Security Policy" in one for one in seen.complaints)


def test_words_filter_the_cases(visit, quickstart) -> None:
    seen = visit(quickstart)
    assert seen.count() == 50
    seen.page.locator("#words").fill("Farmer  HENS")
    seen.page.wait_for_function(
        "() => document.querySelector('#count').textContent.includes('of 50')"
    )
    assert seen.count() == 25
    assert seen.page.locator("#count").inner_text() == "25 of 50 cases"
    seen.page.locator("#words").fill("no such words anywhere")
    seen.page.wait_for_function(
        "() => document.querySelector('#count').textContent.startsWith('0 ')"
    )
    assert seen.listed() == []
    seen.page.locator("#words").fill("")
    seen.page.wait_for_function("() => document.querySelector('#count').textContent == '50 cases'")
    seen.assert_quiet()


def expected(kind: str, other: str | None) -> int:
    """How many cases a filter should leave, counted from the cases themselves."""
    number = 0
    for case in cases(WORLD):
        score = {answer.variant: answer.score for answer in case.answers}
        base = score["plain/local/off"]
        against = [other] if other else list(score)
        gaps = [score[key] - base for key in against if score[key] is not None and base is not None]
        asked = [a for a in case.answers if not other or a.variant in (other, "plain/local/off")]
        number += {
            "flips": any(abs(gap) >= 0.5 for gap in gaps),
            "wins": any(gap > 0 for gap in gaps),
            "losses": any(gap < 0 for gap in gaps),
            "wrong": any(a.outcome in ("wrong", "partial") for a in asked),
            "failures": any(a.outcome in ("truncated", "infra_error") for a in asked),
        }[kind]
    return number


@pytest.mark.parametrize("other", [None, "plain/local/think-32"])
def test_kinds_filter_the_cases(visit, quickstart, other: str | None) -> None:
    seen = visit(quickstart)
    if other:
        seen.page.locator("#other").select_option(label="plain/think-32")
    for kind in ("flips", "wins", "losses", "wrong", "failures"):
        seen.choose(kind)
        assert seen.count() == expected(kind, other), kind
        told = seen.page.locator(f"label:has(input[value={kind}]) small").inner_text()
        assert int(told) == seen.count()
    seen.assert_quiet()


def test_tags_filter_the_cases(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.locator("#tag").select_option(label="division")
    assert seen.count() == sum("division" in case.tags for case in cases(WORLD))
    assert unquote_plus(seen.page.url).endswith("#tag=division")


def test_a_deep_link_opens_its_case(visit, quickstart) -> None:
    seen = visit(quickstart, fragment="#case=case-031")
    seen.page.wait_for_function(
        "() => document.querySelector('#detail h3').textContent == 'case-031'"
    )
    box = seen.page.locator("#detail").bounding_box()
    assert box is not None and -1 <= box["y"] < 900
    assert seen.page.locator(".row[aria-selected=true] .case-id").inner_text() == "case-031"
    seen.page.evaluate("location.hash = 'case=case-030'")
    seen.page.wait_for_function(
        "() => document.querySelector('#detail h3').textContent == 'case-030'"
    )
    seen.assert_quiet()


def test_a_deep_link_restores_a_filter(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.locator("#other").select_option(label="plain/think-32")
    seen.choose("wins")
    seen.page.locator(".row").nth(2).click()
    chosen = seen.page.locator(".row[aria-selected=true] .case-id").inner_text()
    seen.page.wait_for_function(f"() => location.hash.endsWith('case={chosen}')")
    again = visit(quickstart, fragment="#" + seen.page.url.split("#")[1])
    again.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{chosen}'"
    )
    assert again.count() == seen.count() == expected("wins", "plain/local/think-32")
    assert again.page.locator("#other").input_value() == "2"
    again.assert_quiet()


def test_a_deep_link_to_a_filtered_case_lifts_the_filter(visit, quickstart) -> None:
    right = next(
        case.id for case in cases(WORLD) if all(a.outcome == "right" for a in case.answers)
    )
    seen = visit(quickstart, fragment=f"#show=wrong&case={right}")
    seen.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{right}'"
    )
    assert seen.count() == 50


def test_a_deep_link_to_no_case_says_so(visit, quickstart) -> None:
    seen = visit(quickstart, fragment="#case=nowhere")
    assert "no case nowhere" in seen.page.locator("#detail").inner_text()
    seen.assert_quiet()


@pytest.mark.parametrize("is_plain", [False, True])
def test_a_deep_link_to_a_hostile_id_works(visit, hostile, is_plain: bool) -> None:
    """Written by a page, or by a script from the id itself."""
    case = hostile_report().examples[-1].case.id
    plain = f"case={quote(case.replace(chr(0xD800), '⟨U+D800⟩'), safe='')}"
    seen = visit(hostile, fragment=f"#{plain if is_plain else html.link(case=case)}")
    seen.page.wait_for_function(
        "id => document.querySelector('#detail h3').textContent == id", arg=fmt.one_line(case)
    )
    assert "\u202e" not in seen.page.content()
    seen.assert_quiet()


def test_two_answers_stand_side_by_side_word_by_word(visit, quickstart) -> None:
    seen = visit(quickstart, fragment="#against=plain%2Flocal%2Fthink-32&show=wins")
    texts = seen.page.locator("#detail .reply pre:not(details pre)").all_inner_texts()
    assert len(texts) == 2
    gone = seen.page.locator("#detail .reply del").all_inner_texts()
    new = seen.page.locator("#detail .reply ins").all_inner_texts()
    assert texts[0] != texts[1] and gone and new
    assert "".join(gone) in texts[0] or len(gone) > 1
    seen.page.get_by_role("button", name="number-only/think-128").click()
    assert seen.page.locator("#detail .reply h4").nth(1).inner_text().endswith("think-128")
    facts = seen.page.locator("#detail .reply").nth(1).inner_text()
    assert "number" in facts and "read as" in facts and "tokens in" in facts
    assert not seen.page.locator("#detail .reply details[open]").count()
    assert seen.page.locator("#detail details[open] pre").count() >= 1


def test_attempts_and_failures_are_told(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.choose("failures")
    failed = next(
        (case.id, answer.variant)
        for case in cases(WORLD)
        for answer in case.answers
        if answer.failure
    )
    seen.page.evaluate("id => location.hash = 'case=' + id", failed[0])
    seen.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{failed[0]}'"
    )
    seen.page.get_by_role("button", name=failed[1].replace("local/", "")).click()
    assert "timeout: no answer in time" in seen.page.locator("#detail").inner_text()


def test_everything_is_reached_by_keyboard(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    assert seen.page.locator(".skip").bounding_box()["x"] >= 0
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "main"
    seen.page.locator("#words").focus()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.locator("input[value=flips]").is_checked()
    first, second, *_ = seen.listed()
    seen.page.locator("#list").focus()
    seen.page.keyboard.press("Home")
    seen.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{first}'"
    )
    seen.page.keyboard.press("ArrowDown")
    seen.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{second}'"
    )
    active = seen.page.locator("#list").get_attribute("aria-activedescendant")
    assert seen.page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "detail"


def test_charts_and_tables_are_told_to_screen_readers(visit, quickstart) -> None:
    seen = visit(quickstart)
    for chart in (
        *("Score by thinking setting", "Differences with the baseline", "Score against cost"),
        *("Service times", "Score over the runs"),
    ):
        assert seen.page.get_by_role("img", name=chart).count() == 1, chart
    assert seen.page.get_by_role("region", name="Variants").count() >= 1
    assert seen.page.get_by_role("search", name="Filter cases").count() == 1
    assert seen.page.get_by_role("searchbox", name="Search in cases").count() == 1
    assert seen.page.get_by_role("listbox", name="Cases").count() == 1


def test_chart_text_is_legible_on_a_phone(visit, quickstart) -> None:
    seen = visit(quickstart, width=PHONE)
    heights = seen.page.eval_on_selector_all(
        ".chart text",
        "all => all.filter(one => one.checkVisibility())"
        ".map(one => one.getBoundingClientRect().height)",
    )
    assert min(heights) >= 12


def test_without_script_the_page_says_where_the_cases_are(browser, quickstart) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(quickstart)
    assert "evalkit show 20261123T112805Z-4f2a --case ID" in page.locator("#browser").inner_text()
    assert not page.locator("#filter").is_visible()
    assert page.get_by_role("heading", name="Variants", exact=True).is_visible()
    context.close()


def test_it_prints_without_its_controls(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.emulate_media(media="print")
    for control in ("#filter", "nav", "#list"):
        assert not seen.page.locator(control).is_visible()
    assert len(seen.page.pdf()) > 20_000


def test_flips_lead_to_their_cases(visit, quickstart) -> None:
    seen = visit(quickstart)
    link = seen.page.locator(".flips a").first
    case = link.inner_text()
    link.click()
    seen.page.wait_for_function(
        f"() => document.querySelector('#detail h3').textContent == '{case}'"
    )


@pytest.mark.slow
def test_2_000_cases_of_6_variants_stay_smooth(visit, folder: Path) -> None:
    settings = (OFF, *(Thinking("budget", 8 * 2**power) for power in range(5)))
    shown = report(World(n_cases=2_000, prompts=("plain",), settings=settings))
    assert len(shown.examples) == 2_000 and len(BUDGETS) == 4
    started = time.perf_counter()
    seen = visit(written(folder, "large", shown))
    assert time.perf_counter() - started < 10
    assert Path(folder / "large.html").stat().st_size < 9_000_000
    assert len(seen.listed()) < 40
    took = seen.page.evaluate(
        """async () => {
            const list = document.querySelector("#list"), times = [];
            for (let at = 0; at < 60; at += 1) {
                list.scrollTop = at * 2000;
                const start = performance.now();
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                times.push(performance.now() - start);
            }
            times.sort((a, b) => a - b);
            return times[30];
        }"""
    )
    assert took < 100
    last = seen.listed()[-1]
    seen.page.locator("#list").press("End")
    seen.page.wait_for_function("() => document.querySelector('#list').scrollTop > 100000")
    assert seen.listed()[-1] != last
    seen.page.locator("#words").fill("farmer hens")
    seen.page.wait_for_function(
        "() => document.querySelector('#count').textContent.includes(' of 2,000')"
    )
    assert seen.count() == 1_000
    seen.assert_quiet()


def test_hostile_names_are_shown_whole_somewhere(visit, hostile) -> None:
    seen = visit(hostile)
    assert "<script>window.hacked = 1</script>" in seen.page.locator("h1").inner_text()
    assert HOSTILE not in seen.page.content()
