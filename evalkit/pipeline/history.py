"""The runs of a suite as points in time; what was worked out once is kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.analysis.history import Point, point_document, point_of, variant_points
from evalkit.errors import EvalkitError
from evalkit.pipeline.stored import load_run, trials_of
from evalkit.store.history import append_history, read_history
from evalkit.store.jobs import read_job
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
    is_empty = manifest.totals.get("ok") == 0
    if manifest.status == "running" or is_empty or job.get("kind") == "canary":
        return None
    known = read_history(folder.path.parent) if noted is None else noted
    stamp = [
        manifest.ended_at,
        sorted(manifest.digests.items()),
        job.get("verdict"),
        _scorers(folder),
    ]
    line = known.get(manifest.run_id)
    if line is not None and line.get("stamp") == _plain(stamp):
        return point_of(line)
    trials = trials_of([load_run(folder)])
    variants = variant_points(trials)
    if not variants:
        return None
    n_answered = int(trials.is_answered.sum())
    point = Point(
        run_id=manifest.run_id,
        at=manifest.started_at,
        kind=job.get("kind", BY_HAND),
        status=manifest.status,
        verdict=job.get("told"),
        n_answered=n_answered,
        n_failed=len(trials.is_answered) - n_answered,
        cost_usd=manifest.totals.get("cost_usd"),
        variants=variants,
        facts=_facts(manifest.digests, manifest.versions),
    )
    append_history(folder.path.parent, {**point_document(point), "stamp": _plain(stamp)})
    return point


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
