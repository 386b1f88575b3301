"""The formats of a report by the command line, over one stored run, in this process."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from stored_runs import a_run

from evalkit.cli.main import cli

RESULTS = (
    *("run", "resume", "plan", "estimate", "doctor", "score", "compare", "report"),
    *("gate", "regress"),
    *("status", "list", "show", "import"),
)
GRADES = {"off": [1.0, 0.0] * 8, 1024: [1.0] * 15 + [None]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    a_run(folder / "runs", "20261123T120000Z-aa11", GRADES)
    return folder


@pytest.fixture
def typed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def type_in(*words: str) -> Result:
        done = CliRunner().invoke(
            cli, [*words, "--runs", str(home / "runs")], env={"NO_COLOR": "1"}
        )
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return type_in


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", ["compare", "report"])
def test_without_a_format_terminal_and_three_files(typed, tmp_path: Path, command: str) -> None:
    done = typed(command, "latest")
    assert "What won?" in done.stdout
    place = "reports/small/20261123T120000Z-aa11"
    assert files(tmp_path) == {f"{place}/report.{end}" for end in ("html", "md", "json")}
    assert f"Report: {place}/report.html (and report.md, report.json)" in done.stderr
    assert "c15" in (tmp_path / place / "report.html").read_text()
    assert json.loads((tmp_path / place / "report.json").read_text())["format"] == 3


@pytest.mark.parametrize("name", ["json", "csv", "junit", "markdown", "terminal"])
def test_one_format_goes_to_stdout_and_nowhere_else(typed, tmp_path: Path, name: str) -> None:
    done = typed("report", "--format", name)
    assert files(tmp_path) == set()
    assert done.stderr == ""
    if name == "json":
        assert json.loads(done.stdout)["analysis"]["leading_scorer"] == "number"
        assert done.stdout == typed("compare", "--json").stdout
    elif name == "csv":
        assert len(list(csv.DictReader(done.stdout.splitlines()))) == 2
    elif name == "junit":
        assert ET.fromstring(done.stdout).tag == "testsuites"
    else:
        assert "What won?" in done.stdout


def test_several_formats_and_out_are_files(typed, tmp_path: Path) -> None:
    typed("compare", "--format", "csv", "--format", "junit", "--out", "there")
    place = "there/small/20261123T120000Z-aa11"
    assert files(tmp_path) == {f"{place}/report.csv", f"{place}/report.xml"}
    typed("compare", "--format", "html", "--out", "here")
    assert (tmp_path / "here/small/20261123T120000Z-aa11/report.html").exists()


def test_files_that_cannot_be_written_are_an_error(typed, tmp_path: Path) -> None:
    from evalkit.errors import StoreError

    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="no folder can be made there"):
        typed("report", "--format", "html", "--out", "taken")


def test_every_command_that_prints_results_has_format_json(typed) -> None:
    assert typed("list", "--format", "json").stdout == typed("list", "--json").stdout
    assert json.loads(typed("show", "--case", "c1", "--format", "json").stdout)["case"] == "c1"
    assert json.loads(typed("status", "--format", "json").stdout)["status"] == "complete"
    scored = json.loads(typed("score", "--format", "json").stdout)["scores"]
    assert scored == [{"scorer": "number", "answers": 32, "graded": 31}]
    assert typed("list", "--format", "terminal").stdout == typed("list").stdout
    for name in RESULTS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        options = {opt for param in command.params for opt in param.opts}
        assert {"--json", "--format"} <= options, name


HOSTILE = (
    "</script><script>alert(1)</script> =cmd|' /C calc'!A0 \x1b[2J \x00 \u202egnp.exe @everyone "
    "![x](https://evil.example) ``` | <!-- ]]> \ufffe"
)


def test_hostile_answers_are_text_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"text": HOSTILE, "thinking_text": HOSTILE, "model_answered": HOSTILE}
    a_run(tmp_path / "runs", "20261123T120000Z-bb22", GRADES, rows=rows, question=HOSTILE)
    monkeypatch.chdir(tmp_path)
    formats = ("terminal", "html", "markdown", "json", "csv", "junit")
    words = [word for name in formats for word in ("--format", name)]
    done = CliRunner().invoke(cli, ["report", *words])
    assert done.exit_code == 0, done.output
    acting = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ufffe]")
    assert not acting.search(done.stdout)
    assert "⟨U+202E⟩" in done.stdout
    found = {path.suffix: path.read_text() for path in tmp_path.rglob("report.*")}
    assert set(found) == {".html", ".md", ".json", ".csv", ".xml"}
    for text in found.values():
        assert not acting.search(text)
    assert found[".html"].count("<script") == 2
    assert found[".html"].count("</script>") == 2
    ET.fromstring(found[".xml"])
    outside = re.sub(r"(`+).*?\1", "", found[".md"])
    assert "@everyone" not in outside and "![x]" not in outside and "<script" not in outside
