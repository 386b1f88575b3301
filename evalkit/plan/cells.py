"""The cells of a suite's matrix: prompts x models x thinking, less some, plus some, overridden."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce

from evalkit.suite.matrix_schema import ExcludeSpec, IncludeSpec, OverrideSpec, ThinkingSpec
from evalkit.suite.schema import ModelSpec, Suite
from evalkit.suite.source import Address

_NOTHING = OverrideSpec.model_construct(variants=())


@dataclass(frozen=True, slots=True)
class Cell:
    """One variant as the suite has it; ``address`` is where its thinking setting is written."""

    prompt: str
    model: ModelSpec
    thinking: ThinkingSpec
    address: Address
    override: OverrideSpec = _NOTHING

    @property
    def key(self) -> str:
        """The key the variant will have."""
        return f"{self.prompt}/{self.model.name}/{self.thinking.setting().key}"


def plan_cells(suite: Suite) -> list[Cell]:
    """The cells that are asked, in the order of the suite, those included last.

    Included cells that name no prompt or model of the suite are left out: see
    :func:`matrix_faults`.
    """
    cells = [
        cell
        for cell in _product(suite)
        if not any(_excludes(spec, cell) for spec in suite.matrix.exclude)
    ]
    models = {model.name: model for model in suite.models}
    cells += [
        Cell(spec.prompt, models[spec.model], spec.thinking, ("matrix", "include", index))
        for index, spec in enumerate(suite.matrix.include)
        if spec.prompt in suite.prompts and spec.model in models
    ]
    return [_overridden(cell, suite.overrides) for cell in cells]


def _product(suite: Suite) -> Iterator[Cell]:
    for prompt in suite.prompts:
        for model in suite.models:
            for index, thinking in enumerate(suite.thinking):
                yield Cell(prompt, model, thinking, ("thinking", index))


def _excludes(spec: ExcludeSpec, cell: Cell) -> bool:
    settings = {thinking.setting().key for thinking in spec.thinking}
    return (
        (spec.variants is None or fnmatchcase(cell.key, spec.variants))
        and (spec.prompt is None or fnmatchcase(cell.prompt, spec.prompt))
        and (spec.model is None or fnmatchcase(cell.model.name, spec.model))
        and (not settings or cell.thinking.setting().key in settings)
    )


def _overridden(cell: Cell, overrides: Sequence[OverrideSpec]) -> Cell:
    """The cell with every override that matches it, later ones over earlier ones."""
    matching = [spec for spec in overrides if _applies(spec, cell)]
    if not matching:
        return cell
    whole = reduce(lambda below, above: below.model_copy(update=_changes(above)), matching)
    return Cell(cell.prompt, cell.model, cell.thinking, cell.address, whole)


def _changes(spec: OverrideSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.model_fields_set - {"variants"}}


def _applies(spec: OverrideSpec, cell: Cell) -> bool:
    return any(fnmatchcase(cell.key, glob) for glob in spec.variants)


def matrix_faults(suite: Suite) -> Iterator[tuple[Address, str]]:
    """What in ``matrix`` and ``overrides`` means nothing, with where it is written."""
    everything, asked = list(_product(suite)), plan_cells(suite)
    for index, spec in enumerate(suite.matrix.exclude):
        if not any(_excludes(spec, cell) for cell in everything):
            yield ("matrix", "exclude", index), f"leaves out nothing; {_there(everything)}"
    for index, included in enumerate(suite.matrix.include):
        address = ("matrix", "include", index)
        yield from ((address, told) for told in _include_faults(included, suite, asked))
    for index, override in enumerate(suite.overrides):
        if not any(_applies(override, cell) for cell in asked):
            globs = ", ".join(override.variants)
            yield ("overrides", index), f"'{globs}' matches no variant; {_there(asked)}"
    if not asked:
        yield ("matrix",), "leaves no variant to ask"


def _include_faults(spec: IncludeSpec, suite: Suite, asked: Sequence[Cell]) -> Iterator[str]:
    for kind, name, names in (
        ("prompt", spec.prompt, list(suite.prompts)),
        ("model", spec.model, [model.name for model in suite.models]),
    ):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names)}"
            yield f"no {kind} is called '{name}'; {hint}"
    key = f"{spec.prompt}/{spec.model}/{spec.thinking.setting().key}"
    if sum(cell.key == key for cell in asked) > 1:
        yield f"{key} is there already"


def _there(cells: Sequence[Cell]) -> str:
    keys = [cell.key for cell in cells]
    return f"there are: {', '.join(keys[:3])}{' …' if len(keys) > 3 else ''}"
