"""Rules over a run and a baseline: what is proven, what is broken, and what would decide.

PASS needs proof that a loss is smaller than the margin, FAIL proof that there is a loss; PASS needs
every rule, while the alarms of all of them together are held down (Bonferroni on the evidence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.evidence import MAX_MISSING, MIN_UNITS
from evalkit.analysis.gate_plan import QUANTILES
from evalkit.analysis.gate_tests import GateTest, Question
from evalkit.analysis.gate_view import View
from evalkit.analysis.measures import Measure, measures, over, recorded
from evalkit.analysis.readings import adjust_fixed, read
from evalkit.analysis.trials import Trials
from evalkit.analysis.verdicts import GateVerdict, RuleResult, verdict_of
from evalkit.stats.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class GateResult:
    """Every rule's result and the verdict on all of them.

    ``n_tests`` is how many alarms share ``a_fail``; ``decided_at`` is after how many cases nothing
    was open any more (None: something stayed open). The order of cases follows from ``seed``.
    """

    verdict: GateVerdict
    rules: tuple[RuleResult, ...]
    n_tests: int
    a_pass: float
    a_fail: float
    seed: int
    n_cases: int
    decided_at: int | None


def make_tests(questions: Sequence[Question], a_fail: float) -> list[GateTest]:
    """A test a question; the alarms of all that can raise one share ``a_fail``."""
    n_tests = _alarms(questions)
    return [GateTest(asked, a_fail / n_tests) for asked in questions]


def judge(
    trials: Trials, tests: Sequence[GateTest], *, samples: int, a_fail: float, seed: int
) -> GateResult:
    """Feed what is recorded to the tests, in their order, and conclude.

    ``samples`` are planned of every case; cases that lack any are not yet ready, and nothing after
    them is seen.
    """
    found = measures(trials)
    ready = recorded(trials) >= samples
    views = []
    for test in tests:
        asked = test.question
        measure = _measure_of(trials, found, asked)
        low, high = measure.bounds()
        test.advance(ready[asked.variant], low[asked.variant], high[asked.variant])
        key = trials.variants[asked.variant].key
        views.append(View(test, key, measure, found, _numbers(trials, test), a_fail))
    adjust_fixed(views, _alarms([test.question for test in tests]))
    results = [read(view) for view in views]
    return GateResult(
        verdict=verdict_of(tuple(results)),
        rules=tuple(results),
        n_tests=_alarms([test.question for test in tests]),
        a_pass=max((test.question.alpha_pass for test in tests), default=0.0),
        a_fail=a_fail,
        seed=seed,
        n_cases=len(trials.cases.ids),
        decided_at=_decided_at(tests, results),
    )


def is_decided(tests: Sequence[GateTest], missing: Callable[[GateTest], float]) -> bool:
    """Whether a run may stop: a loss is proven, or every rule that needs proof has it.

    ``missing`` is the share of what a test has seen that is missing; where that is too much, only
    going on can help.
    """
    ready = [test for test in tests if test.seen >= MIN_UNITS and missing(test) <= MAX_MISSING]
    if any(test.is_failed and test.holds_run for test in ready):
        return True
    holding = [test for test in tests if test.holds_run]
    return bool(holding) and all(test in ready and test.is_settled for test in holding)


def _alarms(questions: Sequence[Question]) -> int:
    return max(1, sum(asked.kind != "fact" for asked in questions))


def _decided_at(tests: Sequence[GateTest], results: Sequence[RuleResult]) -> int | None:
    """After how many cases the verdict stood: the first loss, else the last proof."""
    failed = [one.decided_at for one in results if one.outcome == "regression" and one.decided_at]
    if failed:
        return min(failed)
    if verdict_of(tuple(results)) != "pass":
        return None
    proofs = [one.decided_at for test, one in zip(tests, results, strict=True) if test.holds_run]
    at = [place for place in proofs if place is not None]
    return max(at) if at and len(at) == len(proofs) else None


def _measure_of(trials: Trials, found: Mapping[str, Measure], asked: Question) -> Measure:
    if asked.subject in QUANTILES:
        return over(trials, asked.measure, asked.limit)
    if asked.subject == "cost_per_correct":
        return found["cost_usd"]
    return found["failed"] if asked.kind == "fact" else found[asked.measure]


def _numbers(trials: Trials, test: GateTest) -> FloatArray:
    """The single values of the trials seen, where a quantile is wanted."""
    asked = test.question
    if asked.share is None:
        return np.empty(0)
    is_seen = np.zeros(len(trials.cases.ids), dtype=np.bool_)
    is_seen[test.rows()] = True
    rows = (trials.variant == asked.variant) & trials.is_answered & is_seen[trials.case]
    seen: FloatArray = trials.numbers[asked.measure][rows]
    return seen
