"""Rows become cases and prompts are rendered for them; what fails is told together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evalkit.errors import ConfigError, DatasetError, EvalkitError, Problem, TemplateError
from evalkit.plan.cases import CaseMaker
from evalkit.suite.row import Row
from evalkit.types import Case

# More rows than these are seldom read through; they mostly have one and the same cause.
_MOST = 10


class CaseCheck:
    """Makes cases and gathers the rows that cannot be used, up to ten of them.

    ``renderers`` are given each case: prompts and whatever else is to be asked about it.
    """

    def __init__(self, maker: CaseMaker, renderers: Iterable[Callable[[Case], object]]) -> None:
        self._maker = maker
        self._renderers = list(renderers)
        self._faults: list[tuple[Row, EvalkitError]] = []

    def case(self, case_id: str, row: Row, *, is_rendered: bool = True) -> Case | None:
        """The case of a row, None for one at fault; at the tenth raises what settle does."""
        try:
            case = self._maker.case(case_id, row)
            for render in self._renderers if is_rendered else ():
                render(case)
        except (DatasetError, TemplateError) as error:
            self._faults.append((row, error))
            if len(self._faults) >= _MOST:
                self.settle()
            return None
        return case

    def settle(self) -> None:
        """Raise what was found: the error of a single row as it is, several as ConfigError."""
        problems = [
            Problem(row.where, error.message.removeprefix(f"{row.where}: "))
            for row, error in self._faults
        ]
        if len(problems) == 1:
            error = self._faults[0][1]
            raise type(error)(str(problems[0]), error.hint) from error
        if problems:
            more = " There may be more." if len(problems) >= _MOST else ""
            raise ConfigError(problems, f"{self._faults[0][1].hint or 'Mend the rows.'}{more}")
