"""Compiled templates are kept, and never in the way."""

from __future__ import annotations

import sys

import pytest
from jinja2 import DictLoader, Environment

from evalkit.report.compiled import CompiledPages


def render(folder, template: str = "{{ 1 + 1 }}") -> str:
    environment = Environment(
        loader=DictLoader({"page": template}), bytecode_cache=CompiledPages(folder)
    )
    return environment.get_template("page").render()


@pytest.fixture(autouse=True)
def writing_bytecode(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def test_a_page_is_compiled_once_and_anew_when_it_changes(tmp_path):
    folder = tmp_path / "kept"
    assert render(folder) == "2"
    (kept,) = folder.iterdir()
    before = kept.read_bytes()
    assert render(folder) == "2"
    assert kept.read_bytes() == before
    assert render(folder, "{{ 2 + 2 }}") == "4"
    assert [path.read_bytes() for path in folder.iterdir()] != [before]


@pytest.mark.parametrize("damage", [b"", b"j2", b"\x00" * 99])
def test_a_damaged_file_is_replaced(tmp_path, damage):
    assert render(tmp_path) == "2"
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for broken in (damage, whole[: len(whole) // 2]):
        kept.write_bytes(broken)
        assert render(tmp_path) == "2"
        assert kept.read_bytes() == whole


def test_a_folder_that_cannot_be_had_changes_nothing(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert render(tmp_path / "file") == "2"


def test_nothing_is_written_where_python_writes_no_bytecode(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert render(tmp_path) == "2"
    assert not list(tmp_path.iterdir())
