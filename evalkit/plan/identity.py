"""Which case a row is, and that no two rows are the same one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from evalkit.errors import DatasetError
from evalkit.suite.row import Row, place, row_digest
from evalkit.suite.row_faults import RowFaults

_BATCH = 1 << 16


def case_id(row: Row, column: str | None) -> str:
    """The value of the id column, or else a digest of the row, so that a moved row stays itself.

    Raises DatasetError for a row without a value there.
    """
    if column is None:
        return row_digest(row.values).hex()
    if column not in row.values:
        raise missing_column(row, column)
    value = row.values[column]
    text = "" if value is None else str(value)
    if not text.strip():
        raise DatasetError(f"{row.where}: the id column '{column}' is empty")
    return text


def missing_column(row: Row, column: str) -> DatasetError:
    """The error for a column that a row does not have."""
    return DatasetError(f"{row.where}: no column '{column}'; the row has {', '.join(row.values)}")


class SeenIds:
    """Notices an id that comes twice, in 16 bytes an id: ids are kept as 64-bit hashes.

    The latest 65,536 are compared at once, all others when those are full, and at the end.
    ``are_digests``: the rows have no ids of their own. Those seen twice are noted in ``faults``.
    """

    def __init__(self, faults: RowFaults, *, are_digests: bool = False) -> None:
        self._faults = faults
        self._are_digests = are_digests
        self._recent: dict[int, tuple[str, int]] = {}
        self._hashes: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._numbers: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def add(self, case_id: str, row: Row) -> None:
        """Note a case; a fault names both rows if its id was there before."""
        digest = hash(case_id)
        twin = self._recent.get(digest)
        if twin is not None:
            self._double(case_id, row, twin[1])
            return
        self._recent[digest] = (case_id, row.number)
        if len(self._recent) >= _BATCH:
            self.settle(row)

    def settle(self, last: Row | None) -> None:
        """Compare what was not yet compared.

        ``last`` is the row added last, which knows the file (None: there was none).
        """
        if not self._recent or last is None:
            return
        fresh = np.fromiter(self._recent, np.int64, len(self._recent))
        if len(self._hashes):
            places = np.searchsorted(self._hashes, fresh)
            places[places == len(self._hashes)] = 0
            twins = np.flatnonzero(self._hashes[places] == fresh)
            for twin in twins:
                case_id, number = self._recent[int(fresh[twin])]
                first = int(self._numbers[places[twin]])
                self._double(case_id, last._replace(number=number), first)
        numbers = np.fromiter((number for _, number in self._recent.values()), np.int64, len(fresh))
        hashes = np.concatenate([self._hashes, fresh])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._numbers = hashes[order], np.concatenate([self._numbers, numbers])[order]
        self._recent.clear()

    def _double(self, case_id: str, row: Row, first: int) -> None:
        before = place(row.file, first, is_line=row.is_line)
        if self._are_digests:
            error = DatasetError(
                f"{row.where}: the row says the same as {before}",
                "Remove it, or tell the rows apart by a column: dataset.id.",
            )
        else:
            error = DatasetError(
                f"{row.where}: the case id '{case_id}' was already used at {before}",
                "Ids must be unique: name another column in dataset.id, or remove the double row.",
            )
        self._faults.note(row.where, error)
