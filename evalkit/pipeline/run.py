"""Run and resume are one road: a run folder, the trials it lacks, the loop, what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from evalkit.errors import EXIT_API, EXIT_INTERRUPTED, EXIT_OK
from evalkit.events import Listener, RunStarted
from evalkit.pipeline.caching import open_answers
from evalkit.pipeline.endpoints import (
    check_same_hosts,
    endpoint_hosts,
    find_keys,
    resolve_endpoints,
)
from evalkit.pipeline.judges.bench import judge_endpoints, judge_names
from evalkit.pipeline.judges.judging import Judged, judge_stored, spent_usd
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.live import Live
from evalkit.pipeline.remaining import finished_trials, remaining_trials
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.totals import count_totals
from evalkit.pipeline.watch import Watch
from evalkit.plan.matrix import PlannedVariant, plan_variants, price_of
from evalkit.scorers.registry import build_scorer
from evalkit.scorers.scorer import Scorer
from evalkit.store.held import read_held
from evalkit.store.lock import RunLock
from evalkit.store.manifest import Manifest, Status, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint

# What can be graded between two answers without anybody noticing.
_QUICK_SCORERS = (
    "ends_with",
    "exact",
    "excludes",
    "includes",
    "multiple_choice",
    "number",
    "starts_with",
    "yes_no",
)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended, counted from what is stored."""

    folder: RunFolder
    manifest: Manifest
    stopped: Reason | None
    exit_code: int


def execute_run(
    folder: RunFolder,
    env: Mapping[str, str],
    listen: Listener,
    *,
    retry_failed: bool = False,
    changes: Mapping[str, Any] | None = None,
    judges: bool = True,
    watch: Watch | None = None,
) -> RunOutcome:
    """Ask every trial that has no outcome yet, then the suite's ``judges``.

    ``changes`` are knobs that may differ from one session to the next: ``concurrency``,
    ``max_cost_usd`` and ``cache``. ``watch`` says in which order cases are asked, and may end the
    run early. Raises StoreError (locked, full, damaged), ConfigError (no key), and LocalModelError;
    everything else that ends a run early is in the outcome.
    """
    from evalkit.pipeline.session import Session, in_loop  # loads the HTTP client

    writer = RunWriter(folder)
    try:
        # Read once nobody else writes it: a run extended meanwhile would be set back.
        asked = _asked(folder, env, changes or {}, judges=judges)
        suite, manifest, variants = asked.suite, asked.manifest, asked.variants
        names = tuple(planned.variant.key for planned in variants)
        done = finished_trials(
            folder, manifest, variants, suite.samples, with_failed=not retry_failed
        )
        n_done = int(done.sum())
        listen(RunStarted(manifest.name, str(folder.path), manifest.planned, n_done))
        write_manifest(folder.path, replace(manifest, status="running"))
        order = watch.order() if watch else None
        trials = remaining_trials(folder, variants, suite.samples, done, order)
        ledger = Ledger(
            {model.name: price_of(model) for model in suite.models},
            suite.budget.max_cost_usd,
            spent_usd=spent_usd(folder),
            doubtful_usd=read_held(folder.path),
        )
        live = Live(
            planned=manifest.planned,
            done=n_done,
            variants=names,
            ledger=ledger,
            scorer=_running_scorer(suite),
            counts=dict(zip(names, done.sum(axis=(0, 2)).tolist(), strict=True)),
        )
        with open_answers(suite.cache, asked.endpoints, manifest.run_id, env) as cache:
            session = Session(
                suite, asked.endpoints, asked.keys, live, writer, listen, cache, watch=watch
            )
            stopped = in_loop(session.run(trials)) if n_done < manifest.planned else None
        writer.finish()
        manifest = _finished(folder, manifest, stopped)
        writer.close(manifest, is_complete=manifest.status == "complete")
    except BaseException:
        writer.abandon()
        raise
    outcome = RunOutcome(folder, manifest, stopped, _exit_code(manifest, suite, stopped))
    if not judges or manifest.status != "complete" or not judge_names(suite):
        return outcome
    lock = RunLock(folder.path / "lock")
    try:
        judged = judge_stored(folder, suite, env, listen, retry_failed=retry_failed)
    finally:
        lock.release()
    return _after(outcome, judged, suite)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run asks, where, and with which keys."""

    suite: Suite
    manifest: Manifest
    endpoints: Mapping[str, Endpoint]
    keys: Mapping[str, str | None]
    variants: Sequence[PlannedVariant]


def _asked(
    folder: RunFolder, env: Mapping[str, str], changes: Mapping[str, Any], *, judges: bool
) -> _Asked:
    suite, manifest = with_changes(stored_suite(folder), changes), folder.manifest()
    endpoints = resolve_endpoints(suite, env)
    check_same_hosts(manifest.endpoints, endpoint_hosts(endpoints), "start a new run")
    keys = find_keys(endpoints, env)
    if judges:
        find_keys(judge_endpoints(suite, env), env)
    return _Asked(suite, manifest, endpoints, keys, plan_variants(suite, endpoints, manifest.only))


def _after(outcome: RunOutcome, judged: Judged, suite: Suite) -> RunOutcome:
    """How a run ended whose answers were judged."""
    code = outcome.exit_code
    if judged.missing and judged.stopped:
        code = judged.stopped.exit_code
    elif judged.failed_share > suite.limits.max_failed_share:
        code = code or EXIT_API
    stopped = judged.stopped if judged.missing else None
    return RunOutcome(outcome.folder, outcome.folder.manifest(), stopped, code)


def with_changes(suite: Suite, changes: Mapping[str, Any]) -> Suite:
    """The suite with other knobs for this sitting: ``concurrency``, ``max_cost_usd``, ``cache``."""
    limits, budget, cache = suite.limits, suite.budget, suite.cache
    if changes.get("concurrency") is not None:
        limits = limits.model_copy(update={"concurrency": changes["concurrency"]})
    if changes.get("max_cost_usd") is not None:
        budget = budget.model_copy(update={"max_cost_usd": changes["max_cost_usd"]})
    if changes.get("cache") is not None:
        cache = cache.model_copy(update={"mode": changes["cache"]})
    return suite.model_copy(update={"limits": limits, "budget": budget, "cache": cache})


def _running_scorer(suite: Suite) -> Scorer | None:
    """The suite's first scorer, if it takes no time to speak of."""
    first = suite.scorers[0] if suite.scorers else None
    return build_scorer(first) if first and first.type in _QUICK_SCORERS else None


def _finished(folder: RunFolder, manifest: Manifest, stopped: Reason | None) -> Manifest:
    """The manifest as the run is left, with totals counted from the stored rows."""
    totals = count_totals(folder, manifest.planned)
    is_complete = totals["ok"] + totals["failed"] >= manifest.planned
    status: Status = "complete" if is_complete else "stopped"
    if not is_complete and stopped and stopped.exit_code == EXIT_INTERRUPTED:
        status = "interrupted"
    return replace(
        manifest,
        status=status,
        stopped_because=stopped.message if stopped and not is_complete else None,
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        totals=totals,
    )


def _exit_code(manifest: Manifest, suite: Suite, stopped: Reason | None) -> int:
    if stopped and manifest.status != "complete":
        return stopped.exit_code
    failed_share = manifest.totals["failed"] / max(manifest.planned, 1)
    return EXIT_API if failed_share > suite.limits.max_failed_share else EXIT_OK
