"""From a suite to a run folder: everything checked and written down, nothing sent."""

from __future__ import annotations

import platform
import re
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit import __version__
from evalkit.errors import ConfigError, DatasetError, Problem, StoreError
from evalkit.messages.capabilities import Capabilities
from evalkit.messages.pricing import PRICES_AS_OF
from evalkit.messages.request import request_digest
from evalkit.pipeline.discovery import discover
from evalkit.pipeline.endpoints import (
    check_local_model,
    endpoint_hosts,
    find_keys,
    resolve_endpoints,
)
from evalkit.pipeline.grades import LabelCheck
from evalkit.pipeline.judges.bench import build_benches, check_rivals, judge_endpoints
from evalkit.pipeline.judges.docket import check_question
from evalkit.pipeline.judges.estimate import with_judges
from evalkit.pipeline.judges.problems import judge_problems
from evalkit.pipeline.judges.rivals import pinned
from evalkit.plan.cases import CaseMaker, plan_cases
from evalkit.plan.checking import CaseCheck
from evalkit.plan.estimate import PlanEstimate, estimate_plan
from evalkit.plan.gating import TagCheck
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.plan.probe import Probe
from evalkit.plan.problems import plan_problems
from evalkit.plan.selection import Selection, no_rows
from evalkit.scorers.registry import build_scorer, scorer_problems
from evalkit.store.making import create_run
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.dataset import read_rows
from evalkit.suite.judge_schema import JUDGE, judge_of
from evalkit.suite.load import LoadedSuite, read_suite
from evalkit.suite.row_faults import RowFaults
from evalkit.suite.rows_schema import DatasetSpec
from evalkit.suite.schema import Suite
from evalkit.types import Case

# Prompts of so many cases are rendered before anything is sent, to find the row that breaks one.
CHECKED_CASES = 20_000


def open_suite(
    path: Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> LoadedSuite:
    """Read a suite file; where parts of it are at fault, the others are checked, too.

    Raises ConfigError with every problem found, in the order of the file; UsageError for an
    override that is not ``path=value``.
    """
    draft = read_suite(path, overrides, env)
    if draft.loaded is not None and not draft.problems:
        return draft.loaded
    problems = set(draft.problems)
    if draft.loaded is not None:
        problems |= set(_problems(draft.loaded, None, is_whole=False)[0])
    raise ConfigError(_in_order(problems), f"Nothing was sent. Mend {path} and run again.")


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda one: (_place(one.where), one.where, one.message))


def _place(where: str) -> tuple[str, int]:
    """The file and line of ``file:line: path``, to put problems in order."""
    found = re.match(r"(.*?):(\d+)(?::|$)", where)
    return (found[1], int(found[2])) if found else (where, 0)


def check_suite(loaded: LoadedSuite, discovered: Mapping[str, Capabilities] | None = None) -> None:
    """Refuse what cannot work before anything is sent or written.

    Raises ConfigError with every problem found, DatasetError if the dataset cannot be read and
    nothing else is wrong.
    """
    problems, unreadable = _problems(loaded, discovered)
    if unreadable is not None and len(problems) == 1:
        if _place(unreadable.message)[1]:
            raise unreadable  # it says itself which line of which file
        raise ConfigError(problems, unreadable.hint)
    if problems:
        raise ConfigError(_in_order(problems), "Nothing was sent.")


def _problems(
    loaded: LoadedSuite,
    discovered: Mapping[str, Capabilities] | None = None,
    *,
    is_whole: bool = True,
) -> tuple[list[Problem], DatasetError | None]:
    """What is wrong, the dataset first where it cannot be read at all."""
    columns, unreadable, problems = None, None, []
    dataset = loaded.suite.dataset
    try:
        # A path with a variable that is not set has been told of.
        if is_whole or "${" not in dataset.path:
            columns = _columns(dataset)
    except DatasetError as error:
        unreadable = error
        problems = [Problem(loaded.source.where(("dataset", "path")), error.message)]
    problems += plan_problems(loaded, columns, discovered, is_whole=is_whole)
    problems += scorer_problems(loaded)
    if is_whole:
        problems += judge_problems(loaded, columns)
    return problems, unreadable


def _columns(dataset: DatasetSpec) -> frozenset[str]:
    """The columns of the first row that can be read; raises DatasetError where there is none.

    Rows at fault before it are told when all of them are read.
    """
    faults = RowFaults()
    first = next(read_rows(dataset, faults), None)
    if first is None:
        faults.settle()
        raise no_rows(dataset)
    return frozenset(first.values)


