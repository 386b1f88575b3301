"""The table of models shipped with evalkit: facts, prices and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, cast

import orjson


@cache
def models_table() -> Mapping[str, Any]:
    """The whole of ``models.json``, read once."""
    data = resources.files("evalkit.messages").joinpath("models.json").read_bytes()
    return cast("dict[str, Any]", orjson.loads(data))


def find_model(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """The id and the entry of a model by exact id or alias; None for one we do not know."""
    table = models_table()
    model_id = table["aliases"].get(name, name)
    entry = table["models"].get(model_id)
    return None if entry is None else (model_id, entry)
