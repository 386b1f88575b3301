"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from builders import a_case

from evalkit.cli.main import COMMANDS, cli
from evalkit.errors import EXIT_CODES
from evalkit.suite.load import load_suite
from evalkit.suite.schema import Suite

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme_and_every_one_there_exists():
    told = set(re.findall(r"^\| `evalkit ([a-z-]+)", README, re.MULTILINE))
    assert told == set(COMMANDS)


def test_the_exit_codes_are_the_codes():
    told = dict(re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE))
    assert told == {str(code): text for code, text in EXIT_CODES.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(name):
    command = cli.get_command(None, name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_readmes_suite_is_a_suite():
    text = README.split("```yaml\n")[1].split("```")[0]
    suite = Suite.model_validate(yaml.safe_load(text.replace("[off,", "['off',")))
    assert [spec.setting().key for spec in suite.thinking] == [
        "off",
        "think-1024",
        "think-4096",
        "think-16384",
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_is_valid(path):
    assert load_suite(path).suite.name == path.stem


def test_links_lead_somewhere():
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_column_is_documented():
    from evalkit.tables import CASES, RESPONSES, SCORES, case_row

    for schema in (RESPONSES, SCORES, CASES):
        for name in schema.names:
            assert f"`{name}`" in FORMATS, name
    assert set(case_row(a_case())) == set(CASES.names)
