"""Ways to use several thinking settings together, priced from stored answers alone.

Two of them: ask under a low setting and again under a high one where the first answer fails (for
scores that can be checked without knowing the target), and the best setting for each tag. Nothing
is asked anew: every answer a policy would have got is already stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS, differences
from evalkit.analysis.results import Policy
from evalkit.analysis.sweep import Sweep
from evalkit.analysis.wording import as_percent
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.estimates import mean_estimate
from evalkit.stats.paired import difference_estimate

MIN_TAG_CASES = 10
"""A tag needs so many cases, half of them to choose by, to have a setting of its own."""


def policies(sweep: Sweep) -> tuple[Policy, ...]:
    """Each setting first and the dearest after it, and the best setting per tag."""
    samples = _Samples(sweep)
    found = [
        *(_low_then_high(sweep, samples, low, len(sweep) - 1) for low in range(len(sweep) - 1)),
        _best_per_tag(sweep),
    ]
    return tuple(policy for policy in found if policy is not None)


class _Samples:
    """Scores and prices by setting and by case and sample; nan where there is none."""

    def __init__(self, sweep: Sweep) -> None:
        trials = sweep.trials
        self.draws = int(trials.sample.max(initial=0)) + 1
        n_places = len(trials.cases.ids) * self.draws
        place = trials.case * self.draws + trials.sample
        self.score = np.full((len(sweep), n_places), np.nan)
        self.cost = np.full((len(sweep), n_places), np.nan)
        for at, row in enumerate(sweep.rows):
            ours = trials.variant == row
            self.score[at, place[ours]] = sweep.scored.graded.score[ours]
            self.cost[at, place[ours]] = trials.numbers["cost_usd"][ours]

    def by_case(self, values: FloatArray) -> FloatArray:
        """Means over the samples of each case; nan where there is none."""
        table = values.reshape(-1, self.draws)
        known = ~np.isnan(table)
        with np.errstate(invalid="ignore"):
            means: FloatArray = np.where(known, table, 0.0).sum(axis=1) / known.sum(axis=1)
        return means


def _low_then_high(sweep: Sweep, samples: _Samples, low: int, high: int) -> Policy | None:
    first, second = samples.score[low], samples.score[high]
    failed = first < 1
    score = np.where(np.isnan(first), np.nan, np.where(failed, second, first))
    cost = samples.cost[low] + np.where(failed, samples.cost[high], 0.0)
    asked_twice = float(failed[~np.isnan(first)].mean()) if (~np.isnan(first)).any() else 0.0
    name = f"{sweep.name(low)}, then {sweep.name(high)}"
    about = (
        f"ask with {sweep.name(low)} and again with {sweep.name(high)} where"
        f" {sweep.scored.graded.scorer} is below 1 ({as_percent(asked_twice)} of answers); only for"
        " a score that can be checked without knowing the target"
    )
    by_case, paid = samples.by_case(score), samples.by_case(cost)
    return _policy(sweep, name, about, by_case, paid, np.asarray(~np.isnan(by_case)))


def _best_per_tag(sweep: Sweep) -> Policy | None:
    """Settings chosen on one half of the cases and judged on the other, both ways round.

    Judging a choice by the cases it was made on would flatter it.
    """
    tag_of, names = _main_tags(sweep)
    if len(names) < 2:
        return None
    scores = sweep.scored.cases.mean[list(sweep.rows)]
    costs = sweep.cost_usd[list(sweep.rows)]
    whole = np.asarray(~np.isnan(scores).any(axis=0), dtype=np.bool_)
    side = _halves(sweep)
    chosen = np.full(scores.shape[1], len(sweep) - 1)
    best: dict[str, str] = {}
    for code, tag in enumerate(names):
        ours = whole & (tag_of == code)
        if int(ours.sum()) < MIN_TAG_CASES:
            continue
        best[tag] = sweep.name(int(scores[:, ours].mean(axis=1).argmax()))
        for half in (0, 1):
            known, judged = ours & (side != half), ours & (side == half)
            if known.any():
                # The first of equals is the cheapest.
                chosen[judged] = int(scores[:, known].mean(axis=1).argmax())
    if len(best) < 2 or len(set(best.values())) < 2:
        return None
    cases = np.arange(scores.shape[1])
    told = ", ".join(f"{tag}: {setting}" for tag, setting in sorted(best.items()))
    about = f"the best setting for each tag ({told}); judged on cases it was not chosen by"
    by_case, paid = scores[chosen, cases], costs[chosen, cases]
    return _policy(sweep, "best setting per tag", about, by_case, paid, whole)


def _halves(sweep: Sweep) -> IntArray:
    """Which half each case belongs to, whole clusters together."""
    cases = sweep.trials.cases
    seed = sweep.options.seed ^ zlib.crc32(f"halves:{sweep.points[0].variant}".encode())
    place = np.empty(len(cases.ids), dtype=np.int64)
    place[np.argsort(cases.ids, kind="stable")] = np.arange(len(cases.ids))
    if cases.clusters is not None:
        # The first case of a cluster stands for it, so that the order of rows decides nothing.
        _, unit = np.unique(cases.clusters, return_inverse=True)
        first = np.full(int(unit.max()) + 1, len(place))
        np.minimum.at(first, unit, place)
        place = first[unit]
    side: IntArray = (np.random.default_rng(seed).permutation(len(place)) % 2)[place]
    return side


def _main_tags(sweep: Sweep) -> tuple[IntArray, Sequence[str]]:
    """For each case the code of the tag that most cases carry; -1 without tags."""
    tags = sorted(sweep.trials.cases.tags.items(), key=lambda item: len(item[1]))
    tag_of = np.full(len(sweep.trials.cases.ids), -1)
    for code, (_, members) in enumerate(tags):
        tag_of[members] = code
    return tag_of, [tag for tag, _ in tags]


def _policy(
    sweep: Sweep,
    name: str,
    about: str,
    scores: FloatArray,
    costs: FloatArray,
    known: BoolArray,
) -> Policy | None:
    """A policy's score and price; None with too few cases."""
    if int(known.sum()) < MIN_UNITS:
        return None
    clusters = sweep.trials.cases.clusters
    confidence = sweep.options.confidence
    dearest = sweep.scored.cases.mean[sweep.rows[-1]]
    values, groups = differences(sweep.trials.cases, scores, dearest)
    priced = known & ~np.isnan(costs)
    return Policy(
        name=name,
        about=about,
        score=mean_estimate(
            np.clip(scores[known], 0.0, 1.0),
            None if clusters is None else clusters[known],
            confidence,
        ),
        against_dearest=difference_estimate(values, groups, confidence),
        cost_usd=float(costs[priced].mean())
        if priced.any() and priced.sum() == known.sum()
        else None,
        dearest_cost_usd=_mean(sweep.cost_usd[sweep.rows[-1]][known]),
    )


def _mean(values: FloatArray) -> float | None:
    return None if np.isnan(values).any() or not len(values) else float(values.mean())
