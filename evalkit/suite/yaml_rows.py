"""Rows of a YAML list, composed one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import yaml

from evalkit.errors import DatasetError
from evalkit.suite.opening import Source
from evalkit.suite.row import Row, place
from evalkit.suite.yaml_core import SuiteLoader, fault_line, told_kindly


def read_yaml(source: Source) -> Iterator[Row]:
    """The mappings of one list, composed one at a time; ``yes`` and ``no`` stay words."""
    with source.text() as file:
        loader = SuiteLoader(file)
        try:
            yield from _yaml_items(loader, source)
        except yaml.MarkedYAMLError as error:
            told = f"{source.shown}:{fault_line(error)}: {told_kindly(error)}"
            raise DatasetError(told) from error
        except yaml.YAMLError as error:
            raise DatasetError(f"{source.shown}: not valid YAML: {error}") from error
        except RecursionError as error:
            raise DatasetError(f"{source.shown}: not valid YAML: nested without end") from error
        finally:
            loader.dispose()


def _yaml_items(loader: SuiteLoader, source: Source) -> Iterator[Row]:
    shown = source.shown
    for event in (yaml.StreamStartEvent, yaml.DocumentStartEvent):
        if loader.check_event(event):
            loader.get_event()  # type: ignore[no-untyped-call]
    if not loader.check_event(yaml.SequenceStartEvent):
        raise DatasetError(f"{shown}:1: expected a list of rows", "Begin each row with '- '.")
    loader.get_event()  # type: ignore[no-untyped-call]
    while not loader.check_event(yaml.SequenceEndEvent):
        node = loader.compose_node(None, 0)
        if node is None:
            return
        value = loader.construct_document(node)
        twin = _twin(node)
        if twin is not None:
            where = place(shown, twin.start_mark.line + 1, is_line=True)
            told = f"{where}: the column '{twin.value}' is given twice"
            source.faults.note(where, DatasetError(told, "Take one away."))
            continue
        row = source.row(value, node.start_mark.line + 1)
        if row is not None:
            yield row

    for _ in range(2):  # the list ends, and the document
        loader.get_event()  # type: ignore[no-untyped-call]
    if not loader.check_event(yaml.StreamEndEvent):
        line = loader.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
        raise DatasetError(f"{shown}:{line}: a second document; all rows go into one list")


def _twin(node: yaml.Node) -> yaml.Node | None:
    """The key that a row has for the second time, which YAML would let pass."""
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value in seen:
            return cast("yaml.Node", key)
        seen.add(str(key.value))
    return None
