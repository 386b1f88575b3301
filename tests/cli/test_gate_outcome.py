"""What a gate prints: in GitHub Actions, no name of a case may command anything."""

from __future__ import annotations

import re

import click
import pytest

from evalkit.cli.gate_outcome import taken_literally
from evalkit.cli.regress import seconds
from evalkit.errors import UsageError


def test_in_actions_what_is_told_commands_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for _ in range(2):
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        with taken_literally():
            click.echo("    ::error::a case")
        told.append(capsys.readouterr().out.splitlines())
    (first, text, last), (another, *_) = told
    token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", first)
    assert token
    assert text == "    ::error::a case"
    assert last == f"::{token[1]}::"
    assert another != first  # nobody can know it beforehand


def test_elsewhere_nothing_is_added(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    with taken_literally():
        click.echo("text")
    assert capsys.readouterr().out == "text\n"


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("1.5h", 5400), ("2 min", 120)])
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["1month", "0s", "1w", "", "h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no time"):
        seconds(text)
