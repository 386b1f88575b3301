"""A run as it is lived: counts, rates, money, running scores, watched by a clock of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from evalkit.events import (
    Event,
    GateProgress,
    Listener,
    Snapshot,
    TrialFinished,
    VariantProgress,
)
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.pulse import Pulse
from evalkit.scorers.scorer import Scorer
from evalkit.stats.estimates import wilson
from evalkit.store.runs import RunFolder
from evalkit.store.status import read_control, write_status
from evalkit.types import Failure, Outcome, Response, TrialResult

if TYPE_CHECKING:
    from evalkit.client.throttled import Gate

_LOOK_S = 0.5
_RATE_WINDOW_S = 10.0
_Z_95 = 1.959964


@dataclass(slots=True)
class _Variant:
    done: int = 0
    cost_usd: float = 0.0
    costed: int = 0
    scored: int = 0
    total: float = 0.0


@dataclass(slots=True)
class _Moment:
    at_s: float
    done: int
    given_tokens: int
    answered_tokens: int


@dataclass(slots=True)
class Live:
    """What is known of a run right now. ``done`` and ``counts`` come from earlier sittings.

    ``scorer`` grades answers as they come, for the running score alone; what counts is graded
    from what is stored, at the end. ``on_turned`` hears that another process has changed how many
    may be in flight.
    """

    planned: int
    done: int
    variants: tuple[str, ...]
    ledger: Ledger
    scorer: Scorer | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    on_turned: Callable[[], None] | None = None
    _progress: dict[str, _Variant] = field(default_factory=dict)
    _failures: Counter[str] = field(default_factory=Counter)
    _given_tokens: int = 0
    _answered_tokens: int = 0
    _is_priced: bool = False
    _started_s: float = field(default_factory=time.monotonic)
    _moments: deque[_Moment] = field(default_factory=deque)
    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        for variant in self.variants:
            self._progress[variant] = _Variant(done=self.counts.get(variant, 0))

    def hear(self, event: Event) -> None:
        """Take an outcome in."""
        if isinstance(event, TrialFinished):
            self._count(event.result)

    def _count(self, result: TrialResult) -> None:
        self.done += 1
        outcome, variant = result.outcome, self._progress[result.trial.variant.key]
        variant.done += 1
        self._count_tokens(outcome)
        if result.cost_usd is not None:
            self._is_priced = True
            variant.cost_usd += result.cost_usd
            variant.costed += 1
        if isinstance(outcome, Failure):
            self._failures[outcome.kind] += 1
            return
        grade = self._grade(result, outcome)
        if grade is not None:
            variant.scored += 1
            variant.total += grade

    def _count_tokens(self, outcome: Outcome) -> None:
        """Those of all attempts, also of the ones that failed, where they are known."""
        usages = [attempt.usage for attempt in outcome.attempts]
        if not usages and isinstance(outcome, Response):
            usages = [outcome.usage]
        for usage in usages:
            if usage is not None:
                self._given_tokens += usage.total_input_tokens or 0
                self._answered_tokens += usage.output_tokens or 0

    def _grade(self, result: TrialResult, response: Response) -> float | None:
        if self.scorer is None or result.trial.case is None:
            return None
        try:
            return self.scorer.score(result.trial.case, response).value
        except Exception:  # noqa: BLE001 - told when the stored answer is scored; here it is a hint
            return None

    def snapshot(self) -> Snapshot:
        """The run at this moment."""
        now_s = time.monotonic()
        moment = _Moment(now_s, self.done, self._given_tokens, self._answered_tokens)
        self._moments.append(moment)
        while now_s - self._moments[0].at_s > _RATE_WINDOW_S:
            self._moments.popleft()
        first = self._moments[0]
        span_s = max(now_s - first.at_s, 1e-9)
        rate = (self.done - first.done) / span_s
        gates = tuple(_gate(name, gate) for name, gate in self.gates.items())
        each = self.planned // max(len(self.variants), 1)
        return Snapshot(
            elapsed_s=now_s - self._started_s,
            planned=self.planned,
            done=self.done,
            failed=sum(self._failures.values()),
            retries=self._retries(),
            failures=dict(self._failures),
            in_flight=sum(gate.in_flight for gate in gates),
            limit=sum(gate.concurrency for gate in gates),
            limited_by=next((gate.limited_by for gate in gates if gate.limited_by), None),
            requests_per_s=rate,
            input_tokens_per_s=(self._given_tokens - first.given_tokens) / span_s,
            output_tokens_per_s=(self._answered_tokens - first.answered_tokens) / span_s,
            eta_s=(self.planned - self.done) / rate if rate > 0 else None,
            spent_usd=self.ledger.spent_usd if self._is_priced else None,
            reserved_usd=self.ledger.reserved_usd,
            doubtful_usd=self.ledger.doubtful_usd,
            projected_usd=self._projected_usd(),
            max_cost_usd=self.ledger.max_cost_usd,
            variants=tuple(_shown(key, one, each) for key, one in self._progress.items()),
            gates=gates,
            is_paused=any(gate.is_paused for gate in gates),
            stall_s=self.pulse.stall_s,
            stall_cpu_s=self.pulse.stall_cpu_s,
            tasks=len(asyncio.all_tasks()),
        )

    def _retries(self) -> dict[str, int]:
        """Attempts that failed, less those after which a trial was given up."""
        errors: Counter[str] = Counter()
        for gate in self.gates.values():
            errors.update(gate.errors)
        return dict(errors - self._failures)

    def _projected_usd(self) -> float | None:
        """What the whole run will cost at each variant's mean so far."""
        if not self._is_priced or not self.variants:
            return None
        each = self.planned / len(self.variants)
        left = 0.0
        for progress in self._progress.values():
            if not progress.costed:
                return None
            left += max(0.0, each - progress.done) * progress.cost_usd / progress.costed
        return self.ledger.spent_usd + left

    async def watch(self, folder: RunFolder, listen: Listener) -> None:
        """Tell ``listen`` and other processes how the run is, and do what they ask; for ever."""
        asked = 0.0
        while True:
            await asyncio.sleep(_LOOK_S)
            asked = self._obey(await asyncio.to_thread(read_control, folder.path), asked)
            snapshot = self.snapshot()
            listen(snapshot)
            told = {"pid": os.getpid(), "at": time.time(), "heard": asked}
            status = {**told, **asdict(snapshot)}
            await asyncio.to_thread(write_status, folder.path, status)

    def _obey(self, control: Mapping[str, Any], seen: float) -> float:
        """Apply what was asked since; the moment of the asking."""
        at = float(control.get("at", 0.0))
        if at <= seen or at < time.time() - (time.monotonic() - self._started_s):
            return max(at, seen)  # heard already, or asked of an earlier sitting
        for gate in self.gates.values():
            gate.limiter.is_paused = bool(control.get("paused", gate.limiter.is_paused))
            if control.get("concurrency"):
                gate.limiter.concurrency.set(int(control["concurrency"]))
            gate.wake()
        if self.on_turned is not None:
            self.on_turned()
        return at


def _gate(name: str, gate: Gate) -> GateProgress:
    state = gate.limiter.state(gate.clock.now_s())
    return GateProgress(name=name, limited_by=gate.limited_by, **state)


def _shown(key: str, progress: _Variant, planned: int) -> VariantProgress:
    if not progress.scored:
        return VariantProgress(key, progress.done, planned)
    mean = progress.total / progress.scored
    low, high = wilson(mean, progress.scored, _Z_95)
    return VariantProgress(key, progress.done, planned, mean, low, high)
