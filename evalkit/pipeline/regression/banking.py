"""Stored runs become a baseline: a bank of what a suite scored, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from evalkit import __version__
from evalkit.analysis import bank as banks
from evalkit.analysis.measures import Measure, measures
from evalkit.analysis.trials import Trials
from evalkit.errors import UsageError
from evalkit.pipeline.regression.bank_checks import (
    case_digest,
    prompt_digest,
    scorer_digest,
    settings_digest,
)
from evalkit.pipeline.regression.canary import banked_spec
from evalkit.pipeline.stored import StoredRun, differences, load_run, trials_of
from evalkit.plan.matrix import PlannedVariant
from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import quantile
from evalkit.store.baselines import AMOUNTS, BankedColumn, BankedRun, BankedVariant, Baseline
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite

DEFAULT_MARGIN = 0.05
_QUANTILES = {
    "latency_p50": ("elapsed_s", 0.5),
    "latency_p95": ("elapsed_s", 0.95),
    "first_token_p50": ("first_token_s", 0.5),
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who makes a baseline, and why."""

    by: str
    why: str = ""
    git_commit: str | None = None


def make_baseline(
    name: str, folders: Sequence[RunFolder], provenance: Provenance
) -> tuple[Baseline, list[str]]:
    """A bank of one or more finished runs of one suite, and what there is to warn of.

    Raises UsageError for runs that are not finished or not of the same suite, StoreError for
    damaged ones.
    """
    _check_finished(folders)
    # One after another, so that only one run's answers are in memory.
    runs: list[StoredRun] = []
    banked: list[dict[str, dict[str, Measure]]] = []
    numbers: dict[str, list[Trials]] = {}
    for folder in folders:
        run = load_run(folder)
        runs.append(run)
        trials = trials_of([run])
        found = measures(trials)
        banked.append({key: _of_variant(found, row) for row, key in enumerate(_keys(trials))})
        for key in _keys(trials):
            numbers.setdefault(key, []).append(trials)
    _check_same(runs)
    first = runs[0]
    variants = {
        planned.variant.key: _banked(
            planned,
            [one[planned.variant.key] for one in banked],
            numbers[planned.variant.key],
            first,
        )
        for planned in first.variants
    }
    prompts = {planned.variant.prompt for planned in first.variants}
    baseline = Baseline(
        name=name.removeprefix("@"),
        suite=first.suite.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        by=provenance.by,
        why=provenance.why,
        runs=tuple(_run(run) for run in runs),
        digests={
            "dataset": first.manifest.digests.get("dataset", ""),
            **{f"prompt:{one}": prompt_digest(first.suite, one) for one in sorted(prompts)},
            **{f"scorer:{spec.name}": scorer_digest(spec) for spec in first.suite.scorers},
        },
        cases=tuple((case.id, case_digest(case)) for case in first.folder.cases()),
        variants=variants,
        samples=first.suite.samples,
        evalkit=__version__,
        git_commit=first.manifest.git_commit or provenance.git_commit,
        prices=first.manifest.versions.get("prices"),
        spec=banked_spec(first.suite),
    )
    return baseline, list(_warnings(baseline))


