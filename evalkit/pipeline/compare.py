"""Stored runs to a Report: analysis, provenance, telling cases."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from evalkit.analysis.analysis import analyse
from evalkit.analysis.details import details
from evalkit.analysis.judges import judge_warnings
from evalkit.analysis.judging import check_warnings
from evalkit.analysis.options import By, Options
from evalkit.analysis.results import Analysis
from evalkit.analysis.trials import Trials
from evalkit.analysis.wording import in_points
from evalkit.errors import StoreError, UsageError
from evalkit.pipeline.examples import examples
from evalkit.pipeline.history import note
from evalkit.pipeline.judge_quality import judges_of
from evalkit.pipeline.labels import labelled, labelled_judges
from evalkit.pipeline.reserve import cases_left
from evalkit.pipeline.stored import StoredRun, differences, load_runs, seed_of, trials_of
from evalkit.pipeline.timelines import timelines
from evalkit.report.judges import judge_sections
from evalkit.report.report import ModelUsed, Provenance, Report, build_report
from evalkit.store.runs import RunFolder


def compare_run(
    folder: RunFolder,
    *,
    scorer: str | None = None,
    baseline: str | None = None,
    by: By | None = None,
    with_cases: bool = True,
) -> Report:
    """Analyse a run, scoring it first where scores are missing; see :func:`compare_runs`."""
    return compare_runs([folder], scorer=scorer, baseline=baseline, by=by, with_cases=with_cases)


def compare_runs(
    folders: Sequence[RunFolder],
    *,
    scorer: str | None = None,
    baseline: str | None = None,
    by: By | None = None,
    allow: bool = False,
    human: str | None = None,
    margin: float | None = None,
    with_cases: bool = True,
) -> Report:
    """Compare the variants of a run, or of several runs by case id.

    ``scorer`` leads (default: the first suite's first), ``baseline`` is a variant's key or a run's
    id, ``by`` what shall differ, ``human`` the dataset's column of human grades,
    ``margin`` the difference that does not matter instead of the suite's. Without
    ``with_cases`` no texts are read, and the report has no examples. Raises UsageError
    for names that are not there and, unless ``allow``, for runs whose dataset, scorers or prompts
    are not the same; StoreError for a damaged run.
    """
    runs = load_runs(folders)
    differing = tuple(differences(runs))
    if differing and not allow:
        raise UsageError(
            f"these runs are not comparable: {'; '.join(differing)}",
            "--allow compares them nonetheless and names the differences first.",
        )
    trials = trials_of(runs)
    runs = [run.without_answers() for run in runs]
    if human is not None:
        trials = labelled(trials, runs, human)
    trials = labelled_judges(trials, runs)
    analysis, _ = analyse_runs(runs, trials, scorer=scorer, baseline=baseline, by=by, margin=margin)
    if len(folders) == 1:
        with contextlib.suppress(StoreError):  # a folder that may only be read is compared as well
            note(folders[0], analysis.variants)
    warnings = [
        *(f"not the same: {difference}" for difference in differing),
        *_unfinished(runs, analysis),
        *_another_margin(runs[0], analysis),
        *(
            f"{run.n_twins:,} cases repeat the content of another: each such group counts as one"
            for run in runs
            if run.n_twins
        ),
    ]
    judges = judges_of(runs)
    doubts = (*judge_warnings(judges), *check_warnings(analysis.judged))
    told = (*warnings, *analysis.warnings, *doubts)
    analysis = replace(analysis, warnings=told, judges=judges)
    report = build_report(
        analysis,
        _provenance(runs, analysis),
        examples(runs, trials, analysis) if with_cases else (),
        n_cases=analysis.n_cases,
        details=details(trials, analysis),
    )
    return replace(
        report,
        sections=(*report.sections, *judge_sections(analysis)),
        timelines=tuple(timelines(runs, analysis)),
    )


def analyse_runs(
    runs: Sequence[StoredRun],
    trials: Trials,
    *,
    scorer: str | None = None,
    baseline: str | None = None,
    by: By | None = None,
    margin: float | None = None,
) -> tuple[Analysis, Options]:
    """What there is to conclude, and the options it was concluded with."""
    first = runs[0].suite.report
    left = [cases_left(run) for run in runs]
    options = Options(
        seed=seed_of(runs, "compare"),
        margin=first.margin if margin is None else margin,
        leading_scorer=scorer,
        baseline=_baseline(trials, baseline or (first.baseline if len(runs) == 1 else None)),
        by=by or (first.by if len(runs) == 1 else None),
        estimand=first.estimand,
        n_left=None if None in left else min(one for one in left if one is not None),
    )
    try:
        return analyse(trials, options), options
    except ValueError as error:
        raise UsageError(str(error), _choices(trials)) from error


def _another_margin(run: StoredRun, analysis: Analysis) -> Iterator[str]:
    """That a verdict's margin is not the one set before anything was seen."""
    before = run.suite.report.margin
    if analysis.margin != before:
        told = f"the margin of {in_points(analysis.margin)} was chosen for this comparison"
        yield f"{told}: the suite's, set before the run, is {in_points(before)}"


def _unfinished(runs: Sequence[StoredRun], analysis: Analysis) -> Iterator[str]:
    """How much of what was planned is not there, and why."""
    asked = sum(one.n_asked for one in analysis.variants)
    missing = asked - sum(one.n_answered + one.n_failed for one in analysis.variants)
    for run in runs:
        if run.manifest.status == "running":
            yield f"run {run.manifest.run_id} has not ended: compare again when it has"
    if missing:
        reasons = dict.fromkeys(one.manifest.stopped_because for one in runs)
        why = f" ({'; '.join(reason for reason in reasons if reason)})" if any(reasons) else ""
        yield f"{missing:,} of {asked:,} trials have no outcome{why}: all figures are of the others"


def _baseline(trials: Trials, wanted: str | None) -> str | None:
    """A variant's key; a run's id (or its beginning) stands for its first variant."""
    if wanted is None or any(variant.key == wanted for variant in trials.variants):
        return wanted
    for variant, run in zip(trials.variants, trials.runs, strict=False):
        plain = replace(variant, model=variant.model.removesuffix(f"@{run}")).key
        if run.startswith(wanted) or plain == wanted:
            return variant.key
    return wanted


def _choices(trials: Trials) -> str:
    scorers = ", ".join(trials.scorers) or "none"
    keys = ", ".join(variant.key for variant in trials.variants[:12])
    return f"Scorers: {scorers}. Variants: {keys}."


def _provenance(runs: Sequence[StoredRun], analysis: Analysis) -> Provenance:
    """Where the numbers come from; of several runs, what is each one's own is listed."""
    first = runs[0].manifest
    digests = first.digests
    ends = [run.manifest.ended_at for run in runs]
    starts = [datetime.fromisoformat(run.manifest.started_at) for run in runs]
    open_ = [run.manifest.status for run in runs if run.manifest.status != "complete"]
    hosts = [host for run in runs for host in run.manifest.endpoints.values()]
    pricings = sorted({source for run in runs for source in _pricing_sources(run.folder)})
    return Provenance(
        suite=" and ".join(dict.fromkeys(run.manifest.name for run in runs)),
        run_id=", ".join(run.manifest.run_id for run in runs),
        run_path=", ".join(str(run.folder.path) for run in runs),
        evalkit_version=first.versions.get("evalkit", "?"),
        description=runs[0].suite.description or None,
        status=open_[0] if open_ else first.status,
        suite_digest=digests.get("suite"),
        dataset=Path(runs[0].suite.dataset.path).name,
        dataset_digest=digests.get("dataset"),
        dataset_rows=first.n_cases,
        prompt_digests={
            name.removeprefix("prompt:"): digest
            for name, digest in digests.items()
            if name.startswith("prompt:")
        },
        endpoint_hosts=tuple(dict.fromkeys(hosts)),
        models=_models(runs, analysis),
        started_at=min(starts),
        ended_at=max(datetime.fromisoformat(end) for end in ends if end) if all(ends) else None,
        pricing=", ".join(pricings) or None,
        python_version=first.versions.get("python"),
        git_commit=first.git_commit,
    )


def _models(runs: Sequence[StoredRun], analysis: Analysis) -> tuple[ModelUsed, ...]:
    answered: defaultdict[str, set[str]] = defaultdict(set)
    for summary in analysis.variants:
        answered[summary.model].update(summary.models_answered)
    asked = {planned.variant.model: planned.model_id for run in runs for planned in run.variants}
    return tuple(
        ModelUsed(name, model, tuple(sorted(answered[name]))) for name, model in asked.items()
    )


def _pricing_sources(folder: RunFolder) -> list[str]:
    sources = pc.unique(folder.responses(["pricing_source"])["pricing_source"])
    return [source for source in sources.to_pylist() if source]
