"""The page in a real browser: it opens from disk, runs nothing foreign, and its tools work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report_builders import World, hostile_report, report

from evalkit.report import html
from evalkit.report.report import Report

pytestmark = pytest.mark.browser

PHONE, DESK = 390, 1200
LIGHT_PAPER, DARK_PAPER = "rgb(251, 251, 249)", "rgb(20, 23, 26)"


@dataclass
class Visit:
    """An open page and everything it did that a quiet page does not."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        """No console message or error, no request but for the file, no dialog, nothing hacked."""
        assert self.complaints == []
        assert {url.split("#")[0] for url in self.requests} == {self.url}
        assert self.page.evaluate("window.hacked") is None

    def visible_cases(self) -> list[str]:
        ids = self.page.eval_on_selector_all(
            "details.case", "all => all.filter(one => one.checkVisibility()).map(one => one.id)"
        )
        return [str(one) for one in ids]

    def is_open(self, case: str) -> bool:
        return bool(self.page.eval_on_selector(f"[id='{case}']", "one => one.open"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "these tests need Debian's chromium; leave them out with -m 'not browser'"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def written(folder: Path, name: str, shown: Report) -> str:
    path = folder / f"{name}.html"
    path.write_text(html.render(shown), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def quickstart(folder: Path) -> str:
    return written(folder, "quickstart", report(World(p_failed=0.02)))


@pytest.fixture(scope="module")
def hostile(folder: Path) -> str:
    return written(folder, "hostile", hostile_report())


@pytest.fixture
def visit(browser: Browser) -> Iterator[object]:
    contexts = []

    def go(url: str, *, width: int = DESK, scheme: str = "light", fragment: str = "") -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        visit = Visit(page, url)
        page.on("console", lambda message: visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
        page.on("request", lambda request: visit.requests.append(request.url))
        page.goto(url + fragment)
        return visit

    yield go
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE, 320])
def test_it_opens_quietly_from_disk_and_fits(visit, quickstart, scheme: str, width: int) -> None:
    seen = visit(quickstart, width=width, scheme=scheme)
    paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == (LIGHT_PAPER if scheme == "light" else DARK_PAPER)
    root = "document.documentElement"
    assert seen.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    seen.assert_quiet()


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_hostile_text_executes_nothing(visit, hostile, width: int) -> None:
    seen = visit(hostile, width=width)
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert seen.page.locator("pre", has_text="window.hacked = 1").count() > 10
    seen.page.locator("#words").fill("window.hacked")
    root = "document.documentElement"
    assert seen.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
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
        }"""
    )
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate("window.hacked") is None
    assert len(seen.complaints) >= 3
    assert all("Content Security Policy" in one for one in seen.complaints)


def test_words_filter_the_cases(visit, quickstart) -> None:
    seen = visit(quickstart)
    everything = seen.visible_cases()
    assert len(everything) == 50
    assert seen.page.locator("#count").inner_text() == "50 cases"
    seen.page.locator("#words").fill("Farmer  HENS")
    farmers = seen.visible_cases()
    assert 0 < len(farmers) < 50
    assert seen.page.locator("#count").inner_text() == f"{len(farmers)} of 50 cases"
    seen.page.locator("#words").fill("no such words anywhere")
    assert seen.visible_cases() == []
    seen.page.locator("#words").fill("")
    assert seen.visible_cases() == everything
    seen.assert_quiet()


def test_kinds_and_tags_filter_the_cases(visit, quickstart) -> None:
    shown = report(World(p_failed=0.02))
    flips = [html.anchor(one.case.id) for one in shown.examples if one.is_flip]
    faults = [html.anchor(one.case.id) for one in shown.examples if one.has_fault]
    assert 0 < len(faults) < 50
    seen = visit(quickstart)
    seen.page.get_by_role("radio", name="flips").check()
    assert seen.visible_cases() == flips
    seen.page.get_by_role("radio", name="failures").check()
    assert seen.visible_cases() == faults
    seen.page.locator("#tag").select_option(label="division")
    both = [
        html.anchor(one.case.id)
        for one in shown.examples
        if one.has_fault and "division" in one.case.tags
    ]
    assert seen.visible_cases() == both


def test_a_deep_link_opens_its_case(visit, quickstart) -> None:
    seen = visit(quickstart, fragment="#case-case-031")
    assert seen.is_open("case-case-031")
    assert not seen.is_open("case-case-030")
    box = seen.page.locator("#case-case-031").bounding_box()
    assert box is not None
    assert -1 <= box["y"] < 900
    seen.page.evaluate("location.hash = 'case-case-030'")
    seen.page.wait_for_function("document.getElementById('case-case-030').open")
    seen.assert_quiet()


def test_a_deep_link_to_a_filtered_case_lifts_the_filter(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.locator("#words").fill("farmer")
    hidden = next(
        one.case.id for one in report(World()).examples if one.case.id not in seen.visible_cases()
    )
    seen.page.evaluate("id => location.hash = id", html.anchor(hidden))
    seen.page.wait_for_function("id => document.getElementById(id).open", arg=html.anchor(hidden))
    assert len(seen.visible_cases()) == 50


def test_a_deep_link_to_a_hostile_id_works(visit, hostile) -> None:
    case = html.anchor(hostile_report().examples[-1].case.id)
    seen = visit(hostile, fragment=f"#{case}")
    assert seen.is_open(case)
    seen.assert_quiet()


def test_everything_is_reached_by_keyboard(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    assert seen.page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "main"
    seen.page.locator("#words").focus()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.locator("input[value=flip]").is_checked()
    first = seen.visible_cases()[0]
    seen.page.locator(f"#{first} > summary").focus()
    seen.page.keyboard.press("Enter")
    assert seen.is_open(first)


def test_charts_and_tables_are_told_to_screen_readers(visit, quickstart) -> None:
    seen = visit(quickstart)
    assert seen.page.get_by_role("img", name="Score by thinking setting").count() == 1
    assert seen.page.get_by_role("img", name="Differences with the baseline").count() == 1
    assert seen.page.get_by_role("region", name="Variants").count() >= 1
    assert seen.page.get_by_role("search", name="Filter cases").count() == 1
    assert seen.page.get_by_role("searchbox", name="Search in cases").count() == 1


def test_chart_text_is_legible_on_a_phone(visit, quickstart) -> None:
    seen = visit(quickstart, width=PHONE)
    heights = seen.page.eval_on_selector_all(
        ".chart text", "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert min(heights) >= 12


def test_without_script_all_cases_are_there_and_no_dead_filter(browser, quickstart) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(quickstart)
    assert page.locator("details.case").count() == 50
    assert not page.locator("#filter").is_visible()
    context.close()


def test_it_prints_without_its_controls(visit, quickstart) -> None:
    seen = visit(quickstart)
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("#filter").is_visible()
    assert not seen.page.locator("nav").is_visible()
    assert len(seen.page.pdf()) > 20_000
