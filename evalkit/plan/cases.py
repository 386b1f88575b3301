"""Dataset rows become Cases: identity, target, cluster and tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.identity import missing_column
from evalkit.plan.selection import select_rows
from evalkit.suite.row import Row
from evalkit.suite.rows_schema import DatasetSpec
from evalkit.templates import Template
from evalkit.types import Case


def plan_cases(
    rows: Iterable[Row], spec: DatasetSpec, target_for: str | None = None
) -> Iterator[Case]:
    """The cases of a dataset: the rows it selects, in order.

    ``target_for`` names a scorer that grades nothing without a target. Raises DatasetError for a
    missing column, a missing target, an id that comes twice, and TemplateError for a target or
    filter that cannot be worked out.
    """
    maker = CaseMaker(spec, target_for)
    for case_id, row in select_rows(rows, spec):
        yield maker.case(case_id, row)


class CaseMaker:
    """Reads a row as a case: a target is a column's value, or a template over the row."""

    def __init__(self, spec: DatasetSpec, target_for: str | None = None) -> None:
        self._spec = spec
        self._target_for = target_for
        target = spec.target or ""
        is_template = "{{" in target or "{%" in target
        self._template = Template(target, "dataset.target") if is_template else None

    def case(self, case_id: str, row: Row) -> Case:
        """The case of a row."""
        return Case(
            id=case_id,
            inputs=row.values,
            target=self._target(row),
            cluster=_cell(row, self._spec.cluster) if self._spec.cluster else None,
            tags=tuple(_tags(row, self._spec.tags)),
        )

    def _target(self, row: Row) -> str | None:
        if self._spec.target is None:
            return None
        target = self._rendered(row) if self._template else _cell(row, self._spec.target)
        if target is not None and target.strip():
            return target
        if self._target_for is not None:
            raise DatasetError(
                f"{row.where}: the target is empty, and the scorer '{self._target_for}' needs one",
                "Leave such rows out with dataset.filter, or mend the row.",
            )
        return None

    def _rendered(self, row: Row) -> str:
        assert self._template is not None
        try:
            return self._template.render(row.values).strip()
        except TemplateError as error:
            raise TemplateError(f"{row.where}: {error.message}", error.hint) from error


def _cell(row: Row, column: str) -> str | None:
    if column not in row.values:
        raise missing_column(row, column)
    value = row.values[column]
    if value is None:
        return None
    return _text(value)


def _text(value: Any) -> str:
    """A value as text: as JSON writes it, where it is no text itself."""
    is_json = isinstance(value, dict | list | bool)
    return json.dumps(value, ensure_ascii=False) if is_json else str(value)


def _tags(row: Row, columns: Iterable[str]) -> Iterator[str]:
    for column in columns:
        value = row.values.get(column)
        if column not in row.values:
            raise missing_column(row, column)
        if isinstance(value, list):
            yield from (_text(item) for item in value if item not in (None, ""))
        elif value not in (None, ""):
            text = _text(value)
            yield f"{column}:{text}" if isinstance(value, bool | int | float) else text
