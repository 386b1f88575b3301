"""Rows become cases and prompts are rendered for them; what fails is told together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.cases import CaseMaker
from evalkit.suite.row import Row
from evalkit.suite.row_faults import RowFaults
from evalkit.types import Case


class CaseCheck:
    """Makes cases; rows that cannot be used are noted in ``faults``.

    ``renderers`` are given each case: prompts and whatever else is to be asked about it.
    """

    def __init__(
        self,
        maker: CaseMaker,
        renderers: Iterable[Callable[[Case], object]],
        faults: RowFaults,
    ) -> None:
        self._maker = maker
        self._renderers = list(renderers)
        self._faults = faults

    def case(self, case_id: str, row: Row, *, is_rendered: bool = True) -> Case | None:
        """The case of a row, None for one at fault; raises what ``RowFaults.note`` raises."""
        try:
            case = self._maker.case(case_id, row)
            for render in self._renderers if is_rendered else ():
                render(case)
        except (DatasetError, TemplateError) as error:
            self._faults.note(row.where, error)
            return None
        return case
