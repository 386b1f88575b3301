"""Judging is more trials through the loop; each judge has a store of its own in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from evalkit.errors import EXIT_INTERRUPTED, EvalkitError
from evalkit.events import Listener, RunStarted
from evalkit.messages.request import request_digest
from evalkit.pipeline.caching import open_answers
from evalkit.pipeline.docket import Docket
from evalkit.pipeline.judges import REPAIR, build_benches, judging_suite
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.live import Live
from evalkit.pipeline.remaining import count_totals
from evalkit.pipeline.session import Session, in_loop
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.verdicts import read_question
from evalkit.pipeline.wiring import endpoint_hosts, find_keys, resolve_endpoints
from evalkit.plan.matrix import plan_variants
from evalkit.store.judges import Verdicts, judge_stores, key_digest, make_judge_store
from evalkit.store.manifest import Manifest, Status, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint, Trial


@dataclass(frozen=True, slots=True)
class Judged:
    """How judging ended: totals by judge, and why it stopped early if it did."""

    totals: Mapping[str, Mapping[str, Any]]
    stopped: Reason | None = None

    @property
    def missing(self) -> int:
        """Questions without an outcome."""
        return int(
            sum(one["questions"] - one["ok"] - one["failed"] for one in self.totals.values())
        )

    @property
    def failed_share(self) -> float:
        """The share of questions that no verdict came for."""
        asked = sum(one["questions"] for one in self.totals.values())
        return float(sum(one["failed"] for one in self.totals.values()) / max(asked, 1))


@dataclass(frozen=True, slots=True)
class Court:
    """What all judges of a run have in common while they are asked."""

    folder: RunFolder
    suite: Suite
    env: Mapping[str, str]
    listen: Listener
    ledger: Ledger
    endpoints: Mapping[str, Endpoint]
    retry_failed: bool = False
    keys: dict[str, str | None] = field(default_factory=dict)

    def find_keys(self) -> Mapping[str, str | None]:
        """The keys of the judges' models, looked for once something must be asked."""
        if not self.keys:
            self.keys.update(find_keys(self.endpoints, self.env))
        return self.keys


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
    benches = build_benches(suite, env)
    asking = judging_suite(suite, benches)
    seats = [seat for bench in benches for seat in bench.seats]
    ledger = Ledger(
        {seat.spec.name: seat.price for seat in seats},
        suite.budget.max_cost_usd,
        spent_usd=spent_usd(folder),
    )
    endpoints = {seat.spec.name: seat.endpoint for seat in seats}
    court = Court(folder, asking, env, listen, ledger, endpoints, retry_failed)
    variants = plan_variants(suite, resolve_endpoints(suite, env), folder.manifest().only)
    totals: dict[str, Mapping[str, Any]] = {}
    stopped: Reason | None = None
    for bench in benches:
        docket = Docket(folder, bench, variants)
        sitting = _Sitting(court, docket, make_judge_store(folder, bench.name))
        stopped = sitting.run(stopped)
        totals[bench.name] = sitting.totals()
    return Judged(totals, stopped)


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


def spent_usd(folder: RunFolder) -> float:
    """What a run and its judges have cost so far, judges of earlier suites included."""
    stores = [RunFolder(path) for path in judge_stores(folder)]
    return sum(float(count_totals(one, 0)["cost_usd"] or 0) for one in (folder, *stores))


