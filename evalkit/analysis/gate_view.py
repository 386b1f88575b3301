"""A test of a gate with what it has seen, as its readers want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evalkit.analysis.gate_tests import GateTest, Question
from evalkit.analysis.measures import Measure
from evalkit.analysis.verdicts import RuleOutcome, RuleResult
from evalkit.stats.arrays import FloatArray, IntArray


@dataclass(slots=True, eq=False)
class View:
    """A test, its measure and what it has seen. ``found`` holds every measure of the run.

    ``a_fail`` is what all alarms share; ``p_adjusted`` is set for fixed tests, once all are
    there.
    """

    test: GateTest
    variant: str
    measure: Measure
    found: Mapping[str, Measure]
    numbers: FloatArray
    a_fail: float = 0.01
    p_adjusted: float | None = None
    rows: IntArray = field(init=False)

    def __post_init__(self) -> None:
        self.rows = self.test.rows()

    @property
    def asked(self) -> Question:
        """What the test is about."""
        return self.test.question

    def mean(self) -> FloatArray:
        """The measure of the cases asked about; nan where a case has none yet."""
        mean: FloatArray = self.measure.mean[self.asked.variant][self.everything]
        return mean

    @property
    def everything(self) -> IntArray:
        """The cases asked about, seen or not: a run may hold more than was needed to decide."""
        return np.concatenate(self.asked.members)

    def clusters(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> IntArray | None:
        """The units of the cases kept; None where each is one of its own."""
        sizes = [len(rows) for rows in self.asked.members]
        if max(sizes) == 1:
            return None
        labels: IntArray = np.repeat(np.arange(len(sizes)), sizes)[kept]
        return labels

    @property
    def n_missing(self) -> int:
        """Trials seen that have no value through no fault of the model."""
        row = self.asked.variant
        if self.asked.measure.startswith("score:"):
            return int(self.measure.missing[row][self.rows].sum())
        return int(self.found["lost"].sums[row][self.rows].sum())

    @property
    def n_recorded(self) -> int:
        """Trials seen."""
        return int(self.found["lost"].counts[self.asked.variant][self.rows].sum())

    def result(self, outcome: RuleOutcome, why: str, method: str, **more: Any) -> RuleResult:
        """A result with what all results have."""
        asked, passing, failing = self.asked, self.test.passing, self.test.failing
        return RuleResult(
            **{
                "subject": asked.subject,
                "bound": asked.bound,
                "limit": asked.limit,
                "variant": self.variant,
                "outcome": outcome,
                "why": why,
                "method": method,
                "tag": asked.tag,
                "baseline": asked.banked,
                "e_pass": passing.e_value if passing else None,
                "e_fail": failing.e_value if failing else None,
                "decided_at": self.test.decided_at if outcome in ("pass", "regression") else None,
                "units": len(asked.members),
                "seen": self.test.seen,
                "n_missing": self.n_missing,
                **more,
            }
        )
