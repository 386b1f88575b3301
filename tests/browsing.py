"""A page open in a browser, as tests see it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

PHONE, DESK = 390, 1200
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@cache
def axe() -> str:
    """The accessibility checker's script."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Visit:
    """An open page and everything it did that a quiet page does not."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def wait_until_ready(self) -> None:
        if self.page.locator("#browser").count():
            self.page.wait_for_selector("#browser[data-ready]")
            self.page.wait_for_selector("#detail h3, #detail p, #list[hidden]", state="attached")

    def assert_quiet(self) -> None:
        """No console message or error, no request but of the page, no dialog, nothing hacked."""
        assert self.complaints == []
        assert all(url.split("#")[0].startswith(self.url) for url in self.requests)
        assert self.page.evaluate("window.hacked") is None

    def assert_accessible(self) -> None:
        """Nothing that axe-core finds serious; its script gets past the page's policy."""
        self.page.evaluate(axe())
        found = self.page.evaluate("rules => axe.run(document, rules)", RULES)
        told = [
            f"{one['impact']} {one['id']}: {one['help']} {[n['target'] for n in one['nodes']][:4]}"
            for one in found["violations"]
        ]
        assert not told, "\n".join(told)
        assert len(found["passes"]) > 20

    def assert_fits(self) -> None:
        """Nothing stands out to the right."""
        root = "document.documentElement"
        assert self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0

    def count(self) -> int:
        """How many cases the filter leaves."""
        told = re.match(r"[\d,]+", self.page.locator("#count").inner_text())
        assert told is not None
        return int(told[0].replace(",", ""))

    def listed(self) -> list[str]:
        """The ids of the rows that exist, from the top."""
        return [row.inner_text() for row in self.page.locator(".row .case-id").all()]

    def choose(self, kind: str) -> None:
        self.page.locator(f"input[name=show][value='{kind}']").check()

    def shown_case(self) -> str:
        return self.page.locator("#detail h3").inner_text()
