"""A regression job: fresh answers, held to the gate, once for each slot of its schedule.

What a job has done stands in ``job.json`` of its run folder, so that the same command goes on after
a crash, gives the same result for the same slot, and knows the verdict before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evalkit.errors import (
    EXIT_INTERRUPTED,
    ConfigError,
    EvalkitError,
    Problem,
    UsageError,
)
from evalkit.events import Listener
from evalkit.pipeline.continuing import adopt_suite, compare_with_run
from evalkit.pipeline.history import note_run
from evalkit.pipeline.judges.judging import charged_usd, spent_usd
from evalkit.pipeline.regression.alarms import (
    as_told,
    at_its_level,
    is_alarm,
    next_in_stream,
    stream_of,
)
from evalkit.pipeline.regression.bank_checks import void_because
from evalkit.pipeline.regression.canary import CANARY, Moved, canary_suite, has_moved
from evalkit.pipeline.regression.collecting import without_cache
from evalkit.pipeline.regression.deadline import Deadline, Timed
from evalkit.pipeline.regression.early_stop import EarlyStop
from evalkit.pipeline.regression.gating import Prepared, conclude, gate_policy, prepare
from evalkit.pipeline.regression.jobs import (
    CANARIES,
    REGRESS,
    Earlier,
    alone,
    earlier_jobs,
    of_slot,
    previous_verdict,
    slot_of,
)
from evalkit.pipeline.regression.nightly import Tonight, identity, remembered, with_nights
from evalkit.pipeline.regression.slots import Schedule
from evalkit.pipeline.regression.weighing import weighed
from evalkit.pipeline.run import RunOutcome, execute_run
from evalkit.pipeline.start import discard_run, start_run, stored_suite
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.stored import load_run
from evalkit.policies import GatePolicy
from evalkit.report.gate import documents
from evalkit.report.gate_report import GateReport
from evalkit.store.baselines import Baseline
from evalkit.store.files import write_text
from evalkit.store.jobs import read_job, write_job
from evalkit.store.nights import read_nights, write_nights
from evalkit.store.runs import RunFolder, list_runs
from evalkit.suite.gate_schema import NightsSpec
from evalkit.suite.judge_schema import JUDGE
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import Suite

_OPEN_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done. ``slot`` names the occasion; without one every call is a new one.

    ``allowed`` changes do not void the baseline. ``stops_early``: no more is asked than the verdict
    needs.
    """

    loaded: LoadedSuite
    baseline: Baseline | None
    runs: Path
    baselines: Path
    env: Mapping[str, str]
    only: tuple[str, ...] = ()
    allowed: Collection[str] = ()
    slot: str | None = None
    schedule: Schedule | None = None
    timeout_s: float | None = None
    stops_early: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job; its pages lie in ``gate/`` of the run's folder.

    ``is_repeat``: its slot had a result already, nothing was sent, and there is no new ``report``;
    ``missed`` slots before it have none. Unless ``is_final``, the same command goes on with it.
    """

    folder: RunFolder
    exit_code: int
    report: GateReport | None = None
    slot: str | None = None
    is_repeat: bool = False
    missed: int = 0
    is_final: bool = True


class Unfinished(EvalkitError):
    """The job was interrupted before there was a verdict; the same command goes on with it."""

    def __init__(self, reason: Reason, folder: RunFolder) -> None:
        super().__init__(
            reason.message,
            f"{reason.hint + ' ' if reason.hint else ''}What was asked is kept: the same command "
            "goes on with it.",
        )
        self.exit_code = reason.exit_code
        self.folder = folder


def run_job(job: Job, listen: Listener, now: Callable[[], datetime]) -> Done:
    """Do the job, or say again what its slot came to.

    Raises UsageError for a second job at the same time, ConfigError for a void baseline, Unfinished
    where it ended without a verdict, and what starting a run raises.
    """
    loaded = without_cache(job.loaded)
    home = job.runs / loaded.suite.name
    with alone(home):
        earlier = earlier_jobs(job.runs, loaded.suite.name)
        slot, missed = job.slot, 0
        if slot is None and job.schedule is not None:
            slot, missed = slot_of(job.schedule, earlier, now())
        finished = of_slot(earlier, slot)
        if finished is not None and "verdict" in finished[1]:
            return Done(finished[0], finished[1]["exit_code"], slot=slot, is_repeat=True)
        policy = gate_policy(loaded.suite)
        _check_nights(loaded.suite)
        folder = _begun(job, loaded, earlier, slot, now())
        if folder is None:
            folder = _start(job, loaded, policy, {"slot": slot, **_place(loaded.suite, earlier)})
        policy = at_its_level(policy, folder)
        previous = previous_verdict(earlier_jobs(job.runs, loaded.suite.name), folder)
        moved, spent = _ask_canary(job, folder, listen)
        report, is_final = _with_verdict(job, folder, policy, listen, spent)
        report = replace(_with_canary(report, moved), previous=previous, slot=slot)
        report = replace(report, stream=stream_of(folder))
        _settle(folder, report, is_final=is_final)
        note_run(folder)
        return Done(folder, report.exit_code, report, slot=slot, missed=missed, is_final=is_final)


def _begun(
    job: Job,
    loaded: LoadedSuite,
    earlier: Earlier,
    slot: str | None,
    now: datetime,
) -> RunFolder | None:
    """The run that an earlier call of the same job began and did not finish, if it may go on."""
    for one, told in reversed(earlier):
        if "verdict" in told or told.get("slot") != slot:
            continue
        began = datetime.fromisoformat(one.manifest().started_at)
        if slot is None and now - began > _OPEN_FOR:
            continue
        # A gate is fixed before the first answer: under other rules it is another run.
        is_same_gate = stored_suite(one).gate == loaded.suite.gate
        if is_same_gate and compare_with_run(one, loaded, job.env, job.only).is_same:
            # Limits, retries and the cost cap may be others than when it began.
            adopt_suite(one, loaded, job.env, job.only, extend=False)
            begun: RunFolder = one
            return begun
    return None


def _start(job: Job, loaded: LoadedSuite, policy: GatePolicy, told: Mapping[str, Any]) -> RunFolder:
    """A new run, once it is sure that its gate can be answered; raises ConfigError if not.

    ``told`` is what stands in its ``job.json`` from the start.
    """
    name = job.baseline.name if job.baseline else None
    told = {"kind": REGRESS, "baseline": name, **told}
    folder = start_run(loaded, job.runs, job.env, job.only, job=told)
    try:
        prepared = prepare(folder, job.baseline, policy)
        _check_not_void(job, prepared)
    except BaseException:
        discard_run(folder)
        raise
    return folder


def _place(suite: Suite, earlier: Earlier) -> dict[str, Any]:
    """Tonight's level, fixed before the first answer, where a share of all alarms is held down."""
    share = suite.gate.false_alarms
    return {} if share is None else {"stream": as_told(next_in_stream(share, earlier))}


