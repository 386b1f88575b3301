"""What a gate has to tell, as one value that every page and message renders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.analysis.changes import CaseChange, Flakiness, TagChange
from evalkit.analysis.gate import GateResult
from evalkit.analysis.verdicts import GateVerdict


@dataclass(frozen=True, slots=True)
class Usage:
    """Trials asked of those planned, and what it cost; what was not asked was saved.

    Of those asked, ``model_errors`` count as wrong; ``lost`` ones (infrastructure) and those that
    are ``unscored`` are missing. None: not counted.
    """

    planned: int
    asked: int
    cost_usd: float | None = None
    model_errors: int | None = None
    lost: int | None = None
    unscored: int | None = None

    @property
    def saved(self) -> int:
        """Planned trials that nobody had to ask."""
        return max(0, self.planned - self.asked)

    @property
    def saved_usd(self) -> float | None:
        """What they would have cost at the mean of those asked."""
        if self.cost_usd is None or not self.asked:
            return None
        return self.saved * self.cost_usd / self.asked


@dataclass(frozen=True, slots=True)
class Stream:
    """A night's place in the stream of a job's nights: its number, and the alarms before it.

    ``share`` is how many of all alarms may be false, ``level`` the chance of a false one tonight.
    """

    share: float
    night: int
    alarms: int
    level: float


@dataclass(frozen=True, slots=True)
class GateReport:
    """A gate's result with where it comes from.

    ``baseline`` names the bank and ``banked`` says what it is; ``void`` says why it no longer
    holds. ``previous`` is the verdict before, ``night`` what evidence over nights came to,
    ``cause`` what is known of where a change comes from, ``stream`` the place among all nights.
    """

    suite: str
    run_id: str
    run_path: str
    verdict: GateVerdict
    exit_code: int
    result: GateResult
    usage: Usage
    started_at: str
    baseline: str | None = None
    banked: str | None = None
    void: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tags: tuple[TagChange, ...] = ()
    cases: tuple[CaseChange, ...] = ()
    n_worse: int = 0
    flaky: tuple[Flakiness, ...] = ()
    previous: GateVerdict | None = None
    slot: str | None = None
    stopped_because: str | None = None
    night: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    stream: Stream | None = None

    @property
    def headline(self) -> str:
        """One line: ``REGRESSION gsm8k against @nightly: number …``."""
        words = {
            "pass": "PASS",
            "regression": "REGRESSION",
            "inconclusive": "INCONCLUSIVE",
            "unmeasured": "COULD NOT MEASURE",
        }
        against = f" against @{self.baseline}" if self.baseline else ""
        telling = [one for one in self.result.rules if one.outcome == self.verdict]
        first = f": {telling[0].name}: {telling[0].why}" if telling else ""
        if self.verdict == "unmeasured" and not telling and self.warnings:
            first = f": {self.warnings[-1]}"
        if self.void:
            first = f": the baseline is void: {self.void[0]}"
        return f"{words[self.verdict]} {self.suite}{against}{first}"
