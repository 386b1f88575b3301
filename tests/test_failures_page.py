"""docs/failures.md tells of every kind of failure what the code does."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import FAILURES, FailureKind
from evalkit.policies import Limits, Retries

PAGE = (Path(__file__).parents[1] / "docs" / "failures.md").read_text(encoding="utf-8")


def rows(first_cell: str) -> dict[str, list[str]]:
    """The rows of the table whose head begins with this cell, by their first cell."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line.startswith(f"| {first_cell} |"):
            break
    assert next(lines).startswith("|---")
    found: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
        assert name not in found
        found[name.strip("`")] = cells
    return found


def behaviour(kind: FailureKind) -> str:
    if kind.dooms_run:
        return "stops the run"
    if kind.is_retryable:
        return "asks again" + ", slows everyone down" * kind.slows_everyone
    return "records it as a wrong answer" if kind.is_model_error else "leaves the trial open"


def test_every_kind_has_its_row_in_order():
    assert list(rows("kind")) == list(FAILURES)


def test_each_row_says_what_the_code_does():
    for name, (meaning, causes, does, advice) in rows("kind").items():
        assert meaning == FAILURES[name].meaning
        assert does == behaviour(FAILURES[name])
        assert causes
        assert advice


def test_the_figures_are_the_defaults():
    limits, retries = Limits(), Retries()
    for name, (default, _) in rows("`limits.`").items():
        assert float(default) == getattr(limits, name)
    assert f"`retries.attempts` attempts ({retries.attempts})" in PAGE
    assert f"`retries.within_s` ({retries.within_s:g} seconds" in PAGE
    assert f"{retries.first_wait_s:g}, 1, 2, 4 … up to {retries.max_wait_s:g} seconds" in PAGE
    assert f"above {retries.max_retry_after_s:g} seconds" in PAGE
    assert f"when {limits.max_consecutive_failures} trials in a row fail" in PAGE.replace("\n", " ")
    assert f"({limits.max_response_bytes // 2**20} MiB)" in PAGE
    assert limits.max_failed_share == 0.25