def _check_nights(suite: Suite) -> None:
    """A night has a part of the answers, and judges are asked about all. Raises UsageError."""
    judges = {spec.name for spec in suite.scorers if spec.type == JUDGE}
    found = [rule.scorer for rule in suite.gate.rules if rule.scorer in judges]
    if suite.gate.nights is not None and found:
        raise UsageError(
            f"gate.nights cannot go by what a judge says ({found[0]}): a night asks a part of the "
            "cases, and judges are asked when all are in",
            "Take nights out, or hold the job to another scorer.",
        )


def _check_not_void(job: Job, prepared: Prepared) -> None:
    reasons = void_because(job.baseline, prepared.run, job.allowed) if job.baseline else []
    if reasons and job.baseline:
        raise ConfigError(
            [Problem(f"baseline @{job.baseline.name} is void", reason) for reason in reasons],
            "Nothing was sent. Collect it anew: evalkit baseline collect "
            f"{job.baseline.name} SUITE; or, if a change of prompt or settings is just what you "
            "test, allow it: --allow prompt.",
        )


def _with_verdict(
    job: Job, folder: RunFolder, policy: GatePolicy, listen: Listener, spent: float
) -> tuple[GateReport, bool]:
    """Ask what is missing until the gate is decided; the verdict from what is stored.

    And whether that is the last word: what ended for want of money, time or a server may go on.
    """
    # Asked before and failed: a job that goes on tries that again.
    is_retry = "told" in (read_job(folder.path) or {})
    sitting = Sitting(job, folder, listen, Deadline(job.timeout_s), is_retry, spent)
    spec = job.loaded.suite.gate.nights
    if spec is not None and job.baseline is not None:
        return _night(sitting, job.baseline, policy, spec)
    watch = EarlyStop(
        prepare(folder, job.baseline, policy),
        models=_models(job),
        stops_when_decided=job.stops_early,
    )
    outcome = sitting.ask(watch)
    report = conclude(prepare(folder, job.baseline, policy), job.baseline, job.allowed)
    return weighed(report, outcome, job.loaded.suite)


