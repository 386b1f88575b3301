"""A suite over its runs: scores, cost and time with intervals, and where something changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from evalkit.analysis.results import VariantSummary
from evalkit.stats.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Level:
    """A scorer's mean on one variant in one run, with its 95 % interval."""

    value: float
    low: float | None
    high: float | None
    n_cases: int


@dataclass(frozen=True, slots=True)
class Amount:
    """Dollars or seconds on one variant in one run, with the 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class VariantPoint:
    """One variant in one run. Cost is the mean of an answer, latency the median in service."""

    scores: Mapping[str, Level]
    models: tuple[str, ...]
    cost_usd: Amount | None = None
    latency_p50_s: Amount | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a suite. ``kind`` is what it was made for: by ``hand``, ``bank``, ``regress``.

    ``facts`` are digests and versions worth a mark where they change: suite, prompts, dataset,
    prices.
    """

    run_id: str
    at: str
    kind: str
    status: str
    verdict: str | None
    n_answered: int
    n_failed: int
    cost_usd: float | None
    variants: Mapping[str, VariantPoint]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What was another thing in a run than in the one before it."""

    run_id: str
    at: str
    what: str


def variant_points(summaries: Sequence[VariantSummary]) -> dict[str, VariantPoint]:
    """Every variant's scores, cost and time; those without any answer are left out."""
    return {
        one.variant: VariantPoint(
            scores=dict(_levels(one)),
            models=one.models_answered,
            cost_usd=_amount(one.cost_each),
            latency_p50_s=_amount(one.elapsed_p50),
        )
        for one in summaries
        if one.n_answered
    }


def _levels(summary: VariantSummary) -> Iterator[tuple[str, Level]]:
    for name, score in summary.scores.items():
        mean = score.mean
        if mean.value is not None:
            yield name, Level(mean.value, mean.low, mean.high, mean.n)


def _amount(estimate: Estimate | None) -> Amount | None:
    if estimate is None or estimate.value is None:
        return None
    return Amount(estimate.value, estimate.low, estimate.high)


def changes(points: Sequence[Point]) -> list[Change]:
    """Where suite, prompts, data, prices or the model that answers changed, in order of time."""
    found = []
    for before, now in pairwise(points):
        told = [_changed(name, before.facts, now.facts) for name in sorted(now.facts)]
        told += [
            f"{key} is answered by {_listed(now.variants[key].models)} (before: {_listed(old)})"
            for key, old in ((key, one.models) for key, one in before.variants.items())
            if key in now.variants and now.variants[key].models != old
        ]
        found += [Change(now.run_id, now.at, what) for what in told if what]
    return found


def _changed(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    if name not in before or before[name] == now[name]:
        return None
    return f"{name} changed ({before[name][:11]} to {now[name][:11]})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody named"


def point_document(point: Point) -> dict[str, Any]:
    """A point as plain data."""
    return {
        "run": point.run_id,
        "at": point.at,
        "kind": point.kind,
        "status": point.status,
        "verdict": point.verdict,
        "answered": point.n_answered,
        "failed": point.n_failed,
        "cost_usd": point.cost_usd,
        "variants": {
            key: {
                "scores": {
                    name: {
                        "mean": level.value,
                        "low": level.low,
                        "high": level.high,
                        "cases": level.n_cases,
                    }
                    for name, level in one.scores.items()
                },
                "models": list(one.models),
                **_plain_amount("cost_usd", one.cost_usd),
                **_plain_amount("latency_p50_s", one.latency_p50_s),
            }
            for key, one in point.variants.items()
        },
        "facts": dict(point.facts),
    }


def _plain_amount(name: str, amount: Amount | None) -> dict[str, float | None]:
    if amount is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: amount.value, f"{name}_low": amount.low, f"{name}_high": amount.high}


def _amount_of(name: str, data: Mapping[str, Any]) -> Amount | None:
    if data[name] is None:
        return None
    return Amount(data[name], data.get(f"{name}_low"), data.get(f"{name}_high"))


def point_of(data: Mapping[str, Any]) -> Point:
    """The point that was written as this; raises KeyError or TypeError for anything else."""
    return Point(
        run_id=data["run"],
        at=data["at"],
        kind=data["kind"],
        status=data["status"],
        verdict=data["verdict"],
        n_answered=data["answered"],
        n_failed=data["failed"],
        cost_usd=data["cost_usd"],
        variants={
            key: VariantPoint(
                {
                    name: Level(level["mean"], level["low"], level["high"], level["cases"])
                    for name, level in one["scores"].items()
                },
                tuple(one["models"]),
                _amount_of("cost_usd", one),
                _amount_of("latency_p50_s", one),
            )
            for key, one in data["variants"].items()
        },
        facts=data["facts"],
    )
