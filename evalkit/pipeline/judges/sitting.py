"""One judge at work on one run: its questions, their repairs, its store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from evalkit.events import Listener, RunStarted
from evalkit.messages.request import request_digest
from evalkit.pipeline.caching import open_answers
from evalkit.pipeline.endpoints import check_same_hosts, endpoint_hosts, find_keys
from evalkit.pipeline.judges.bench import REPAIR
from evalkit.pipeline.judges.docket import Docket
from evalkit.pipeline.judges.verdicts import read_question
from evalkit.pipeline.ledger import Ledger
from evalkit.pipeline.live import Live
from evalkit.pipeline.stop import Reason
from evalkit.pipeline.totals import count_totals
from evalkit.scorers.judge import Judge
from evalkit.store.judges import Verdicts, key_digest
from evalkit.store.manifest import MANIFEST, Manifest, write_manifest
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.suite.schema import Suite
from evalkit.types import Case, Endpoint, Response, Score, Trial


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


@dataclass(frozen=True, slots=True)
class _Grade:
    """A judge's verdicts as grades, for the running mean alone."""

    judge: Judge
    needs_target: bool = False

    @property
    def name(self) -> str:
        """See Scorer."""
        return self.judge.name

    def score(self, case: Case, response: Response) -> Score:
        """The grade in a verdict."""
        return Score(self.name, self.judge.reading(response).value)


class Sitting:
    """One judge at work on one run."""

    def __init__(self, court: Court, docket: Docket, store: RunFolder) -> None:
        self._court = court
        self._docket = docket
        self._store = store
        self._wanted: set[bytes] = set()
        self._to_repair = self._unread = 0
        is_there = (store.path / MANIFEST).exists()
        self._hosts = dict(store.manifest().endpoints) if is_there else {}

    def run(self, stopped: Reason | None) -> Reason | None:
        """Ask what is missing, unless judging has ``stopped``; then only count. Why it ended."""
        writer = RunWriter(self._store)
        try:
            lacking, repairs = self._survey()
            if lacking and stopped is None:
                # Grades of fewer verdicts than there will be: they are made anew when read.
                (self._court.folder.scores_path / f"{self._docket.bench.name}.parquet").unlink(
                    missing_ok=True
                )
                stopped = self._ask(writer, self.lacking(), lacking)
                repairs = self._survey()[1]
            if repairs and stopped is None:
                stopped = self._ask(writer, self._repairs(), repairs, repairs=True)
                repairs = self._survey()[1]
            self._to_repair = repairs
            writer.finish()
            totals = self.totals()
            writer.close(self._manifest(totals, stopped), is_complete=not totals["open"])
        except BaseException:
            writer.abandon()
            raise
        return stopped

    def totals(self) -> dict[str, Any]:
        """What the manifest tells of this judge: questions by outcome, and their cost.

        ``ok`` were answered, ``unread`` of those in a way that is no verdict; ``open`` are still to
        be asked, ``to_repair`` of them once more.
        """
        verdicts = Verdicts(self._store)
        statuses = [verdicts.status(key) for key in self._wanted]
        stored = count_totals(self._store, len(statuses))
        return {
            "questions": len(statuses),
            "ok": statuses.count("ok"),
            "unread": self._unread,
            "failed": statuses.count("failed"),
            "failures": dict(Counter(filter(None, map(verdicts.error_kind, self._wanted)))),
            "to_repair": self._to_repair,
            "open": statuses.count(None) + self._to_repair,
            "cached": stored["cached"],
            "cost_usd": stored["cost_usd"],
        }

    def lacking(self) -> Iterator[Trial]:
        """Questions that must be asked, each once."""
        return (trial for is_repair, trial in self._open() if not is_repair)

    def _repairs(self) -> Iterator[Trial]:
        """Trials that ask once more for verdicts that could not be read."""
        return (trial for is_repair, trial in self._open() if is_repair)

    def _survey(self) -> tuple[int, int]:
        """How many questions must be asked, and how many of those asked once more."""
        counts = Counter(is_repair for is_repair, _ in self._open())
        return counts[False], counts[True]

    def _open(self) -> Iterator[tuple[bool, Trial]]:
        """Whatever is to be asked, and whether it is a repair; notes every question there is.

        Counts the answers that are no verdict and are not asked about once more.
        """
        verdicts = Verdicts(self._store)
        self._unread = 0
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
                status = verdicts.status(digest)
                if self._must_ask(status):
                    yield False, question.trial
                elif status == "ok":
                    read = read_question(question, self._docket, verdicts)
                    if read.repair is not None and self._must_ask(read.repair_status):
                        yield True, read.repair
                    elif read.reading.value is None:
                        self._unread += 1

    def _must_ask(self, status: str | None) -> bool:
        return status is None or (status == "failed" and self._court.retry_failed)

    def _ask(
        self, writer: RunWriter, trials: Iterator[Trial], count: int, *, repairs: bool = False
    ) -> Reason | None:
        from evalkit.pipeline.session import Session, in_loop  # loads the HTTP client

        court, bench = self._court, self._docket.bench
        suffixes = [f"{one}{REPAIR}" if repairs else one for one in bench.suffixes]
        keys = [seat.variant(bench.name, one).key for seat in bench.seats for one in suffixes]
        planned = count if repairs else len(self._wanted)
        done = planned - count
        name = f"{bench.name}{', once more' if repairs else ''}"
        court.listen(RunStarted(name, str(court.folder.path), planned, done))
        live = Live(
            planned=planned,
            done=done,
            variants=tuple(keys),
            ledger=court.ledger,
            scorer=None if bench.judge.is_pairwise else _Grade(bench.judge),
        )
        self._begin()
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

    def _begin(self) -> None:
        """Note where the judge is asked; raises UsageError if it was asked elsewhere before."""
        now = endpoint_hosts({seat.spec.name: seat.endpoint for seat in self._docket.bench.seats})
        check_same_hosts(self._hosts, now, "name the judge's model anew")
        self._hosts |= now
        manifest = self._manifest(self.totals(), None)
        write_manifest(self._store.path, replace(manifest, status="running"))

    def _manifest(self, totals: Mapping[str, Any], stopped: Reason | None) -> Manifest:
        """The store's own, so that it is a whole folder to whoever reads it alone."""
        run, bench = self._court.folder.manifest(), self._docket.bench
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(
            run,
            name=bench.name,
            suite={"judge": bench.spec.model_dump(mode="json")},
            digests={"judge": request_digest(bench.spec.model_dump(mode="json"))},
            endpoints=self._hosts,
            planned=totals["questions"],
            only=(),
            ended_at=now,
            status="stopped" if totals["open"] else "complete",
            stopped_because=stopped.message if stopped and totals["open"] else None,
            totals=totals,
            judges={},
        )
