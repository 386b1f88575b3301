"""Judging is more trials through the loop; each judge has a store of its own in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from evalkit.errors import EXIT_INTERRUPTED, EvalkitError
from evalkit.events import Listener
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.judges.bench import build_benches, judging_suite
from evalkit.pipeline.judges.docket import Docket
from evalkit.pipeline.judges.estimate import question_bytes, question_load
from evalkit.pipeline.judges.sitting import Court, Sitting
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.totals import count_totals
from evalkit.plan.estimate import PlanEstimate, estimate_load
from evalkit.plan.matrix import plan_variants
from evalkit.store.held import read_held
from evalkit.store.judges import (
    judge_store,
    judge_stores,
    make_judge_store,
)
from evalkit.store.manifest import Status, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite


@dataclass(frozen=True, slots=True)
class Judged:
    """How judging ended: totals by judge, and why it stopped early if it did."""

    totals: Mapping[str, Mapping[str, Any]]
    stopped: Reason | None = None

    @property
    def missing(self) -> int:
        """Questions that are still to be asked."""
        return int(sum(one["open"] for one in self.totals.values()))

    @property
    def failed_share(self) -> float:
        """The share of its questions that the worst judge gave no verdict on."""
        shares = [
            (one["failed"] + one["unread"]) / max(one["questions"], 1)
            for one in self.totals.values()
        ]
        return float(max(shares, default=0.0))


def judge_run(
    folder: RunFolder,
    suite: Suite,
    env: Mapping[str, str],
    listen: Listener,
    *,
    retry_failed: bool = False,
) -> Judged:
    """Ask every judge of a suite what it has not been asked yet; the caller holds the run's lock.

    ``retry_failed`` also asks again where no verdict came. Raises ConfigError for a missing key,
    StoreError, TemplateError and UsageError for a rival that is not there; whatever else ends
    judging early is in the result, and what was said by then is kept.
    """
    court = _court(folder, suite, env, listen, retry_failed=retry_failed)
    totals: dict[str, Mapping[str, Any]] = {}
    stopped: Reason | None = None
    for docket in _dockets(folder, suite, env):
        name = docket.bench.name
        sitting = Sitting(court, docket, make_judge_store(folder, name))
        stopped = sitting.run(stopped)
        totals[name] = sitting.totals()
    return Judged(totals, stopped)


def pending(folder: RunFolder, suite: Suite, env: Mapping[str, str]) -> PlanEstimate:
    """What the judges of a run are still to be asked, failed questions too, and its price."""
    court = _court(folder, suite, env, lambda event: None, retry_failed=True)
    loads = []
    for docket in _dockets(folder, suite, env):
        lacking = Sitting(court, docket, judge_store(folder, docket.bench.name)).lacking()
        sizes: dict[str, list[int]] = {}
        for trial in lacking:
            sizes.setdefault(trial.variant.model, []).append(question_bytes(trial.request))
        loads += [
            question_load(docket.bench, seat, sizes[seat.spec.name])
            for seat in docket.bench.seats
            if seat.spec.name in sizes
        ]
    return PlanEstimate((), judges=tuple(estimate_load(load) for load in loads))


def _court(
    folder: RunFolder,
    suite: Suite,
    env: Mapping[str, str],
    listen: Listener,
    *,
    retry_failed: bool,
) -> Court:
    benches = build_benches(suite, env)
    seats = [seat for bench in benches for seat in bench.seats]
    ledger = Ledger(
        {seat.spec.name: seat.price for seat in seats},
        suite.budget.max_cost_usd,
        spent_usd=spent_usd(folder),
        doubtful_usd=read_held(folder.path),
    )
    endpoints = {seat.spec.name: seat.endpoint for seat in seats}
    asking = judging_suite(suite, benches)
    return Court(folder, asking, env, listen, ledger, endpoints, retry_failed)


def _dockets(folder: RunFolder, suite: Suite, env: Mapping[str, str]) -> Iterator[Docket]:
    variants = plan_variants(suite, resolve_endpoints(suite, env), folder.manifest().only)
    for bench in build_benches(suite, env):
        yield Docket(folder, bench, variants)


def judge_stored(
    folder: RunFolder,
    suite: Suite,
    env: Mapping[str, str],
    listen: Listener,
    *,
    retry_failed: bool = False,
) -> Judged:
    """As :func:`judge_run`, and the run's manifest tells of it: it is complete when they are done.

    The caller holds the run's lock, and the run has all its answers.
    """
    manifest = folder.manifest()
    write_manifest(folder.path, replace(manifest, status="running"))
    try:
        judged = judge_run(folder, suite, env, listen, retry_failed=retry_failed)
    except EvalkitError as error:
        told = replace(manifest, status="stopped", stopped_because=error.message)
        write_manifest(folder.path, told)
        raise
    status: Status = "complete"
    if judged.missing:
        is_interrupt = judged.stopped and judged.stopped.exit_code == EXIT_INTERRUPTED
        status = "interrupted" if is_interrupt else "stopped"
    write_manifest(
        folder.path,
        replace(
            manifest,
            status=status,
            stopped_because=judged.stopped.message if judged.stopped and judged.missing else None,
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
            judges={**manifest.judges, **judged.totals},
        ),
    )
    return judged


def charged_usd(folder: RunFolder) -> float:
    """What a run and its judges may have been charged at most: spent and in doubt."""
    return spent_usd(folder) + read_held(folder.path)


def spent_usd(folder: RunFolder) -> float:
    """What a run and its judges have cost so far, judges of earlier suites included."""
    stores = [RunFolder(path) for path in judge_stores(folder)]
    return sum(float(count_totals(one, 0)["cost_usd"] or 0) for one in (folder, *stores))
