"""Stops a run as soon as its gate is decided; results are fed in the planned order.

Answers come in any order, and the fast ones are the easy ones: so a unit is fed when every unit
before it is complete. What is fed here decides only when to stop; the verdict is made again from
what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from evalkit.analysis.evidence import MAX_MISSING
from evalkit.analysis.gate import is_decided
from evalkit.analysis.gate_tests import GateTest
from evalkit.analysis.measures import measures, recorded
from evalkit.analysis.trials import REFUSED, TRUNCATED
from evalkit.errors import EXIT_API, EXIT_OK, EXIT_USAGE, FAILURES
from evalkit.pipeline.regression.gating import Prepared
from evalkit.pipeline.score import grade
from evalkit.pipeline.stop import Reason
from evalkit.scorers.registry import build_scorers
from evalkit.scorers.scorer import Scorer
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.types import Case, Failure, Response, TrialResult


class EarlyStop:
    """A Watch (see ``watch.py``) over a prepared gate.

    ``places`` are the cases to ask, in order (default: all, in the gate's order). ``models`` are
    those that may answer each variant; another one stops the run, since the bank is then void.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        places: IntArray | None = None,
        models: Mapping[str, Collection[str]] | None = None,
        stops_when_decided: bool = True,
    ) -> None:
        trials, subjects = prepared.trials, prepared.subjects
        self._places = np.concatenate(subjects.units) if places is None else places
        self._models = models or {}
        self._stops = stops_when_decided
        self._tests = prepared.tests
        self._samples = subjects.samples
        self._rows = {key: row for row, key in enumerate(subjects.variants)}
        self._cases = {case: place for place, case in enumerate(trials.cases.ids)}
        wanted = {test.question.measure for test in self._tests if test.gate or test.level}
        self._scorers = _live_scorers(prepared, wanted)
        self._cells = _Cells(prepared, wanted)
        self._stop: Callable[[Reason], None] | None = None
        self._guard = threading.Lock()
        self.error: BaseException | None = None
        # One thread grades and feeds, so that a slow scorer does not hold up the event loop.
        self._worker = ThreadPoolExecutor(1, "gate")

    def order(self) -> IntArray:
        """See Watch."""
        return self._places

    def begin(self, stop: Callable[[Reason], None]) -> None:
        """See Watch. What was stored by an earlier sitting is fed first."""
        self._stop = stop
        self._worker.submit(self._noting, self._feed_all)

    def hear(self, result: TrialResult) -> None:
        """See Watch."""
        self._worker.submit(self._noting, lambda: self._take(result))

    def end(self) -> None:
        """See Watch."""
        with self._guard:
            self._stop = None
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _noting(self, work: Callable[[], None]) -> None:
        """Keep what goes wrong on the worker's thread for whoever started it."""
        try:
            if self.error is None:
                work()
        except BaseException as error:  # noqa: BLE001 - raised again by raise_error
            self.error = error

    def raise_error(self) -> None:
        """Raise what went wrong while feeding, if anything did."""
        if self.error is not None:
            raise self.error

    def _feed_all(self) -> None:
        for test in self._tests:
            self._advance(test)
        self._conclude()

    def _take(self, result: TrialResult) -> None:
        row = self._rows.get(result.trial.variant.key)
        place = self._cases.get(result.trial.case_id)
        if row is None or place is None:
            return
        outcome = result.outcome
        if isinstance(outcome, Response) and self._is_stranger(result, outcome):
            return
        self._cells.add(row, place, self._values(result.trial.case, outcome), _is_lost(outcome))
        if self._cells.count[row, place] < self._samples:
            return
        self._cells.ready[row, place] = True
        for test in self._tests:
            if test.question.variant == row:
                self._advance(test)
        self._conclude()

    def _is_stranger(self, result: TrialResult, response: Response) -> bool:
        key = result.trial.variant.key
        known = self._models.get(key)
        if not known or response.model is None or response.model in known:
            return False
        self._request(
            Reason(
                f"{key} is answered by {response.model}, and the bank has {', '.join(known)}",
                EXIT_USAGE,
                "Collect the baseline anew, or allow the change with --allow model.",
            )
        )
        return True

    def _advance(self, test: GateTest) -> None:
        measure, row = test.question.measure, test.question.variant
        if measure in self._cells.low:
            low, high = self._cells.low[measure][row], self._cells.high[measure][row]
            test.advance(self._cells.ready[row], low, high)

    def _conclude(self) -> None:
        lost = self._cells.lost.sum(axis=1)
        planned = len(self._places) * self._samples
        if (lost > MAX_MISSING * planned).any():
            self._request(
                Reason(
                    f"{int(lost.max()):,} of {planned:,} planned trials came to nothing: the gate "
                    "cannot be measured any more",
                    EXIT_API,
                    "Check the endpoint (evalkit doctor), then run the same command again.",
                )
            )
        elif self._stops and is_decided(self._tests, self._missing):
            failed = [test for test in self._tests if test.is_failed and test.holds_run]
            word = "a regression" if failed else "a pass"
            at = max(test.decided_at or 0 for test in failed or self._tests)
            self._request(Reason(f"the gate is decided: {word} after {at:,} cases", EXIT_OK))

    def _missing(self, test: GateTest) -> float:
        rows, row = test.rows(), test.question.variant
        n = int(self._cells.count[row][rows].sum())
        missing = self._cells.missing.get(test.question.measure, self._cells.lost)
        return float(missing[row][rows].sum()) / n if n else 1.0

    def _request(self, reason: Reason) -> None:
        with self._guard:
            if self._stop is not None:
                self._stop(reason)

    def _values(self, case: Case | None, outcome: Response | Failure) -> dict[str, float | None]:
        """Every measure of one trial; None where it is missing, nan where it does not apply."""
        found: dict[str, float | None] = {"failed": float(isinstance(outcome, Failure))}
        if isinstance(outcome, Failure):
            counts = FAILURES[outcome.kind].is_model_error
            return found | {f"score:{name}": 0.0 if counts else None for name in self._scorers}
        is_cut = outcome.stop_reason in TRUNCATED
        is_refused, is_empty = outcome.stop_reason == REFUSED, not outcome.text.strip()
        found |= {
            "truncated": float(is_cut),
            "refused": float(is_refused),
            "no_text": float(is_empty),
            "unscored": 0.0,
        }
        for name, scorer in self._scorers.items():
            value = grade(scorer, case, outcome).value if case is not None else None
            if value is None and (is_cut or is_refused or is_empty):
                value = 0.0
            found["unscored"] = 1.0 if value is None else found["unscored"]
            found[f"score:{name}"] = value
        return found


