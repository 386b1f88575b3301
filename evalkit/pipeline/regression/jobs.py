"""The runs that a suite's regression jobs have made: one at a time, one result a slot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from evalkit.analysis.verdicts import GateVerdict
from evalkit.errors import StoreError, UsageError
from evalkit.pipeline.regression.slots import Schedule
from evalkit.store.baselines import list_baselines, read_baseline
from evalkit.store.jobs import read_job, write_job
from evalkit.store.lock import RunLock, holder
from evalkit.store.runs import RunFolder, list_runs

REGRESS = "regress"
CANARIES = ".canary"
"""The folder of a suite's canaries, apart from its runs."""

Earlier = Sequence[tuple[RunFolder, Mapping[str, Any]]]
"""Runs of jobs with what their ``job.json`` says, oldest first."""


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """No second job of the suite at the same time; the lock dies with its process."""
    path = home / ".regress.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = RunLock(path)
    except OSError as error:
        raise StoreError(f"{home}: cannot be written: {error.strerror or error}") from error
    except StoreError as error:
        other = holder(path)
        if other is None:
            raise
        raise UsageError(
            f"a regression job of {home.name} is running already ({other})",
            "Nothing was sent. It has a lock of its own: let it finish.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def earlier_jobs(runs: Path, name: str) -> Earlier:
    """The runs that jobs of a suite have made, oldest first."""
    found = []
    for folder in list_runs(runs):
        if folder.path.parent.name == name:
            job = read_job(folder.path) or {}
            if job.get("kind") == REGRESS:
                found.append((folder, job))
    return found


def slot_of(schedule: Schedule, earlier: Earlier, now: datetime) -> tuple[str, int]:
    """The slot that a job belongs to now, and how many before it nothing ran in."""
    due = schedule.due(now)
    last = [_moment(one["slot"]) for _, one in earlier if one.get("slot")]
    known = [moment for moment in last if moment is not None and moment < due]
    missed = schedule.missed(max(known), due) if known else 0
    return due.isoformat(timespec="minutes"), missed


def _moment(slot: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(slot)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def of_slot(earlier: Earlier, slot: str | None) -> tuple[RunFolder, Mapping[str, Any]] | None:
    """The run of a slot, if there is one."""
    if slot is None:
        return None
    return next((one for one in reversed(earlier) if one[1].get("slot") == slot), None)


def previous_verdict(earlier: Earlier, folder: RunFolder) -> GateVerdict | None:
    """What was told last: by an earlier call of this job, else by the job before it."""
    own = [job["told"] for run, job in earlier if run.path == folder.path and "told" in job]
    others = [job["told"] for run, job in earlier if run.path != folder.path and "told" in job]
    told: list[GateVerdict] = own or others
    return told[-1] if told else None


def is_notified(folder: RunFolder) -> bool:
    """Whether everybody was told what a job came to."""
    return bool((read_job(folder.path) or {}).get("notified"))


def note_notified(folder: RunFolder) -> None:
    """Remember that everybody was told."""
    write_job(folder.path, {**(read_job(folder.path) or {}), "notified": True})


def thin_out(runs: Path, name: str, keep: int, banked: Collection[str] = ()) -> list[RunFolder]:
    """Delete the oldest runs of a suite's jobs but ``keep``; those that went.

    Of finished runs, of those that never were, and of canaries as many stay. Runs asked for by
    hand, those made for a bank, and those whose ids are ``banked`` are none of them.
    """
    jobs = [one for one in earlier_jobs(runs, name) if one[0].manifest().run_id not in banked]
    finished = [folder for folder, job in jobs if "verdict" in job]
    open_ = [folder for folder, job in jobs if "verdict" not in job]
    groups = (finished, open_, list_runs(runs / name / CANARIES))
    gone = [folder for group in groups for folder in group[:-keep]]
    for folder in gone:
        folder.remove()
    return gone


def banked_runs(baselines: Path) -> set[str]:
    """The ids of all runs that baselines were made of. Raises StoreError for a damaged one."""
    found = (read_baseline(baselines, name) for name in list_baselines(baselines))
    return {run.id for baseline in found for run in baseline.runs}
