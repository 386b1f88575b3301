"""Several runs of one suite for a bank: fresh answers, resumable, under one cost cap."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.errors import EXIT_BUDGET
from evalkit.events import Listener
from evalkit.pipeline.continuing import compare_with_run
from evalkit.pipeline.estimate import estimate_suite
from evalkit.pipeline.judges.judging import charged_usd
from evalkit.pipeline.run import RunOutcome, execute_run
from evalkit.pipeline.start import start_run
from evalkit.pipeline.stop import Reason
from evalkit.store.jobs import read_job, write_job
from evalkit.store.runs import RunFolder, list_runs
from evalkit.suite.load import LoadedSuite

BANK = "bank"


def without_cache(loaded: LoadedSuite) -> LoadedSuite:
    """The suite with fresh answers only."""
    cache = loaded.suite.cache.model_copy(update={"mode": "off"})
    return replace(loaded, suite=loaded.suite.model_copy(update={"cache": cache}))


@dataclass(frozen=True, slots=True)
class Collection:
    """What is collected: ``repeat`` runs of a suite for the baseline ``name``."""

    loaded: LoadedSuite
    name: str
    repeat: int
    runs: Path
    env: Mapping[str, str]

    def expected_usd(self) -> float | None:
        """What all runs together are expected to cost."""
        one = estimate_suite(self.loaded, self.env, ()).expected_cost_usd
        return None if one is None else one * self.repeat


def collect_bank(plan: Collection, listen: Listener) -> tuple[list[RunFolder], RunOutcome | None]:
    """The finished runs, and the outcome of the one that ended early, if any did.

    Goes on with the runs of an earlier call that was interrupted, as long as the suite asks the
    same; they are taken until :func:`note_banked`. Raises what starting a run raises.
    """
    loaded = without_cache(plan.loaded)
    folders, collection = begun(plan, loaded)
    folders = folders[: plan.repeat]
    cap = loaded.suite.budget.max_cost_usd
    for number in range(plan.repeat):
        if number == len(folders):
            job = {"kind": BANK, "baseline": plan.name, "collection": collection}
            folders.append(start_run(loaded, plan.runs, plan.env, job=job))
        folder = folders[number]
        if folder.manifest().status == "complete":
            continue
        spent = sum(charged_usd(one) for one in folders if one is not folder)
        left = None if cap is None else cap - spent
        if left is not None and left <= 0:
            told = Reason(f"the cost cap is reached (${spent:.4f} spent)", EXIT_BUDGET)
            return _finished(folders), RunOutcome(folder, folder.manifest(), told, EXIT_BUDGET)
        outcome = execute_run(folder, plan.env, listen, changes={"max_cost_usd": left})
        if outcome.exit_code or outcome.manifest.status != "complete":
            return _finished(folders), outcome
    return folders, None


def note_banked(folders: Sequence[RunFolder]) -> None:
    """Say that a baseline has been made of these runs: the next collection begins anew."""
    for folder in folders:
        write_job(folder.path, {**(read_job(folder.path) or {}), "is_banked": True})


def _finished(folders: list[RunFolder]) -> list[RunFolder]:
    return [folder for folder in folders if folder.manifest().status == "complete"]


def begun(plan: Collection, loaded: LoadedSuite) -> tuple[list[RunFolder], str]:
    """The runs of a collection that was begun for this baseline and not yet banked, if any."""
    found: dict[str, list[RunFolder]] = {}
    banked = set()
    for folder in list_runs(plan.runs):
        job = read_job(folder.path) or {}
        is_of_suite = folder.path.parent.name == loaded.suite.name
        if is_of_suite and job.get("kind") == BANK and job.get("baseline") == plan.name:
            collection = str(job.get("collection"))
            found.setdefault(collection, []).append(folder)
            # One that says so speaks for all: noting it may have been cut short.
            if job.get("is_banked"):
                banked.add(collection)
    for collection, folders in reversed(found.items()):
        if collection in banked:
            continue
        if all(compare_with_run(one, loaded, plan.env, ()).is_same for one in folders):
            return folders, collection
    return [], secrets.token_hex(3)
