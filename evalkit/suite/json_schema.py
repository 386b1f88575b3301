"""The JSON schema of suite files, for editors: long forms from the models, short forms added."""

from __future__ import annotations

from typing import Any

from evalkit.suite.descriptions import DESCRIPTIONS, EXAMPLES
from evalkit.suite.judge_schema import JudgeSpec
from evalkit.suite.schema import Suite

_TEXT: dict[str, Any] = {"type": "string"}
_VARIABLE = {"type": "string", "pattern": r"^\$\{.+\}$"}
_BUDGET = r"^\d+[kK]?$"
_WORDS = ["off", "default", "adaptive", "low", "medium", "high", "xhigh", "max"]
# What may be written instead of the mapping.
_SHORT: dict[str, list[dict[str, Any]]] = {
    "DatasetSpec": [_TEXT],
    "PromptSpec": [_TEXT],
    "ModelSpec": [_TEXT],
    "ScorerSpec": [_TEXT],
    "ExcludeSpec": [_TEXT],
    "CacheSpec": [{"enum": ["off", "reuse", "refresh", False]}],
    "NotifySpec": [_TEXT],
    "NightsSpec": [{"type": "integer", "minimum": 10}, {"const": True}],
    "CriterionSpec": [_TEXT],
    "PairwiseSpec": [_TEXT],
    "TextSpec": [_TEXT],
    "JudgePromptSpec": [_TEXT, {"type": "object", "required": ["file"], "maxProperties": 1}],
    "ScaleSpec": [
        _TEXT,
        {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
    ],
    "SampleSpec": [{"type": "integer", "minimum": 1}],
    "ExamplesSpec": [{"type": "array", "items": {"type": "object"}, "minItems": 1}],
    "ThinkingSpec": [
        {"enum": [*_WORDS, False]},
        {"type": "string", "pattern": _BUDGET},
        {"type": "integer", "minimum": 1},
    ],
}
# Where a single entry may stand for a list of one.
_LISTS = {
    "Suite": ("models", "thinking", "scorers", "overrides"),
    "DatasetSpec": ("tags",),
    "PromptSpec": ("images",),
    "ModelSpec": ("beta",),
    "MatrixSpec": ("exclude", "include"),
    "ExcludeSpec": ("thinking",),
    "OverrideSpec": ("variants",),
    "JudgeSpec": ("model",),
    "GateSpec": ("rules", "variants", "notify"),
    "RuleSpec": ("tags",),
    "ReportSpec": ("formats",),
}
# Further kinds of values, written out when the suite is read.
_ALSO = {
    ("DatasetSpec", "shuffle"): {"type": "boolean"},
    ("CacheSpec", "mode"): {"const": False},
    ("PromptSpec", "cache_prefix"): {"type": "boolean"},
    ("PromptSpec", "tool_choice"): {"enum": ["auto", "any", "none"]},
    ("Suite", "prompts"): _TEXT,
}
# What is said of a value, rather than asked of it.
_ABOUT = ("title", "description", "examples", "default")
# What evalkit fills in itself.
_HIDDEN = {"Suite": ("templates",), "PromptSpec": ("origin",), "ScaleSpec": ("is_binary",)}
_FILLED_IN = {"Suite": ("name", "dataset", "prompts", "models"), "ScorerSpec": ("name",)}


def suite_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, as plain data."""
    root = Suite.model_json_schema()
    sections = root.pop("$defs")
    sections["Suite"] = root
    _add_judges(sections)
    root["properties"]["extends"] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
    for name, section in sections.items():
        _complete(name, section)
    root["patternProperties"] = {"^x-": {"description": "The author's own, to hold anchors."}}
    # What a file extends may bring the rest.
    root["anyOf"] = [{"required": ["extends"]}, {"required": ["dataset", "prompts", "models"]}]
    _allow_taking_away(root)
    for name, forms in _SHORT.items():
        sections[name] = {"anyOf": [*forms, sections[name]]}
    del sections["Suite"]
    whole: dict[str, Any] = _with_variables({**root, "$defs": sections})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "evalkit suite",
    }


def _allow_taking_away(root: dict[str, Any]) -> None:
    """Accept null for what a file takes away from the one it extends."""
    for field, schema in root["properties"].items():
        about = {key: schema[key] for key in _ABOUT if key in schema}
        root["properties"][field] = {**about, "anyOf": [schema, {"type": "null"}]}
    given = {field: {"not": {"type": "null"}} for field in root["properties"]}
    root["if"], root["then"] = {"not": {"required": ["extends"]}}, {"properties": given}


def _add_judges(sections: dict[str, Any]) -> None:
    """What may stand beside ``type: judge``; the options of other scorers are left open."""
    judge = JudgeSpec.model_json_schema()
    for name, section in judge.pop("$defs").items():
        sections.setdefault(name, section)
    del judge["additionalProperties"]  # a scorer's own keys stand beside
    judge["properties"]["model"]["items"] = {"$ref": "#/$defs/ModelSpec"}
    sections["JudgeSpec"] = judge
    is_judge = {"properties": {"type": {"const": "judge"}}, "required": ["type"]}
    sections["ScorerSpec"] |= {"if": is_judge, "then": {"$ref": "#/$defs/JudgeSpec"}}


def _complete(name: str, section: dict[str, Any]) -> None:
    """Make a section's schema say what the suite's reader accepts."""
    properties = section["properties"]
    for field in _HIDDEN.get(name, ()):
        del properties[field]
    for field in _LISTS.get(name, ()):
        listed = properties[field]
        properties[field] = {"anyOf": [listed["items"], listed]}
    for (owner, field), also in _ALSO.items():
        if owner == name:
            properties[field] = {"anyOf": [also, properties[field]]}
    _loosen(name, section)
    filled = _FILLED_IN.get(name, ())
    if filled:
        section["required"] = [field for field in section["required"] if field not in filled]
    _describe(name, section)


def _loosen(name: str, section: dict[str, Any]) -> None:
    """What follows from other keys need not be written, and what is inherited may be taken away."""
    properties = section["properties"]
    if name == "RuleSpec":
        properties["tag"] = properties["tags"]
    if name == "Suite":
        named = properties["prompts"]["anyOf"][-1]["patternProperties"]
        for pattern, prompt in named.items():
            named[pattern] = {"anyOf": [prompt, {"type": "null"}]}
    if name == "ScorerSpec":
        section["anyOf"] = [{"required": ["type"]}, {"required": ["python"]}]
        section["required"].remove("type")
    if name == "ModelSpec":
        # A model's name follows from its id, and the local model's id from its name.
        section["anyOf"] = [{"required": [field]} for field in ("model", "provider", "name")]
        del section["required"]


def _describe(name: str, section: dict[str, Any]) -> None:
    """Give every key its sentence and its examples, and the section the first of its own."""
    for field, schema in section["properties"].items():
        told: dict[str, Any] = {}
        if field in DESCRIPTIONS.get(name, {}):
            told["description"] = DESCRIPTIONS[name][field]
        if (name, field) in EXAMPLES:
            told["examples"] = EXAMPLES[name, field]
        # A reference may have words of its own beside it.
        section["properties"][field] = {**schema, **told}
    section["description"] = " ".join(section["description"].replace("``", "").split())


def _with_variables(schema: Any) -> Any:
    """The schema with ``${NAME}`` accepted wherever a number is."""
    if isinstance(schema, list):
        return [_with_variables(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("integer", "number"):
        about = {key: schema[key] for key in _ABOUT if key in schema}
        bounds = {key: value for key, value in schema.items() if key not in _ABOUT}
        return {**about, "anyOf": [bounds, _VARIABLE]}
    return {key: _with_variables(value) for key, value in schema.items()}
