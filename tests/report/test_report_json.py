"""The JSON document holds the whole report and is harmless wherever it is pasted."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import orjson
import pytest
from report_builders import GATE, HOSTILE, World, a_timeline, hostile_report, report

from evalkit.report import json as report_json
from evalkit.report.json_schema import report_schema
from evalkit.report.report import Report


def test_the_document_has_a_format_and_every_field() -> None:
    shown = report()
    document = json.loads(report_json.render(shown))
    assert document["format"] == report_json.FORMAT == 3
    fields = {field.name for field in dataclasses.fields(Report)}
    assert set(document) == {"format", *fields} - {"examples", "selection"}
    first = document["details"]["flips"][0]
    assert (first["n_won"] == len(first["won"])) and first["lost"][0]["case"].startswith("case-")
    assert document["headline"][0]["question"] == "What won?"
    analysis = document["analysis"]
    assert len(analysis["variants"]) == 8
    first = analysis["variants"][0]
    assert first["variant"] == "plain/local/off"
    assert first["thinking"]["mode"] == "off"
    assert first["scores"]["number"]["mean"]["value"] == 0.36
    assert first["scores"]["number"]["outcomes"]["right"] == 18
    assert analysis["comparisons"][1]["verdict"] == "superior"
    assert document["provenance"]["started_at"] == "2026-11-23T11:28:05+00:00"


def test_unknown_is_null() -> None:
    document = json.loads(report_json.render(report()))
    first = document["analysis"]["variants"][0]
    assert first["cost_usd"] is None
    assert first["thinking_tokens_mean"] is None
    assert document["provenance"]["git_commit"] is None


def test_what_is_no_number_is_null() -> None:
    assert report_json.plain({"a": math.nan, "b": (math.inf, 1.5)}) == {"a": None, "b": [None, 1.5]}
    assert report_json.plain(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00+00:00"


def test_hostile_text_survives_and_cannot_act() -> None:
    text = report_json.render(hostile_report())
    assert text.isascii()
    assert not set(text) & set("<>&\x7f")
    assert {sign for sign in text if ord(sign) < 0x20} == {"\n"}
    document = json.loads(text)
    assert document == orjson.loads(text)
    assert document["provenance"]["suite"] == HOSTILE.replace("\ud800", "\ufffd")


def test_the_same_report_is_the_same_document() -> None:
    world = World(p_failed=0.1)
    assert report_json.render(report(world)) == report_json.render(report(world))


@pytest.mark.parametrize(
    "world",
    [
        World(price=1e-5, p_failed=0.1),
        World(scorers=()),
        pytest.param(World(p_failed=1.0), marks=pytest.mark.slow),
    ],
)
def test_the_published_schema_fits_every_document(world: World) -> None:
    shown = replace(report(world), sections=(GATE,), timelines=(a_timeline("plain/local/off"),))
    validator = jsonschema.Draft202012Validator(report_schema())
    validator.check_schema(report_schema())
    document = json.loads(report_json.render(shown))
    validator.validate(document)
    del document["details"]["flips"]
    with pytest.raises(jsonschema.ValidationError, match="'flips' is a required property"):
        validator.validate(document)


def test_every_part_of_the_schema_is_described() -> None:
    schema = report_schema()
    assert {"Analysis", "Comparison", "Estimate", "Flips", "TimelinePoint"} <= set(schema["$defs"])
    assert all(len(one["description"]) > 10 for one in schema["$defs"].values())
