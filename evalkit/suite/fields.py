"""What the parts of a suite's schema have in common: strictness, names, counts and money."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
TOKENS = re.compile(r"^(\d+)(k?)$")


class Section(BaseModel):
    """A part of a suite: frozen, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def parse_tokens(value: object) -> object:
    """``4096`` or ``4k`` (= 4096) to a token count; Pydantic refuses the rest."""
    match = TOKENS.match(value.strip().lower()) if isinstance(value, str) else None
    return int(match[1]) * (1024 if match[2] else 1) if match else value


_TOKENS_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\d+[kK]?$"},
    ]
}
Tokens = Annotated[int, BeforeValidator(parse_tokens), Field(ge=0), WithJsonSchema(_TOKENS_SCHEMA)]
Name = Annotated[str, Field(pattern=NAME, max_length=100)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
Money = Annotated[float, Field(ge=0)]
Temperature = Annotated[float, Field(ge=0)]
TopP = Annotated[float, Field(gt=0, le=1)]
TopK = Annotated[int, Field(ge=1)]
