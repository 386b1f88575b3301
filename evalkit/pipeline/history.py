"""The runs of a suite as points in time; what was worked out once is kept beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.history import Point, point_document, point_of, variant_points
from evalkit.analysis.options import Options
from evalkit.analysis.results import VariantSummary
from evalkit.analysis.summary import scored_by, summarise
from evalkit.errors import EvalkitError
from evalkit.pipeline.stored import load_run, trials_of
from evalkit.store.history import append_history, read_history
from evalkit.store.jobs import read_job
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder, list_runs

BY_HAND = "hand"


def suite_history(runs: Path, name: str) -> tuple[list[Point], list[str]]:
    """Every run of a suite with an answer, oldest first, and which could not be read.

    Runs that were deleted since they were noted are among them.
    """
    noted = read_history(runs / name)
    points, damaged = {}, []
    for run_id, data in noted.items():
        try:
            points[run_id] = point_of(data)
        except (KeyError, TypeError, AttributeError):
            damaged.append(f"{run_id}: its line in history.jsonl is damaged")
    for folder in list_runs(runs):
        if folder.path.parent.name != name:
            continue
        try:
            point = note_run(folder, noted)
        except EvalkitError as error:
            damaged.append(error.message)
            continue
        if point is not None:
            points[point.run_id] = point
    return sorted(points.values(), key=lambda one: (one.at, one.run_id)), damaged


def note_run(
    folder: RunFolder, noted: Mapping[str, Mapping[str, Any]] | None = None
) -> Point | None:
    """A run as a point, noted for later; None for one without an answer, and for a canary.

    Raises StoreError for a damaged run.
    """
    manifest, job = folder.manifest(), read_job(folder.path) or {}
    if not _counts(manifest, job):
        return None
    known = read_history(folder.path.parent) if noted is None else noted
    line = known.get(manifest.run_id)
    if line is not None and line.get("stamp") == _stamp(folder, manifest, job):
        return point_of(line)
    run = load_run(folder)
    trials = trials_of([run])
    options = Options(seed=0, estimand=run.suite.report.estimand)  # nothing here is random
    scored = {name: scored_by(trials, name) for name in trials.scorers}
    return note(folder, summarise(trials, scored, options), known)


def note(
    folder: RunFolder,
    summaries: Sequence[VariantSummary],
    noted: Mapping[str, Mapping[str, Any]] | None = None,
) -> Point | None:
    """As :func:`note_run`, of what its variants have been found to be.

    Raises StoreError where the note cannot be written.
    """
    manifest, job = folder.manifest(), read_job(folder.path) or {}
    variants = variant_points(summaries)
    if not variants or not _counts(manifest, job):
        return None
    point = Point(
        run_id=manifest.run_id,
        at=manifest.started_at,
        kind=job.get("kind", BY_HAND),
        status=manifest.status,
        verdict=job.get("told"),
        n_answered=sum(one.n_answered for one in summaries),
        n_failed=sum(one.n_failed for one in summaries),
        cost_usd=manifest.totals.get("cost_usd"),
        variants=variants,
        facts=_facts(manifest.digests, manifest.versions),
    )
    line = {**point_document(point), "stamp": _stamp(folder, manifest, job)}
    known = read_history(folder.path.parent) if noted is None else noted
    if known.get(manifest.run_id) != line:
        append_history(folder.path.parent, line)
    return point


def _counts(manifest: Manifest, job: Mapping[str, Any]) -> bool:
    """Whether a run is one of its suite's: ended, with an answer, and no canary."""
    is_empty = manifest.totals.get("ok") == 0
    return manifest.status != "running" and not is_empty and job.get("kind") != "canary"


def _stamp(folder: RunFolder, manifest: Manifest, job: Mapping[str, Any]) -> Any:
    """What a note depends on, as JSON gives it back."""
    digests = sorted(manifest.digests.items())
    return _plain([manifest.ended_at, digests, job.get("verdict"), _scorers(folder)])


def _scorers(folder: RunFolder) -> list[str]:
    """The scorers that graded, with the moment at which each did."""
    return sorted(
        f"{path.name} {path.stat().st_mtime_ns}" for path in folder.scores_path.glob("*.parquet")
    )


def _plain(value: Any) -> Any:
    """As JSON gives it back: tuples are lists."""
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _facts(digests: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, str]:
    told = {name.replace("prompt:", "prompt "): digest for name, digest in digests.items()}
    for name in ("prices", "evalkit"):
        if name in versions:
            told[name] = versions[name]
    return told