def start_run(
    loaded: LoadedSuite,
    runs: Path,
    env: Mapping[str, str],
    only: Sequence[str] = (),
    *,
    judges: bool = True,
    job: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Make the folder of a new run: suite, cases, manifest. Nothing is sent.

    ``job`` says what it is for, unless it was asked for by hand.

    Raises what :func:`check_suite` raises, ConfigError for a missing key, LocalModelError,
    UsageError for ``only`` that matches nothing, StoreError. Without ``judges``, their keys are
    not looked for.
    """
    suite = loaded.suite
    check_suite(loaded)
    endpoints = resolve_endpoints(suite, env)
    variants = plan_variants(suite, endpoints, only)
    keys = find_keys(endpoints, env)
    check_local_model(endpoints)
    if judges:
        check_rivals(suite, [planned.variant.key for planned in variants])
        seats = judge_endpoints(suite, env)
        find_keys(seats, env)
        check_local_model(seats)
    check_suite(loaded, discover(suite, endpoints, keys))
    path, manifest = blank_run(loaded, runs, endpoint_hosts(endpoints), variants, only)
    manifest = with_rivals(manifest, loaded.suite, runs, env)
    return create_run(path, manifest, loaded.text, checked_cases(loaded, variants), job)


def with_rivals(manifest: Manifest, suite: Suite, runs: Path, env: Mapping[str, str]) -> Manifest:
    """The manifest with the stored runs that judges compare with named for good."""
    return replace(manifest, suite=pinned(suite, runs, env).model_dump(mode="json"))


def blank_run(
    loaded: LoadedSuite,
    runs: Path,
    hosts: Mapping[str, str],
    variants: Sequence[PlannedVariant],
    only: Sequence[str],
) -> tuple[Path, Manifest]:
    """Where a new run of these variants is to lie, and its manifest before its cases are known."""
    suite = loaded.suite
    now = datetime.now(UTC)
    run_id = secrets.token_hex(3)
    manifest = Manifest(
        run_id=run_id,
        name=suite.name,
        suite=suite.model_dump(mode="json"),
        digests=suite_digests(suite),
        versions={
            "evalkit": __version__,
            "python": platform.python_version(),
            "prices": PRICES_AS_OF,
        },
        endpoints=hosts,
        planned=len(variants) * suite.samples,
        n_cases=0,
        started_at=now.isoformat(timespec="seconds"),
        only=tuple(only),
        git_commit=_git_commit(Path(loaded.source.path).parent),
    )
    return runs / suite.name / f"{now:%Y%m%dT%H%M%SZ}-{run_id}", manifest


def suite_cases(suite: Suite) -> Iterator[Case]:
    """The cases of a suite as its dataset has them now; raises DatasetError."""
    return plan_cases(read_rows(suite.dataset), suite.dataset, target_for(suite))


def target_for(suite: Suite) -> str | None:
    """The first scorer that grades nothing without a target, by its name."""
    for spec in suite.scorers:
        if spec.type == JUDGE:
            if judge_of(spec).reference is True:
                return spec.name
            continue
        try:
            scorer = build_scorer(spec)
        except ValueError:
            continue  # check_suite has told of it, or it grades in a way of its own
        if scorer.needs_target:
            return scorer.name
    return None


def case_check(
    loaded: LoadedSuite, variants: Sequence[PlannedVariant], faults: RowFaults
) -> CaseCheck:
    """What makes the cases of a suite, and renders its prompts and its judges' questions."""
    suite = loaded.suite
    prompts = {planned.variant.prompt: planned.prompt for planned in variants}
    renderers: list[Callable[[Case], object]] = [prompt.render for prompt in prompts.values()]
    renderers += [partial(check_question, bench, variants[0]) for bench in build_benches(suite, {})]
    return CaseCheck(CaseMaker(suite.dataset, target_for(suite)), renderers, faults)


def checked_cases(loaded: LoadedSuite, variants: Sequence[PlannedVariant]) -> Iterator[Case]:
    """The cases, each once prompts and judges' questions render for it (the first thousands)."""
    dataset = loaded.suite.dataset
    faults = RowFaults()
    check, tags = case_check(loaded, variants, faults), TagCheck(loaded)
    labels = LabelCheck(loaded, [planned.variant.key for planned in variants])
    selection = Selection(read_rows(dataset, faults), dataset, faults)
    for number, (case_id, row) in enumerate(selection.first()):
        case = check.case(case_id, row, is_rendered=number < CHECKED_CASES)
        if case is not None:
            tags.note(case)
            labels.note(case)
            yield case
        if number == CHECKED_CASES:
            faults.settle()
    faults.settle()
    tags.settle()
    labels.settle()


def stored_suite(folder: RunFolder) -> Suite:
    """The suite of a run, as resolved when it started; raises StoreError if it is not readable."""
    try:
        return Suite.model_validate(folder.manifest().suite)
    except ValidationError as error:
        raise StoreError(f"{folder.path}: the stored suite is damaged: {error}") from error


def estimate_run(folder: RunFolder, env: Mapping[str, str], *, judges: bool = True) -> PlanEstimate:
    """What a run will cost in all, from some of its cases; with its ``judges``, if asked."""
    suite, manifest = stored_suite(folder), folder.manifest()
    variants = plan_variants(suite, resolve_endpoints(suite, env), manifest.only)
    probe = Probe.of(islice(folder.cases(), CHECKED_CASES))
    estimate = estimate_plan(variants, probe, manifest.n_cases, suite.samples)
    if not judges:
        return estimate
    return with_judges(estimate, suite, variants, probe, manifest.n_cases, env)


def discard_run(folder: RunFolder) -> None:
    """Remove a run that nobody wanted and that has asked nothing."""
    folder.remove()


def suite_digests(suite: Suite) -> dict[str, str]:
    """Content hashes of the suite and of each prompt; the dataset's follows with its cases.

    Where the dataset and a prompt's text lie is no part of what a suite says.
    """
    whole = suite.model_dump(mode="json", exclude={"dataset": {"path"}})
    for spec in whole["prompts"].values():
        del spec["origin"]
    prompts = {f"prompt:{name}": request_digest(spec) for name, spec in whole["prompts"].items()}
    return {"suite": request_digest(whole), **prompts}


def _git_commit(folder: Path) -> str | None:
    """The commit of the repository the suite lives in, if it lives in one."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