class _Sitting:
    """One judge at work on one run."""

    def __init__(self, court: Court, docket: Docket, store: RunFolder) -> None:
        self._court = court
        self._docket = docket
        self._store = store
        self._wanted: set[bytes] = set()

    def run(self, stopped: Reason | None) -> Reason | None:
        """Ask what is missing, unless judging has ``stopped``; then only count. Why it ended."""
        writer = RunWriter(self._store)
        try:
            lacking = sum(1 for _ in self._lacking())
            if lacking and stopped is None:
                # Grades of fewer verdicts than there will be: they are made anew when read.
                (self._court.folder.scores_path / f"{self._docket.bench.name}.parquet").unlink(
                    missing_ok=True
                )
                stopped = self._ask(writer, self._lacking(), lacking)
            repairs = sum(1 for _ in self._repairs()) if stopped is None else 0
            if repairs:
                stopped = self._ask(writer, self._repairs(), repairs, repairs=True)
            writer.finish()
            totals = self.totals()
            is_complete = totals["ok"] + totals["failed"] >= totals["questions"]
            writer.close(self._manifest(totals, stopped), is_complete=is_complete)
        except BaseException:
            writer.abandon()
            raise
        return stopped

    def totals(self) -> dict[str, Any]:
        """What the manifest tells of this judge: questions by outcome, and their cost."""
        verdicts = Verdicts(self._store)
        statuses = [verdicts.status(key) for key in self._wanted]
        stored = count_totals(self._store, len(statuses))
        return {
            "questions": len(statuses),
            "ok": statuses.count("ok"),
            "failed": statuses.count("failed"),
            "cached": stored["cached"],
            "cost_usd": stored["cost_usd"],
        }

    def _lacking(self) -> Iterator[Trial]:
        """Questions without an outcome, each once; notes every question there is."""
        verdicts = Verdicts(self._store)
        seen: set[bytes] = set()
        for answer in self._docket.answers():
            if self._docket.settled(answer) is not None:
                continue
            for question in self._docket.questions(answer):
                digest = key_digest(question.trial.key)
                if digest in seen:
                    continue
                seen.add(digest)
                self._wanted.add(digest)
                if self._must_ask(verdicts.status(digest)):
                    yield question.trial

    def _must_ask(self, status: str | None) -> bool:
        return status is None or (status == "failed" and self._court.retry_failed)

    def _repairs(self) -> Iterator[Trial]:
        """Trials that ask once more for verdicts that could not be read."""
        verdicts = Verdicts(self._store)
        seen: set[str] = set()
        for answer in self._docket.answers():
            if self._docket.settled(answer) is not None:
                continue
            for question in self._docket.questions(answer):
                repair = read_question(question, self._docket, verdicts).repair
                if repair is not None and repair.key not in seen:
                    seen.add(repair.key)
                    yield repair

    def _ask(
        self, writer: RunWriter, trials: Iterator[Trial], count: int, *, repairs: bool = False
    ) -> Reason | None:
        court, bench = self._court, self._docket.bench
        suffixes = [f"{one}{REPAIR}" if repairs else one for one in bench.suffixes]
        keys = [seat.variant(bench.name, one).key for seat in bench.seats for one in suffixes]
        planned = count if repairs else len(self._wanted)
        done = planned - count
        name = f"{bench.name}{', once more' if repairs else ''}"
        court.listen(RunStarted(name, str(court.folder.path), planned, done))
        live = Live(planned=planned, done=done, variants=tuple(keys), ledger=court.ledger)
        run_id = court.folder.manifest().run_id
        with open_answers(court.suite.cache, court.endpoints, run_id, court.env) as cache:
            session = Session(
                court.suite,
                court.endpoints,
                court.find_keys(),
                live,
                writer,
                court.listen,
                cache,
                home=court.folder,
            )
            stopped = in_loop(session.run(trials))
        writer.seal()
        return stopped

    def _manifest(self, totals: Mapping[str, Any], stopped: Reason | None) -> Manifest:
        """The store's own, so that it is a whole folder to whoever reads it alone."""
        run, bench = self._court.folder.manifest(), self._docket.bench
        now = datetime.now(UTC).isoformat(timespec="seconds")
        is_complete = totals["ok"] + totals["failed"] >= totals["questions"]
        return replace(
            run,
            name=bench.name,
            suite={"judge": bench.spec.model_dump(mode="json")},
            digests={"judge": request_digest(bench.spec.model_dump(mode="json"))},
            endpoints=endpoint_hosts({seat.spec.name: seat.endpoint for seat in bench.seats}),
            planned=totals["questions"],
            only=(),
            ended_at=now,
            status="complete" if is_complete else "stopped",
            stopped_because=stopped.message if stopped and not is_complete else None,
            totals=totals,
            judges={},
        )
