import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from evalkit.cli.schema import command
from evalkit.scorers.options_schema import with_scorers
from evalkit.suite.descriptions import DESCRIPTIONS, EXAMPLES
from evalkit.suite.faults import _SHORT_FORMS
from evalkit.suite.json_schema import _SHORT, suite_schema
from evalkit.suite.source import parse_value

ROOT = Path(__file__).parents[2]
SUITES = sorted([*ROOT.glob("configs/*.yaml"), *ROOT.glob("evalkit/suite/starters/*/suite.yaml")])
SCHEMA = with_scorers(suite_schema())
CHECKER = jsonschema.Draft202012Validator(SCHEMA)
MINIMAL = {"dataset": "d.csv", "prompts": "{{ q }}", "models": "m"}


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_suite_of_ours_validates(path):
    CHECKER.validate(parse_value(path.read_text(encoding="utf-8")))


def test_the_readmes_suite_validates():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    CHECKER.validate(parse_value(text))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"thinking": ["off", False, 1024, "4k", "high", {"budget": "8k", "display": "omitted"}]},
        {"models": ["local", {"name": "local"}, {"model": "m", "price": {"cache_read": "0.1x"}}]},
        {"matrix": {"exclude": "a/*", "include": {"prompt": "a", "model": "m", "thinking": 64}}},
        {"overrides": {"variants": "a/*", "answer_tokens": "2k"}},
        {"dataset": {"path": "-", "format": "csv", "shuffle": True, "sample": 10, "limit": 3}},
        {"dataset": {"path": "d.csv", "limit": "${N:-3}"}},
        {"prompts": {"a": {"file": "a.md", "examples": [{"q": 1}], "cache_prefix": True}}},
        {"scorers": ["number", {"type": "exact", "case": True}], "extends": ["a.yaml"]},
        {"gate": {"rules": {"metric": "failed", "max": 0}, "notify": "HOOK"}, "x-own": [1]},
        {"gate": {"rules": [{"scorer": "exact", "max_drop": 0.1, "tag": "a"}], "keep": 30}},
        {"cache": "reuse"},
        {"cache": False},
        {"cache": {"mode": "refresh", "dir": "kept"}},
        {"scorers": [{"python": "scorers.py:polite"}]},
        {"extends": "a.yaml", "budget": None, "prompts": {"a": None}, "scorers": None},
        {"report": {"formats": "html", "by": "thinking", "margin": 0.01}},
        {"scorers": {"type": "judge", "model": "m", "rubric": {"file": "r.md"}, "scale": "1-5"}},
        {"scorers": {"type": "judge", "model": ["a", {"model": "b"}], "criteria": {"a": "b"}}},
        {"scorers": {"type": "judge", "model": "m", "pairwise": "plain", "thinking": "4k"}},
        {"scorers": {"type": "judge", "model": "m", "rubric": "x", "scale": {"1": "bad"}}},
        {"scorers": {"type": "judge", "model": "m", "prompt": {"user": {"file": "p.md"}}}},
    ],
)
def test_short_and_long_forms_validate(fields):
    CHECKER.validate({**MINIMAL, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"modles": ["m"]},
        {"models": []},
        {"thinking": ["lots"]},
        {"samples": 0},
        {"budget": None},
        {"cache": "always"},
        {"scorers": [{"name": "x"}]},
        {"dataset": {"path": "d.csv", "limit": "many"}},
        {"prompts": {"a": {"usr": "x"}}},
        {"templates": {}},
        {"scorers": [{"type": "regex"}]},
        {"scorers": [{"type": "exact", "case": "yes"}]},
        {"gate": {"rules": [{"metric": "fialed", "max": 0}]}},
        {"report": {"formats": ["pdf"]}},
        {"scorers": {"type": "judge", "rubric": "x"}},
        {"scorers": {"type": "judge", "model": "m", "votes": 0}},
        {"scorers": {"type": "judge", "model": "m", "combine": "worst"}},
    ],
)
def test_what_evalkit_refuses_the_schema_refuses(fields):
    assert not CHECKER.is_valid({**MINIMAL, **fields})


def test_every_short_form_is_in_the_schema():
    assert set(_SHORT_FORMS) <= set(_SHORT)


def sections():
    whole = suite_schema()
    yield "Suite", whole
    for name, section in whole["$defs"].items():
        for form in section.get("anyOf", [section]):
            if "properties" in form:
                yield name, form


def test_every_key_is_described_and_no_other():
    for name, section in sections():
        assert section["description"], name
        fields = {
            field: schema.get("description") for field, schema in section["properties"].items()
        }
        assert all(fields.values()), (name, fields)
        assert set(DESCRIPTIONS[name]) == set(fields), name


@pytest.mark.parametrize(("owner", "field"), EXAMPLES, ids=lambda part: str(part))
def test_every_example_validates(owner, field):
    schema = dict(sections())[owner]["properties"][field]
    checker = jsonschema.Draft202012Validator({**schema, "$defs": suite_schema()["$defs"]})
    for example in EXAMPLES[owner, field]:
        checker.validate(example)


def test_a_suite_without_a_dataset_needs_one_to_extend():
    assert not CHECKER.is_valid({"prompts": "x"})
    assert CHECKER.is_valid({"prompts": "x", "extends": "base.yaml"})


def test_the_command_prints_or_writes_it(tmp_path):
    printed = CliRunner().invoke(command, standalone_mode=False)
    assert json.loads(printed.output) == SCHEMA
    CliRunner().invoke(command, ["--out", str(tmp_path / "s.json")], standalone_mode=False)
    assert json.loads((tmp_path / "s.json").read_text()) == SCHEMA
