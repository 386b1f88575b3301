"""Runs of a suite as lines through time: what each variant scored, and what had changed.

Of several runs compared, these runs; of one run, those noted before it in its suite's history.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from evalkit.analysis.history import Point, point_of
from evalkit.analysis.results import Analysis, VariantSummary
from evalkit.analysis.timeline import Timeline, TimelinePoint, Traits, add_noted, changed
from evalkit.pipeline.stored import StoredRun, plain_key
from evalkit.plan.matrix import PlannedVariant
from evalkit.store.history import read_history

MOST = 60
"""So many earlier runs are shown."""


def timelines(runs: Sequence[StoredRun], analysis: Analysis) -> Iterator[Timeline]:
    """The variants that have two runs or more, by the leading scorer, oldest run first."""
    scorer = analysis.leading_scorer
    if scorer is None:
        return
    points: defaultdict[str, list[TimelinePoint]] = defaultdict(list)
    before: dict[str, Traits] = {}
    for noted in _noted(runs[0]) if len(runs) == 1 else ():
        add_noted(noted, scorer, points, before)
    summaries = {one.variant: one for one in analysis.variants}
    for run in sorted(runs, key=lambda run: run.manifest.started_at):
        for planned in run.variants:
            one = summaries.get(planned.variant.key)
            if one is None or scorer not in one.scores:
                continue
            key = plain_key(planned, run.label)
            traits = _traits(run, planned, one)
            points[key].append(
                TimelinePoint(
                    run=run.manifest.run_id,
                    at=datetime.fromisoformat(run.manifest.started_at),
                    score=one.scores[scorer].mean,
                    cost_usd=one.cost_each,
                    elapsed_p50_s=one.elapsed_p50,
                    changes=changed(before.get(key, traits), traits),
                )
            )
            before[key] = traits
    ours = {plain_key(planned, run.label) for run in runs for planned in run.variants}
    for key, found in points.items():
        if len(found) > 1 and key in ours:
            yield Timeline(key, scorer, tuple(found))


def _noted(run: StoredRun) -> list[Point]:
    """The last runs of the suite that were noted before this one began, oldest first."""
    found = []
    for data in read_history(run.folder.path.parent).values():
        with contextlib.suppress(KeyError, TypeError, AttributeError):  # a damaged line is no run
            point = point_of(data)
            if point.at < run.manifest.started_at:
                found.append(point)
    return sorted(found, key=lambda point: point.at)[-MOST:]


def _traits(run: StoredRun, planned: PlannedVariant, one: VariantSummary) -> Traits:
    prompt = run.manifest.digests.get(f"prompt:{planned.variant.prompt}", "unknown")
    return {
        "model answered": ", ".join(one.models_answered) or "none",
        "prompt": prompt[:11],
        "suite": run.manifest.digests.get("suite", "unknown")[:11],
        "dataset": run.manifest.digests.get("dataset", "unknown")[:11],
        "prices": run.manifest.versions.get("prices", "unknown"),
    }
