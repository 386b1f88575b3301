"""A night of a job whose evidence adds up: a part of the cases, more while there is suspicion."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from evalkit.analysis.gate import GateResult
from evalkit.analysis.gate_plan import shuffled_units
from evalkit.analysis.nights import (
    Watched,
    drift_of,
    is_about_loss,
    key_of,
    night_result,
    watch_nights,
)
from evalkit.analysis.trials import Trials
from evalkit.analysis.verdicts import verdict_of
from evalkit.messages.request import request_digest
from evalkit.pipeline.regression.gating import Prepared, exit_code, prepare
from evalkit.policies import GatePolicy
from evalkit.report.gate_report import GateReport
from evalkit.stats.arrays import IntArray
from evalkit.store.baselines import Baseline
from evalkit.store.jobs import read_job, write_job
from evalkit.store.nights import Night, Nights
from evalkit.store.runs import RunFolder
from evalkit.suite.gate_schema import GateSpec, NightsSpec


@dataclass(frozen=True, slots=True, eq=False)
class Tonight:
    """One night: the evidence it began with, and which cases are its."""

    folder: RunFolder
    baseline: Baseline
    policy: GatePolicy
    spec: NightsSpec
    before: Nights

    def prepared(self) -> Prepared:
        """The run with its tests, in the order of tonight's deck."""
        return prepare(self.folder, self.baseline, self.policy, units=self._deck)

    def _deck(self, trials: Trials) -> tuple[IntArray, ...]:
        """All units: first those not yet dealt in this round, then the others."""
        seed = zlib.crc32(f"{self.before.of}:{self.before.cycle}".encode())
        units = shuffled_units(trials.cases.ids, trials.cases.clusters, seed)
        place = self.before.place
        return (*units[place:], *units[:place])

    def watched(self, prepared: Prepared) -> list[Watched]:
        """The evidence with what is stored of tonight."""
        return watch_nights(
            prepared.trials,
            prepared.tests,
            self.before.w,
            samples=prepared.subjects.samples,
            alarm=self.spec.alarm,
            tolerance=self.spec.tolerance,
        )

    def places(self, prepared: Prepared, cases: int) -> IntArray:
        """The first units of the deck that hold so many cases."""
        return np.concatenate(prepared.subjects.units[: _units_for(prepared, cases)])

    def after(self, prepared: Prepared, watched: list[Watched], cases: int) -> Nights:
        """The evidence that the next night begins with; an alarm begins anew."""
        w = {one.key: 1.0 if one.is_alarm else one.after for one in watched if one.is_measured}
        n_units = len(prepared.subjects.units)
        dealt = self._dealt(prepared)
        cycle, place = self.before.cycle, self.before.place + dealt
        if n_units - place < dealt:  # not enough left for another night
            cycle, place = cycle + 1, 0
        night = Night(
            run=prepared.run.manifest.run_id,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            cases=cases,
            means={
                one.key: (one.tonight.mean, one.tonight.error)
                for one in watched
                if one.tonight.mean is not None and one.tonight.error is not None
            },
        )
        return replace(
            self.before,
            w={**self.before.w, **w},
            cycle=cycle,
            place=place,
            count=self.before.count + 1,
            nights=(*self.before.nights, night),
        )

    def _dealt(self, prepared: Prepared) -> int:
        """How many units a night takes off the deck; those asked on suspicion stay in it."""
        return _units_for(prepared, self.spec.rows)


def _units_for(prepared: Prepared, cases: int) -> int:
    """The fewest units of the deck, from its top, that hold so many cases."""
    sizes = np.cumsum([len(unit) for unit in prepared.subjects.units])
    return int(np.searchsorted(sizes, min(cases, int(sizes[-1])))) + 1


def identity(baseline: Baseline, gate: GateSpec) -> str:
    """What evidence belongs to: this bank and these rules."""
    told = gate.model_dump(mode="json", include={"rules", "variants", "nights"})
    return request_digest({"baseline": baseline.created_at, "name": baseline.name, "gate": told})


def remembered(folder: RunFolder, read: Callable[[], Nights]) -> Nights:
    """The evidence a night began with, noted in its job so that going on adds nothing twice."""
    job = read_job(folder.path) or {}
    noted: Mapping[str, Any] | None = job.get("before")
    nights = read()
    if noted is not None:
        return replace(
            nights,
            w=noted["w"],
            cycle=noted["cycle"],
            place=noted["place"],
            count=noted["count"],
            nights=tuple(one for one in nights.nights if one.run != folder.manifest().run_id),
        )
    told = {name: getattr(nights, name) for name in ("w", "cycle", "place", "count")}
    write_job(folder.path, {**job, "before": told})
    return nights


def with_nights(
    report: GateReport, prepared: Prepared, watched: list[Watched], after: Nights
) -> GateReport:
    """The report with the evidence of nights in place of tonight's proofs."""
    by_key = {one.key: one for one in watched}
    rules = []
    for test, one in zip(prepared.tests, report.result.rules, strict=True):
        if is_about_loss(test):
            rules.append(
                night_result(by_key[key_of(test.question, one.variant)], one.variant, after.count)
            )
        elif one.bound == "min" and one.outcome == "inconclusive":
            rules.append(replace(one, outcome="pass", decides=None, why=f"{one.why}: no alarm"))
        else:
            rules.append(one)
    verdict = "unmeasured" if report.void else verdict_of(tuple(rules))
    result: GateResult = replace(
        report.result, verdict=verdict_of(tuple(rules)), rules=tuple(rules), decided_at=None
    )
    return replace(
        report,
        result=result,
        verdict=verdict,
        exit_code=report.exit_code if report.void else exit_code(verdict, prepared.policy),
        night=_told(watched, after),
    )


def _told(watched: list[Watched], after: Nights) -> dict[str, Any]:
    worst = max(watched, key=lambda one: one.after / one.alarm)
    drift = drift_of([one.means[worst.key] for one in after.nights if worst.key in one.means])
    error = worst.tonight.error
    return {
        "w": worst.after,
        "alarm": worst.alarm,
        "nights": after.count,
        "rows": after.nights[-1].cases,
        "is_alarm": any(one.is_alarm for one in watched),
        "mean": worst.tonight.mean,
        "error": error if error is None or drift is None else drift.widened(error),
        "drift_p": drift.p if drift else None,
        "between_nights": drift.between if drift else None,
        "is_drifting": drift is not None and drift.is_there,
    }
