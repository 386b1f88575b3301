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
from evalkit.analysis.timeline import Timeline, TimelinePoint
from evalkit.pipeline.stored import StoredRun, plain_key
from evalkit.plan.matrix import PlannedVariant
from evalkit.stats.estimates import Estimate
from evalkit.store.history import read_history

MOST = 60
"""So many earlier runs are shown."""
_Traits = dict[str, str]


def timelines(runs: Sequence[StoredRun], analysis: Analysis) -> Iterator[Timeline]:
    """The variants that have two runs or more, by the leading scorer, oldest run first."""
    scorer = analysis.leading_scorer
    if scorer is None:
        return
    points: defaultdict[str, list[TimelinePoint]] = defaultdict(list)
    before: dict[str, _Traits] = {}
    if len(runs) == 1:
        for point in _noted(runs[0]):
            _note(point, scorer, points, before)
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
                    cost_usd=one.cost_usd,
                    elapsed_p50_s=one.elapsed_p50_s,
                    changes=_changes(before.get(key, traits), traits),
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


def _note(
    point: Point,
    scorer: str,
    points: defaultdict[str, list[TimelinePoint]],
    before: dict[str, _Traits],
) -> None:
    """Add what a noted run says of each variant."""
    for key, one in point.variants.items():
        level = one.scores.get(scorer)
        if level is None:
            continue
        traits = {
            "model answered": ", ".join(one.models) or "none",
            "prompt": point.facts.get(f"prompt {key.split('/')[0]}", "unknown")[:11],
            "dataset": point.facts.get("dataset", "unknown")[:11],
        }
        n = level.n_cases
        points[key].append(
            TimelinePoint(
                run=point.run_id,
                at=datetime.fromisoformat(point.at),
                score=Estimate(level.value, level.low, level.high, None, n, n, None, 0.95, "noted"),
                elapsed_p50_s=one.latency_p50_s,
                verdict=point.verdict,
                changes=_changes(before.get(key, traits), traits),
            )
        )
        before[key] = traits


def _traits(run: StoredRun, planned: PlannedVariant, one: VariantSummary) -> _Traits:
    prompt = run.manifest.digests.get(f"prompt:{planned.variant.prompt}", "unknown")
    return {
        "model answered": ", ".join(one.models_answered) or "none",
        "prompt": prompt[:11],
        "dataset": run.manifest.digests.get("dataset", "unknown")[:11],
    }


def _changes(before: _Traits, now: _Traits) -> _Traits:
    return {name: f"{before[name]} to {now[name]}" for name in now if before[name] != now[name]}
