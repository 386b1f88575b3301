"""Score, cost and time over many runs of a suite, as pages draw them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evalkit.analysis.history import Amount, Level, Point
from evalkit.stats.estimates import Estimate, without_interval


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One variant in one run. ``at`` is aware; ``verdict`` is that of a gate, if there was one.

    ``cost_usd`` is the mean of an answer, ``elapsed_p50_s`` the median in service. ``changes``
    says what is not as in the run before (``model answered``, ``prompt``, ``prices``) and how.
    """

    run: str
    at: datetime
    score: Estimate
    cost_usd: Estimate | None = None
    elapsed_p50_s: Estimate | None = None
    verdict: str | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One variant's score by one scorer over the runs, oldest first."""

    variant: str
    scorer: str
    points: tuple[TimelinePoint, ...]


Traits = dict[str, str]
"""What a variant was asked with in one run, and who answered."""


def timelines_of(points: Sequence[Point], scorer: str) -> tuple[Timeline, ...]:
    """Every variant that this scorer graded in some of these runs, oldest run first."""
    found: dict[str, list[TimelinePoint]] = {}
    before: dict[str, Traits] = {}
    for point in sorted(points, key=lambda point: point.at):
        add_noted(point, scorer, found, before)
    return tuple(Timeline(key, scorer, tuple(line)) for key, line in found.items())


def add_noted(
    point: Point,
    scorer: str,
    points: MutableMapping[str, list[TimelinePoint]],
    before: MutableMapping[str, Traits],
) -> None:
    """Add what a noted run says of each variant; ``before`` remembers what it was asked with."""
    for key, one in point.variants.items():
        level = one.scores.get(scorer)
        if level is None:
            continue
        traits = {
            "model answered": ", ".join(one.models) or "none",
            "prompt": point.facts.get(f"prompt {key.split('/')[0]}", "unknown")[:11],
            "suite": point.facts.get("suite", "unknown")[:11],
            "dataset": point.facts.get("dataset", "unknown")[:11],
            "prices": point.facts.get("prices", "unknown"),
        }
        points.setdefault(key, []).append(
            TimelinePoint(
                run=point.run_id,
                at=datetime.fromisoformat(point.at),
                score=_noted(level, level.n_cases),
                cost_usd=_noted(one.cost_usd, level.n_cases),
                elapsed_p50_s=_noted(one.latency_p50_s, level.n_cases),
                verdict=point.verdict,
                changes=changed(before.get(key, traits), traits),
            )
        )
        before[key] = traits


def changed(before: Traits, now: Traits) -> Traits:
    """What is another thing now, and how; what is not known of both is no change."""
    return {
        name: f"{before[name]} to {now[name]}"
        for name in now
        if before[name] != now[name] and "unknown" not in (before[name], now[name])
    }


def _noted(amount: Level | Amount | None, n: int) -> Estimate:
    if amount is None:
        return without_interval(None, 0, 0.95)
    return Estimate(amount.value, amount.low, amount.high, None, n, n, None, 0.95, "noted")