@dataclass(frozen=True, slots=True)
class Sitting:
    """Asks what a watch wants of a job's run, within its time."""

    job: Job
    folder: RunFolder
    listen: Listener
    deadline: Deadline
    is_retry: bool = False
    spent_elsewhere_usd: float = 0.0

    def ask(self, watch: EarlyStop) -> RunOutcome:
        """Ask, and raise Unfinished if it was interrupted."""
        outcome = execute_run(
            self.folder,
            self.job.env,
            self.listen,
            watch=Timed(watch, self.deadline),
            retry_failed=self.is_retry,
            changes=_capped(self.job, self.spent_elsewhere_usd),
        )
        watch.raise_error()
        stopped = outcome.stopped
        if stopped and stopped.exit_code == EXIT_INTERRUPTED:
            raise Unfinished(stopped, self.folder)
        return outcome


def _night(
    sitting: Sitting, baseline: Baseline, policy: GatePolicy, spec: NightsSpec
) -> tuple[GateReport, bool]:
    """Tonight's cases, more while there is suspicion, and what all nights add up to."""
    job, folder = sitting.job, sitting.folder
    of = identity(baseline, job.loaded.suite.gate)
    before = remembered(folder, lambda: read_nights(job.baselines, baseline.name, of))
    tonight = Tonight(folder, baseline, policy, spec, before)
    cases = spec.rows
    while True:
        prepared = tonight.prepared()
        places = tonight.places(prepared, cases)
        watch = EarlyStop(prepared, places=places, models=_models(job), stops_when_decided=False)
        outcome = sitting.ask(watch)
        prepared = tonight.prepared()
        watched = tonight.watched(prepared)
        is_open = any(one.is_suspicious for one in watched) and cases < prepared.subjects.n_cases
        if outcome.stopped is not None or not is_open:
            break
        cases += spec.more
    after = tonight.after(prepared, watched, len(places))
    report = conclude(prepared, baseline, job.allowed)
    report, is_final = weighed(
        with_nights(report, prepared, watched, after), outcome, job.loaded.suite
    )
    if is_final and not report.void:
        write_nights(job.baselines, baseline.name, after)
    return report, is_final


def _capped(job: Job, spent: float) -> dict[str, float]:
    """What is left of the job's cost cap after so many dollars; one cap holds for all it asks."""
    cap = job.loaded.suite.budget.max_cost_usd
    return {} if cap is None else {"max_cost_usd": cap - spent}


def _ask_canary(job: Job, folder: RunFolder, listen: Listener) -> tuple[Moved | None, float]:
    """Where the suite has changed since the bank: a few cases as they were banked, and their cost.

    None where nothing has changed, the bank cannot be asked again, or no answer came. Canaries lie
    apart from the suite's runs, in ``.canary``.
    """
    size, baseline = job.loaded.suite.gate.canary, job.baseline
    if baseline is None or not baseline.spec or not size or not job.allowed:
        return None, 0.0
    if not void_because(baseline, load_run(folder)):
        return None, 0.0
    home, run_id = folder.path.parent / CANARIES, folder.manifest().run_id
    earlier = [(run, read_job(run.path) or {}) for run in list_runs(home)]
    own = [run for run, told in earlier if told.get("of") == run_id]
    if own:
        canary = own[-1]
    else:
        purpose = {"kind": CANARY, "of": run_id, "baseline": baseline.name}
        canary = start_run(canary_suite(job.loaded, baseline, size), home, job.env, job=purpose)
    outcome = execute_run(canary, job.env, listen, changes=_capped(job, charged_usd(folder)))
    if outcome.stopped and outcome.stopped.exit_code == EXIT_INTERRUPTED:
        raise Unfinished(outcome.stopped, canary)
    before = [told for run, told in earlier if run.path != canary.path and "mean" in told]
    moved = has_moved(canary, baseline, before)
    if moved is not None:
        told = {**(read_job(canary.path) or {}), "mean": moved.mean, "error": moved.error}
        write_job(canary.path, told)
    return moved, spent_usd(canary)


def _with_canary(report: GateReport, moved: Moved | None) -> GateReport:
    """What the canary says of the cause; that the provider drifts is a warning in any case."""
    if moved is None:
        return report
    warnings = (*report.warnings, moved.words) if moved.is_drift else report.warnings
    return replace(report, cause=f"{report.cause}; {moved.words}", warnings=warnings)


def _models(job: Job) -> dict[str, tuple[str, ...]]:
    if job.baseline is None or "model" in job.allowed:
        return {}
    return {key: one.models for key, one in job.baseline.variants.items()}


def _settle(folder: RunFolder, report: GateReport, *, is_final: bool) -> None:
    """Write down what is told; once it is final, the slot has its result."""
    job = {**(read_job(folder.path) or {}), "told": report.verdict, "exit_code": report.exit_code}
    job.pop("notified", None)
    if is_final:
        job |= {
            "verdict": report.verdict,
            "previous": report.previous,
            "is_alarm": is_alarm(report.result),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    for name, text in documents(report).items():
        write_text(folder.path / "gate" / name, text)
    write_job(folder.path, job)