def _live_scorers(prepared: Prepared, wanted: Collection[str]) -> dict[str, Scorer]:
    """The scorers that rules speak of, as far as they grade an answer at once.

    Judges are asked when all answers are in, and samples are reduced when all of a case are: under
    rules about those a run goes on to its end.
    """
    plain = {spec.name for spec in prepared.run.suite.scorers if spec.reduce == "mean"}
    return {
        scorer.name: scorer
        for scorer in build_scorers(prepared.run.suite)
        if f"score:{scorer.name}" in wanted and scorer.name in plain
    }


def _is_lost(outcome: Response | Failure) -> bool:
    return isinstance(outcome, Failure) and not FAILURES[outcome.kind].is_model_error


class _Cells:
    """Sums by measure, variant and case, as they grow; they begin with what is stored."""

    def __init__(self, prepared: Prepared, wanted: Collection[str]) -> None:
        found = measures(prepared.trials)
        known = set(_live_scorers(prepared, wanted))
        live = [
            name
            for name in wanted
            if name in found and (name.removeprefix("score:") in known or ":" not in name)
        ]
        self.count: IntArray = recorded(prepared.trials)
        self.ready: BoolArray = self.count >= prepared.subjects.samples
        self.lost: FloatArray = found["lost"].sums.copy()
        self.low: dict[str, FloatArray] = {}
        self.high: dict[str, FloatArray] = {}
        self.missing: dict[str, IntArray] = {}
        self._sums: dict[str, FloatArray] = {}
        self._counts: dict[str, IntArray] = {}
        for name in live:
            self.low[name], self.high[name] = found[name].bounds()
            self.missing[name] = found[name].missing.copy()
            self._sums[name] = found[name].sums.copy()
            self._counts[name] = found[name].counts.copy()

    def add(self, row: int, place: int, values: Mapping[str, float | None], is_lost: bool) -> None:
        """Count one trial."""
        self.count[row, place] += 1
        self.lost[row, place] += is_lost
        for name, sums in self._sums.items():
            if name not in values:
                continue
            value = values[name]
            if value is None:
                self.missing[name][row, place] += 1
            else:
                sums[row, place] += value
                self._counts[name][row, place] += 1
            known, gone = self._counts[name][row, place], self.missing[name][row, place]
            n = known + gone
            self.low[name][row, place] = sums[row, place] / n
            self.high[name][row, place] = (sums[row, place] + gone) / n
