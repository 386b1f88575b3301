"""Some cases of a dataset to estimate from: spread over all of it, and the largest."""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.types import Case

_LEAST = 100


class Probe:
    """Every n-th of the cases noted, 100 to 200 of them, and the ``largest`` of all.

    Rows are often in an order, short or easy ones first: the first hundred say little of the rest.
    """

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.largest: Case | None = None
        self._step, self._seen, self._most = 1, 0, -1

    @classmethod
    def of(cls, cases: Iterable[Case]) -> Probe:
        """The probe of these cases."""
        probe = cls()
        for case in cases:
            probe.note(case)
        return probe

    def note(self, case: Case) -> None:
        """Take a case into account."""
        if self._seen % self._step == 0:
            self.cases.append(case)
            if len(self.cases) > 2 * _LEAST:
                self.cases, self._step = self.cases[::2], 2 * self._step
        self._seen += 1
        size = sum(map(_size, case.inputs.values()))
        if size > self._most:
            self.largest, self._most = case, size

    def spread(self, most: int) -> list[Case]:
        """At most so many of the cases, from all over the dataset."""
        return self.cases[:: max(1, -(-len(self.cases) // most))][:most]


def _size(value: object) -> int:
    return len(value) if isinstance(value, str) else len(str(value))
