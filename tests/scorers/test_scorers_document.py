"""docs/scorers.md speaks of every scorer and every option."""

import dataclasses
import importlib
from pathlib import Path

import pytest

from evalkit.scorers.registry import _SCORERS

DOCUMENT = (Path(__file__).parents[2] / "docs/scorers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", _SCORERS)
def test_speaks_of_every_scorer_and_option(kind):
    module, name = _SCORERS[kind]
    found = getattr(importlib.import_module(f"evalkit.scorers.{module}"), name)
    options = {field.name for field in dataclasses.fields(found) if field.init}
    options -= {"name", "needs_target", "runs_code"}
    for word in (kind, *options):
        assert f"`{word}" in DOCUMENT, word
