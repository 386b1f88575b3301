"""Several runs of a suite as lines through time: what each variant scored, and what had changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from evalkit.analysis.results import Analysis, VariantSummary
from evalkit.analysis.timeline import Timeline, TimelinePoint
from evalkit.pipeline.stored import StoredRun, plain_key
from evalkit.plan.matrix import PlannedVariant

_Traits = dict[str, str]


def timelines(runs: Sequence[StoredRun], analysis: Analysis) -> Iterator[Timeline]:
    """The variants that two or more of these runs have, by the leading scorer, oldest run first."""
    scorer = analysis.leading_scorer
    if scorer is None or len(runs) < 2:
        return
    summaries = {one.variant: one for one in analysis.variants}
    points: defaultdict[str, list[TimelinePoint]] = defaultdict(list)
    before: dict[str, _Traits] = {}
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
    for key, found in points.items():
        if len(found) > 1:
            yield Timeline(key, scorer, tuple(found))


def _traits(run: StoredRun, planned: PlannedVariant, one: VariantSummary) -> _Traits:
    prompt = run.manifest.digests.get(f"prompt:{planned.variant.prompt}", "unknown")
    return {
        "model answered": ", ".join(one.models_answered) or "none",
        "prompt": prompt[:11],
        "dataset": run.manifest.digests.get("dataset", "unknown")[:11],
    }


def _changes(before: _Traits, now: _Traits) -> _Traits:
    return {name: f"{before[name]} to {now[name]}" for name in now if before[name] != now[name]}
