"""Which rows of a dataset are cases: filter, sample, shuffle, limit, in this order, streamed."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.identity import SeenIds, case_id, missing_column
from evalkit.suite.row import Row
from evalkit.suite.row_faults import RowFaults
from evalkit.suite.rows_schema import DatasetSpec, SampleSpec
from evalkit.suite.spool import Spool
from evalkit.templates import Expression

Identified = tuple[str, Row]


def select_rows(rows: Iterable[Row], spec: DatasetSpec) -> Iterator[Identified]:
    """The rows a dataset spec asks for, each with its case id; see :class:`Selection`.

    The first row at fault is raised.
    """
    return Selection(rows, spec, RowFaults(strict=True)).first()


class Selection:
    """The rows a dataset spec asks for, each with its case id.

    Without sample and shuffle nothing is held; with them, rows wait in a temporary file. ``total``
    is how many there are, once they have been gone through. Rows without a usable id, and those
    the filter cannot be applied to, are noted in ``faults``.
    """

    def __init__(self, rows: Iterable[Row], spec: DatasetSpec, faults: RowFaults) -> None:
        self._rows = rows
        self._spec = spec
        self._faults = faults
        self.total = 0

    def first(self, most: int | None = None) -> Iterator[Identified]:
        """The first ``most`` rows (default: all); further ones are checked and counted.

        Raises DatasetError for a dataset without rows, and what ``RowFaults.note`` raises.
        """
        spec = self._spec
        kept = _filtered(self._rows, spec.filter, self._faults)
        if spec.sample is not None or spec.shuffle is not None:
            yield from self._drawn(_identified(kept, spec, self._faults), most)
            return
        rows = _identified(islice(kept, spec.limit), spec, self._faults)
        for number, pair in enumerate(rows, 1):
            self.total = number
            if most is None or number <= most:
                yield pair

    def _drawn(self, rows: Iterator[Identified], most: int | None) -> Iterator[Identified]:
        with Spool() as spool:
            order = _order(rows, self._spec, spool)[: self._spec.limit]
            self.total = len(order)
            for name, *row in spool.read(order[:most].tolist()):
                yield name, Row(*row)


def _identified(rows: Iterable[Row], spec: DatasetSpec, faults: RowFaults) -> Iterator[Identified]:
    seen = SeenIds(faults, are_digests=spec.id is None)
    row = None
    for row in rows:
        try:
            name = case_id(row, spec.id)
        except DatasetError as error:
            faults.note(row.where, error)
            continue
        seen.add(name, row)
        yield name, row
    seen.settle(row)
    if row is None:
        faults.settle()
        if spec.filter:
            raise DatasetError("the filter leaves no row", "Check dataset.filter.")
        raise no_rows(spec)


def no_rows(spec: DatasetSpec) -> DatasetError:
    """The error for a dataset that holds nothing."""
    name = "stdin" if spec.path == "-" else spec.path
    return DatasetError(f"{name}: the dataset has no rows", "Check dataset.path.")


def _filtered(rows: Iterable[Row], source: str | None, faults: RowFaults) -> Iterator[Row]:
    if source is None:
        yield from rows
        return
    expression = Expression(source, "dataset.filter")
    for row in rows:
        try:
            holds = expression.holds(row.values)
        except TemplateError as error:
            told = f"{row.where}: {error.message}"
            faults.note(row.where, TemplateError(told, error.hint))
            continue
        if holds:
            yield row


def _order(rows: Iterator[Identified], spec: DatasetSpec, spool: Spool) -> npt.NDArray[np.int64]:
    """Set the rows aside; the places of those that stay, in the order they are wanted in."""
    sample, strata = spec.sample, _Strata(spec.sample)
    draws, turns = array("Q"), array("Q")
    draw = _ranking(f"sample {sample.seed if sample else 0}")
    turn = _ranking(f"shuffle {spec.shuffle}")
    for name, row in rows:
        spool.add((name, *row))
        if sample is not None:
            strata.note(row)
            draws.append(draw(name))
        if spec.shuffle is not None:
            turns.append(turn(name))
    stays = np.arange(len(spool), dtype=np.int64)
    if sample is not None:
        stays = strata.draw(np.array(draws, np.uint64), sample.size)
    if spec.shuffle is not None:
        stays = stays[np.argsort(np.array(turns, np.uint64)[stays], kind="stable")]
    return stays


def _ranking(salt: str) -> Callable[[str], int]:
    """Numbers that follow from a case and the seed, whatever the other rows are."""
    salted = hashlib.blake2b(f"{salt}:".encode(), digest_size=8)

    def rank(case_id: str) -> int:
        digest = salted.copy()
        digest.update(case_id.encode("utf-8", "surrogatepass"))
        return int.from_bytes(digest.digest())

    return rank


class _Strata:
    """Which stratum each row belongs to: its value in the sample's column ``by``."""

    def __init__(self, sample: SampleSpec | None) -> None:
        self._column = sample.by if sample else None
        self._names: dict[str, int] = {}
        self._of_row = array("l")

    def note(self, row: Row) -> None:
        """Note the next row; raises DatasetError if it lacks the column."""
        if self._column is not None and self._column not in row.values:
            raise missing_column(row, self._column)
        name = str(row.values[self._column]) if self._column is not None else ""
        self._of_row.append(self._names.setdefault(name, len(self._names)))

    def draw(self, ranks: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.int64]:
        """The places of the rows drawn, ascending: in each stratum those of the lowest rank."""
        of_row = np.array(self._of_row, np.int64)
        counts = np.bincount(of_row, minlength=len(self._names))
        by_stratum = np.lexsort((ranks, of_row))
        ends = np.cumsum(counts)
        parts = [
            by_stratum[end - count : end - count + share]
            for end, count, share in zip(ends, counts, _shares(counts, size), strict=True)
        ]
        return np.sort(np.concatenate(parts)).astype(np.int64)


def _shares(counts: npt.NDArray[np.int64], size: int) -> list[int]:
    """``size`` split in proportion to ``counts`` by largest remainders, never more than there is.

    Of equal remainders the stratum met first gets the row.
    """
    total = int(counts.sum())
    if size >= total:
        return [int(count) for count in counts]
    exact = [divmod(size * int(count), total) for count in counts]
    shares = [whole for whole, _ in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: -exact[index][1])
    for index in by_remainder[: size - sum(shares)]:
        shares[index] += 1
    return shares
