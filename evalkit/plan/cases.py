"""Dataset rows become Cases: identity, target, cluster and tags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.images import data_uri
from evalkit.suite.dataset import Row
from evalkit.suite.schema import DatasetSpec
from evalkit.templates import Template
from evalkit.types import Case


def plan_cases(rows: Iterable[Row], spec: DatasetSpec) -> Iterator[Case]:
    """One Case a row, at most ``spec.limit``.

    ``spec.id`` names a column; without it the id is a digest of the row, so that a moved row stays
    the same case. ``spec.target`` is a column or a template. Raises DatasetError for a missing
    column, a value that cannot be kept as JSON, or an id that comes twice.
    """
    target = _target_reader(spec)
    seen: dict[str, str] = {}
    for row in rows:
        if spec.limit is not None and len(seen) >= spec.limit:
            return
        inputs = _as_json(row)
        case_id = _case_id(row, inputs, spec.id)
        if case_id in seen:
            raise DatasetError(
                f"{row.where}: the case id '{case_id}' was already used at {seen[case_id]}",
                "Ids must be unique: name another column in dataset.id, or remove the double row.",
            )
        seen[case_id] = row.where
        yield Case(
            id=case_id,
            inputs=inputs,
            target=target.read(row) if target else None,
            cluster=_cell(row, spec.cluster) if spec.cluster else None,
            tags=tuple(_tags(row, spec.tags)),
        )
    if not seen:
        raise DatasetError("the dataset has no rows", "Check dataset.path.")


class _Target:
    """Reads a case's target: a column's value, or a template over the row."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.template = Template(text, "dataset.target") if "{{" in text or "{%" in text else None

    def read(self, row: Row) -> str | None:
        if self.template:
            try:
                return self.template.render(row.values).strip()
            except TemplateError as error:
                raise TemplateError(f"{row.where}: {error.message}", error.hint) from error
        return _cell(row, self.text)


def _target_reader(spec: DatasetSpec) -> _Target | None:
    return _Target(spec.target) if spec.target else None


def _as_json(row: Row) -> Mapping[str, Any]:
    try:
        decoded: dict[str, Any] = json.loads(json.dumps(dict(row.values), default=_text))
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{row.where}: a value cannot be stored: {error}") from error
    return decoded


def _text(value: Any) -> str:
    """What JSON has no word for: bytes as a data URI, dates and the like as they print."""
    return data_uri(value) if isinstance(value, bytes) else str(value)


def _case_id(row: Row, inputs: Mapping[str, Any], column: str | None) -> str:
    if column:
        value = _cell(row, column)
        if value is None or not value.strip():
            raise DatasetError(f"{row.where}: the id column '{column}' is empty")
        return value
    canonical = json.dumps(inputs, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
    return hashlib.blake2b(canonical, digest_size=6).hexdigest()


def _cell(row: Row, column: str) -> str | None:
    if column not in row.values:
        raise DatasetError(
            f"{row.where}: no column '{column}'; the row has {', '.join(row.values)}"
        )
    value = row.values[column]
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _tags(row: Row, columns: Iterable[str]) -> Iterator[str]:
    for column in columns:
        value = row.values.get(column)
        if column not in row.values:
            _cell(row, column)  # raises, naming what there is
        elif isinstance(value, list):
            yield from (str(item) for item in value)
        elif value not in (None, ""):
            yield f"{column}:{value}" if isinstance(value, bool | int | float) else str(value)
