"""The keys that may stand in a suite, and where, for those that stand elsewhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from evalkit.suite.gate_schema import NotifySpec, RuleSpec
from evalkit.suite.judge_schema import (
    CriterionSpec,
    JudgePromptSpec,
    JudgeSpec,
    PairwiseSpec,
    ScaleSpec,
)
from evalkit.suite.matrix_schema import ExcludeSpec, IncludeSpec, OverrideSpec, ThinkingSpec
from evalkit.suite.rows_schema import DatasetSpec, ExamplesSpec, SampleSpec
from evalkit.suite.schema import (
    CapabilitiesSpec,
    ModelSpec,
    PriceSpec,
    PromptSpec,
    Suite,
    Turn,
)
from evalkit.suite.source import Address

_INSIDE: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): Suite,
    ("dataset",): DatasetSpec,
    ("dataset", "sample"): SampleSpec,
    ("prompts", "*"): PromptSpec,
    ("prompts", "*", "messages", "*"): Turn,
    ("prompts", "*", "examples"): ExamplesSpec,
    ("models", "*"): ModelSpec,
    ("models", "*", "price"): PriceSpec,
    ("models", "*", "capabilities"): CapabilitiesSpec,
    ("thinking", "*"): ThinkingSpec,
    ("matrix", "exclude", "*"): ExcludeSpec,
    ("matrix", "include", "*"): IncludeSpec,
    ("matrix", "include", "*", "thinking"): ThinkingSpec,
    ("overrides", "*"): OverrideSpec,
    # The options of a judge; those of other scorers are checked where the scorer is built.
    ("scorers", "*"): JudgeSpec,
    ("scorers", "*", "model", "*"): ModelSpec,
    ("scorers", "*", "scale"): ScaleSpec,
    ("scorers", "*", "criteria", "*"): CriterionSpec,
    ("scorers", "*", "pairwise"): PairwiseSpec,
    ("scorers", "*", "prompt"): JudgePromptSpec,
    ("gate", "rules", "*"): RuleSpec,
    ("gate", "notify", "*"): NotifySpec,
}
_NOT_FOR_PEOPLE = ("templates", "origin")


def accepted_keys(address: Address) -> list[str]:
    """The keys that may stand at an address, without those evalkit fills in itself."""
    for pattern, section in _INSIDE.items():
        if len(pattern) == len(address) and all(
            want in ("*", part) for want, part in zip(pattern, address, strict=True)
        ):
            extra = ["extends"] if section is Suite else []
            return [*(name for name in section.model_fields if name not in _NOT_FOR_PEOPLE), *extra]
    field = Suite.model_fields.get(str(address[0])) if len(address) == 1 else None
    kind = field.annotation if field else None
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return []


# What others call it, who write suites of their own.
_SYNONYMS = {
    "prompt": "prompts",
    "model": "models",
    "provider": "models",
    "providers": "models",
    "tests": "dataset",
    "data": "dataset",
    "assert": "scorers",
    "graders": "scorers",
    "evaluators": "scorers",
    "metrics": "scorers",
    "repeat": "samples",
    "epochs": "samples",
    "max_tokens": "answer_tokens",
    "budget_tokens": "thinking",
}


def unknown_key(address: Address, value: object) -> str:
    """What to say of a key that may not stand at this address."""
    meant = meant_key(address)
    homes = [] if isinstance(value, dict) else list(_homes(str(address[-1])))
    if homes and len(address) == 1 and str(address[-1]) not in _SYNONYMS:
        return f"unknown key; did you mean {' or '.join(homes)}?"
    if meant is not None:
        return f"unknown key; did you mean '{meant}'?"
    return f"unknown key; accepted: {', '.join(sorted(accepted_keys(address[:-1])))}"


def meant_key(address: Address) -> str | None:
    """The key that was probably meant at this address, of those that may stand there."""
    accepted, name = accepted_keys(address[:-1]), str(address[-1])
    near = difflib.get_close_matches(name, accepted, n=1)
    known = _SYNONYMS.get(name.lower())
    return known if known in accepted and len(address) == 1 else next(iter(near), None)


def _homes(name: str) -> Iterator[str]:
    """The sections in which a key of this name may stand, nearest the top first, at most two."""
    inside = [pattern for pattern in _INSIDE if pattern and pattern[0] not in ("scorers", "gate")]
    sections = [(name,) for name in Suite.model_fields if (name,) not in inside]
    found = [
        ".".join((*pattern, name))
        for pattern in sorted([*inside, *sections], key=len)
        if name in accepted_keys(pattern)
    ]
    yield from found[:2]
