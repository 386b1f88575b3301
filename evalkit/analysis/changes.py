"""Where a loss lies: the tags and the cases that changed, and which cases are flaky anyway.

Of a case that was asked t times with s passes, by the bank and by quiet runs since, the chance of a
right answer follows Beta(0.5 + s, 0.5 + t - s). How surprising tonight's answers are is the tail of
the beta-binomial that predicts them; over all cases Benjamini and Hochberg at 10 %. Flaky cases are
labelled, never left out: that would shift the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from evalkit.analysis.bank import Column
from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.leads import FALSE_FINDINGS
from evalkit.analysis.measures import Measure
from evalkit.analysis.trials import Cases
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.multiplicity import benjamini_hochberg
from evalkit.stats.paired import pair

LEAST_TRIALS = 5
"""With fewer trials a case has no label."""
_SURE, _NEAR = 0.8, 0.1

Label = Literal["stable pass", "stable fail", "flaky"]


@dataclass(frozen=True, slots=True)
class TagChange:
    """Candidate minus baseline on the cases of a tag, so far as they were seen."""

    variant: str
    tag: str
    n: int
    difference: float
    low: float | None
    high: float | None
    p_adjusted: float | None
    is_finding: bool


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case that did worse than the bank; ``surprise`` is the chance of that by luck alone.

    ``n_seen`` trials are behind its ``label`` and the surprise, ``seen`` is their mean: those of
    the bank and of quiet runs since.
    """

    variant: str
    case_id: str
    tags: tuple[str, ...]
    baseline: float
    n_banked: int
    now: float
    surprise: float | None
    label: Label | None
    is_finding: bool
    seen: float | None = None
    n_seen: int = 0


@dataclass(frozen=True, slots=True)
class Flakiness:
    """The labels of a variant's cases, and how much of the noise the flaky ones make."""

    variant: str
    stable_pass: int
    stable_fail: int
    flaky: int
    share_of_noise: float


def labels(column: Column) -> list[Label | None]:
    """What all answers say of each case; None with too few trials or partial scores.

    A case whose trials all ended alike is not called flaky: it is stable, or there are too few.
    """
    passed, asked = column.sums, column.counts.astype(np.float64)
    with np.errstate(invalid="ignore"):
        above = special.betaincc(0.5 + passed, 0.5 + asked - passed, 1 - _NEAR)
        below = special.betainc(0.5 + passed, 0.5 + asked - passed, _NEAR)
    whole = (column.counts >= LEAST_TRIALS) & (passed == np.rint(passed))
    is_mixed = (passed > 0) & (passed < asked)
    rules = [whole & (above > _SURE), whole & (below > _SURE), whole & is_mixed]
    chosen = np.select(rules, [0, 1, 2], default=-1)
    told: list[Label] = ["stable pass", "stable fail", "flaky"]
    return [told[place] if place >= 0 else None for place in chosen.tolist()]


def flakiness(variant: str, column: Column) -> Flakiness | None:
    """How many cases are flaky; None where none has a label."""
    told = labels(column)
    if not any(told):
        return None
    mean = np.nan_to_num(column.mean)
    noise = mean * (1 - mean)
    is_flaky = np.array([label == "flaky" for label in told])
    total = float(noise.sum())
    return Flakiness(
        variant,
        told.count("stable pass"),
        told.count("stable fail"),
        told.count("flaky"),
        float(noise[is_flaky].sum()) / total if total else 0.0,
    )


def surprise(column: Column, passed: FloatArray, asked: IntArray) -> FloatArray:
    """The chance of so few passes or fewer, given the bank; nan where scores are partial."""
    a, b = 0.5 + column.sums, 0.5 + column.counts - column.sums
    tail = np.zeros(len(a))
    for x in range(int(asked.max(initial=0)) + 1):
        inside = (x <= passed) & (x <= asked)
        with np.errstate(invalid="ignore"):
            n = np.maximum(asked, x)
            log_p = (
                special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
                + special.betaln(a + x, b + n - x) - special.betaln(a, b)
            )  # fmt: skip
        tail += np.where(inside, np.exp(log_p), 0.0)
    is_whole = (column.sums == np.rint(column.sums)) & (passed == np.rint(passed))
    return np.where(is_whole & (asked > 0) & (column.counts > 0), np.minimum(tail, 1.0), np.nan)


def case_changes(
    variant: str, cases: Cases, known: tuple[Column, Column], measure: Measure, row: int
) -> list[CaseChange]:
    """The cases that did worse, the most surprising first.

    ``known`` are the bank's answers, and those with all that quiet runs gave since.
    """
    column, history = known
    passed, asked = measure.sums[row], measure.counts[row]
    d = np.where(asked > 0, measure.mean[row], np.nan) - column.mean
    chance = surprise(history, passed, asked)
    tested = np.flatnonzero(~np.isnan(chance) & (asked > 0))
    adjusted = np.full(len(chance), np.nan)
    adjusted[tested] = benjamini_hochberg(chance[tested].tolist())
    worse = np.flatnonzero(np.nan_to_num(d) < 0)
    told, seen = labels(history), history.mean
    tags = _tags_of(cases, worse)
    found = [
        CaseChange(
            variant,
            cases.ids[case],
            tags[case],
            float(column.mean[case]),
            int(column.counts[case]),
            float(measure.mean[row][case]),
            None if np.isnan(chance[case]) else float(chance[case]),
            told[case],
            bool(adjusted[case] < FALSE_FINDINGS),
            float(seen[case]),
            int(history.counts[case]),
        )
        for case in worse.tolist()
    ]
    return sorted(found, key=lambda one: (_rank(one.surprise), one.now - one.baseline, one.case_id))


def tag_changes(
    variant: str, cases: Cases, column: Column, measure: Measure, row: int
) -> list[TagChange]:
    """Every tag with enough cases seen, the largest loss first."""
    d = np.where(measure.counts[row] > 0, measure.mean[row], np.nan) - column.mean
    known: BoolArray = ~np.isnan(d)
    found = []
    for tag, members in cases.tags.items():
        rows = members[known[members]]
        if not len(rows):
            continue
        clusters = None if cases.clusters is None else cases.clusters[rows]
        paired = pair(np.clip(d[rows], -1, 1), clusters)
        found.append((tag, rows, paired))
    tested = [one for one in found if one[2] is not None and one[2].units >= MIN_UNITS]
    adjusted = dict(
        zip(
            [tag for tag, _, _ in tested],
            benjamini_hochberg([paired.p_value() for _, _, paired in tested if paired]),
            strict=True,
        )
    )
    told = []
    for tag, rows, paired in found:
        p = adjusted.get(tag)
        estimate = paired.estimate() if paired and p is not None else None
        told.append(
            TagChange(
                variant,
                tag,
                len(rows),
                float(d[rows].mean()),
                estimate.low if estimate else None,
                estimate.high if estimate else None,
                p,
                p is not None and p < FALSE_FINDINGS,
            )
        )
    return sorted(told, key=lambda one: one.difference)


def _tags_of(cases: Cases, wanted: IntArray) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = {int(case): [] for case in wanted}
    for tag, members in cases.tags.items():
        for case in np.intersect1d(members, wanted).tolist():
            found[case].append(tag)
    return {case: tuple(tags) for case, tags in found.items()}


def _rank(chance: float | None) -> float:
    return 1.0 if chance is None else chance


def worst(changes: Sequence[CaseChange], most: int) -> list[CaseChange]:
    """So many of the most surprising."""
    return list(changes[:most])
