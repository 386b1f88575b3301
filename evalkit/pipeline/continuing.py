"""A suite meets a run it began: the same, changed in what is asked, or only grown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from evalkit.errors import UsageError
from evalkit.messages.request import encode_request, request_digest
from evalkit.pipeline.endpoints import endpoint_hosts, resolve_endpoints
from evalkit.pipeline.importing import IMPORT
from evalkit.pipeline.start import check_suite, stored_suite, suite_cases, suite_digests
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.plan.trials import build_request
from evalkit.store.jobs import read_job
from evalkit.store.lock import RunLock, holder
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder, list_runs
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import Suite
from evalkit.tables import case_row, encode_row
from evalkit.types import Case

_COMPARED_CASES = 50
_TOLD = 12


@dataclass(frozen=True, slots=True)
class Changes:
    """How a suite differs from that of a run: what it asks otherwise, and what it adds."""

    changed: tuple[str, ...]
    added: tuple[str, ...]
    new_cases: tuple[Case, ...]

    @property
    def is_same(self) -> bool:
        """Whether exactly the same is asked."""
        return not self.changed and not self.added


def newest_run(runs: Path, name: str) -> RunFolder | None:
    """The newest run of a suite that nobody is writing now, of those asked for by hand.

    A regression job or a bank goes on with what it has begun by itself.
    """
    found = [run for run in list_runs(runs) if run.path.parent.name == name]
    ours = (run for run in reversed(found) if read_job(run.path) is None)
    return next((run for run in ours if holder(run.path / "lock") is None), None)


def compare_with_run(
    folder: RunFolder, loaded: LoadedSuite, env: Mapping[str, str], only: Sequence[str]
) -> Changes:
    """What a suite asks that the run did not, and the other way round.

    Scorers, limits, retries, budget, cache and report are free to change. Raises what checking the
    suite and reading its dataset raise.
    """
    check_suite(loaded)
    before, after = stored_suite(folder), loaded.suite
    old = _variants(before, env, folder.manifest().only)
    new = _variants(after, env, only)
    probe = list(islice(folder.cases(), _COMPARED_CASES))
    changed = [f"prompt '{name}' has changed" for name in _changed_prompts(before, after)]
    changed += [f"variant {key} is gone" for key in old if key not in new]
    changed += [
        f"variant {key} sends another request"
        for key in old
        if key in new and _digests(old[key], probe) != _digests(new[key], probe)
    ]
    added = [f"variant {key}" for key in new if key not in old]
    if after.samples < before.samples:
        changed.append(f"samples: {before.samples} are now {after.samples}")
    elif after.samples > before.samples:
        added.append(f"samples: {before.samples} are now {after.samples}")
    gone, other, fresh = _compare_cases(folder, after)
    changed += [f"case '{name}' is gone" for name in gone]
    changed += [f"case '{name}' has changed" for name in other]
    added += [f"case '{case.id}'" for case in fresh]
    return Changes(tuple(changed), tuple(added), tuple(fresh))


def refuse_import(folder: RunFolder) -> None:
    """Raise UsageError for a run of answers made elsewhere: going on with it would cost money."""
    job = read_job(folder.path) or {}
    if job.get("kind") != IMPORT:
        return
    raise UsageError(
        f"{folder.path} holds the answers of {job.get('file', 'a file')}: nothing was sent for it, "
        "and going on would ask models for what that file does not have",
        "Import the file again if it has grown; evalkit compare and score take the run as it is. "
        "To ask for the missing answers, and pay for them: --ask-missing.",
    )


def adopt_suite(
    folder: RunFolder,
    loaded: LoadedSuite,
    env: Mapping[str, str],
    only: Sequence[str],
    *,
    extend: bool,
) -> None:
    """Let a run go on with a suite as it is now.

    ``extend`` allows it to ask more than before. Raises UsageError saying what has changed, when
    it asks anything otherwise.
    """
    changes = compare_with_run(folder, loaded, env, only)
    if changes.changed:
        raise UsageError(
            f"{folder.path} asked something else:\n" + _listed(changes.changed),
            "Go on as it was with evalkit resume RUN, or start a new run.",
        )
    if changes.added and not extend:
        raise UsageError(
            f"{folder.path} did not ask all of this; new are:\n" + _listed(changes.added),
            "Take it into that run with --extend, or start a new run.",
        )
    lock = RunLock(folder.path / "lock")
    try:
        _write(folder, loaded, env, only, changes)
    finally:
        lock.release()


def _write(
    folder: RunFolder,
    loaded: LoadedSuite,
    env: Mapping[str, str],
    only: Sequence[str],
    changes: Changes,
) -> None:
    """Cases, then suite, then manifest: only the last makes the first two count."""
    suite, manifest = loaded.suite, folder.manifest()
    digests = {**suite_digests(suite), "dataset": manifest.digests["dataset"]}
    n_cases = manifest.n_cases
    if changes.new_cases:
        n_cases, digests["dataset"] = folder.replace_cases(_all_cases(folder, changes, n_cases))
    folder.write_suite(loaded.text)
    hosts = endpoint_hosts(resolve_endpoints(suite, env))
    write_manifest(
        folder.path,
        replace(
            manifest,
            suite=suite.model_dump(mode="json"),
            digests=digests,
            n_cases=n_cases,
            planned=len(_variants(suite, env, only)) * suite.samples * n_cases,
            only=tuple(only),
            endpoints={**hosts, **manifest.endpoints},
            status="interrupted" if changes.added else manifest.status,
        ),
    )


def _all_cases(folder: RunFolder, changes: Changes, n_cases: int) -> Iterator[Case]:
    yield from islice(folder.cases(), n_cases)
    yield from changes.new_cases


def _variants(
    suite: Suite, env: Mapping[str, str], only: Sequence[str]
) -> dict[str, PlannedVariant]:
    planned = plan_variants(suite, resolve_endpoints(suite, env), only)
    return {item.variant.key: item for item in planned}


def _changed_prompts(before: Suite, after: Suite) -> list[str]:
    both = [name for name in before.prompts if name in after.prompts]
    return [name for name in both if before.prompts[name] != after.prompts[name]]


def _digests(planned: PlannedVariant, cases: Sequence[Case]) -> list[str]:
    requests = (build_request(planned, planned.prompt.render(case)) for case in cases)
    return [request_digest(encode_request(request, planned.endpoint)) for request in requests]


def _compare_cases(folder: RunFolder, suite: Suite) -> tuple[list[str], list[str], list[Case]]:
    """Ids of cases that are gone and of those that have changed, and the cases that are new."""
    known = {
        case.id: _fingerprint(case) for case in islice(folder.cases(), folder.manifest().n_cases)
    }
    changed, fresh = [], []
    for case in suite_cases(suite):
        print_before = known.pop(case.id, None)
        if print_before is None:
            fresh.append(case)
        elif print_before != _fingerprint(case):
            changed.append(case.id)
    return list(known), changed, fresh


def _fingerprint(case: Case) -> bytes:
    return hashlib.blake2b(encode_row(case_row(case)), digest_size=16).digest()


def _listed(items: Sequence[str]) -> str:
    more = [f"… and {len(items) - _TOLD:,} more"] if len(items) > _TOLD else []
    return "\n".join(f"  {item}" for item in [*items[:_TOLD], *more])