def _check_finished(folders: Sequence[RunFolder]) -> None:
    if not folders:
        raise UsageError("a baseline is made of runs, and none was named")
    paths = [folder.path.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise UsageError("a run was given twice", "Name each run once.")
    for folder in folders:
        manifest = folder.manifest()
        if manifest.status != "complete":
            raise UsageError(
                f"{folder.path} is not finished ({manifest.status}): a baseline needs every case",
                f"Finish it first: evalkit resume {folder.path}",
            )


def _check_same(runs: Sequence[StoredRun]) -> None:
    first = runs[0]
    told = list(differences(runs)) if len(runs) > 1 else []
    for run in runs[1:]:
        if run.suite.name != first.suite.name:
            told.append(f"{run.manifest.run_id} is a run of {run.suite.name}")
        settings = {one.variant.key: settings_digest(one) for one in run.variants}
        wanted = {one.variant.key: settings_digest(one) for one in first.variants}
        if settings != wanted:
            told.append(f"{run.manifest.run_id} asked other variants, or with other settings")
        if run.suite.samples != first.suite.samples:
            told.append(f"{run.manifest.run_id} has {run.suite.samples} samples a case")
        if [s.name for s in run.suite.scorers] != [s.name for s in first.suite.scorers]:
            told.append(f"{run.manifest.run_id} has other scorers")
    if told:
        raise UsageError(
            f"these runs are not of one and the same suite: {'; '.join(told)}",
            "A bank holds runs of one suite between which nothing has changed.",
        )


def _keys(trials: Trials) -> list[str]:
    return [variant.key for variant in trials.variants]


def _of_variant(found: Mapping[str, Measure], row: int) -> dict[str, Measure]:
    """One variant's part of every measure."""
    return {
        name: Measure(one.sums[row], one.squares[row], one.counts[row], one.missing[row])
        for name, one in found.items()
    }


def _banked(
    planned: PlannedVariant,
    runs: Sequence[Mapping[str, Measure]],
    trials: Sequence[Trials],
    first: StoredRun,
) -> BankedVariant:
    columns, error, within, alarms = {}, {}, {}, {}
    margins = _margins(first.suite)
    for name in _kept(runs[0]):
        sums = np.sum([run[name].sums for run in runs], axis=0)
        counts = np.sum([run[name].counts for run in runs], axis=0)
        squares = np.sum([run[name].squares for run in runs], axis=0)
        columns[name] = BankedColumn(tuple(sums.tolist()), tuple(counts.tolist()))
        if name in AMOUNTS:
            continue
        within[name] = banks.within_variance(sums, squares, counts)
        if not name.startswith("score:"):
            continue
        error[name] = banks.own_error(within[name], counts)
        each = [banks.Column(run[name].sums, run[name].counts) for run in runs]
        found = banks.false_alarms(each, margins.get(name, DEFAULT_MARGIN), within[name])
        if found is not None:
            alarms[name] = {
                "margin": found.margin,
                "gates": found.gates,
                "passes": found.passes,
                "fails": found.fails,
            }
    key = planned.variant.key
    return BankedVariant(
        models=tuple(sorted({model for one in trials for model in _answered(one, key)})),
        digests={
            "prompt": prompt_digest(first.suite, planned.variant.prompt),
            "settings": settings_digest(planned),
        },
        columns=columns,
        error=error,
        within=within,
        quantiles=dict(_quantiles(trials, key, runs)),
        false_alarms=alarms,
    )


def _kept(found: Mapping[str, Measure]) -> list[str]:
    """What is worth banking: scores, shares, and amounts that any answer tells."""
    shares = ("failed", "truncated", "refused", "no_text", "unscored")
    scores = [name for name in found if name.startswith("score:")]
    return [*scores, *shares, *(name for name in AMOUNTS if found[name].counts.any())]


def _margins(suite: Suite) -> dict[str, float]:
    """The smallest margin that the suite's gate has for each score."""
    margins: dict[str, float] = {}
    for rule in suite.gate.rules:
        if rule.scorer is not None and rule.max_drop is not None:
            name = f"score:{rule.scorer}"
            margins[name] = min(rule.max_drop, margins.get(name, 1.0))
    return margins


def _answered(trials: Trials, key: str) -> set[str]:
    row = _keys(trials).index(key)
    codes = trials.model_answered.codes[(trials.variant == row) & trials.is_answered]
    return {trials.model_answered.names[code] for code in np.unique(codes) if code >= 0}


def _quantiles(
    trials: Sequence[Trials], key: str, runs: Sequence[Mapping[str, Measure]]
) -> Iterator[tuple[str, float]]:
    for name, (amount, share) in _QUANTILES.items():
        values = np.concatenate([_values(one, key, amount) for one in trials])
        value = quantile(values[~np.isnan(values)], share)
        if value is not None:
            yield name, value
    cost = sum(float(run["cost_usd"].sums.sum()) for run in runs)
    priced = sum(int(run["cost_usd"].counts.sum()) for run in runs)
    right = sum(float(run["right"].sums.sum()) for run in runs if "right" in run)
    if priced and right:
        yield "cost_per_correct", cost / right


def _values(trials: Trials, key: str, amount: str) -> FloatArray:
    row = _keys(trials).index(key)
    values: FloatArray = trials.numbers[amount][(trials.variant == row) & trials.is_answered]
    return values


def _run(run: StoredRun) -> BankedRun:
    manifest = run.manifest
    return BankedRun(
        id=manifest.run_id,
        started_at=manifest.started_at,
        answered=manifest.totals.get("ok", 0),
        failed=manifest.totals.get("failed", 0),
        cost_usd=manifest.totals.get("cost_usd"),
    )


def _warnings(baseline: Baseline) -> Iterator[str]:
    n_runs = len(baseline.runs)
    if n_runs == 1 and baseline.samples == 1:
        yield (
            "a bank of a single run: its luck would look like a change in every later run, and its"
            " own error is unknown. Collect 8: evalkit baseline collect NAME SUITE --repeat 8"
        )
    elif n_runs < 5:
        yield f"a bank of {n_runs} runs: 5 or more keep its own error small"
    for key, one in baseline.variants.items():
        for name, found in one.false_alarms.items():
            if found["fails"]:
                yield (
                    f"{key}: holding each run against the others raised {found['fails']:.0f} false"
                    f" alarms of {found['gates']:.0f} ({name.removeprefix('score:')},"
                    f" margin {found['margin']:g})"
                )
    failed = sum(run.failed for run in baseline.runs)
    if failed:
        yield f"{failed:,} trials of the bank failed; their cases rest on fewer answers"
