"""A judge's grades held against human ones, and means corrected by them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.matching import Match
from evalkit.analysis.options import Options
from evalkit.analysis.outcomes import CaseScores
from evalkit.analysis.results import JudgeCheck
from evalkit.analysis.trials import Trials
from evalkit.stats.agreement import (
    ac1_of,
    agreement_interval,
    cohen_kappa,
    gwet_ac1,
    kappa_of,
)
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.labels import Corrected, bounded_difference, bounded_mean, corrected_mean

PASS = 0.5
"""From this grade on, human's or judge's, an answer counts as good in agreement."""


def judge_checks(
    trials: Trials, scores: CaseScores, labels: FloatArray, options: Options
) -> Iterator[JudgeCheck]:
    """One check a variant that has enough human ``labels`` (variants x cases, nan: none).

    Agreement counts cases as good or bad; the corrected mean uses the grades as they are.
    """
    for row, variant in enumerate(trials.variants):
        judge, human = scores.mean[row], labels[row]
        both = ~np.isnan(judge) & ~np.isnan(human)
        if int(both.sum()) < MIN_UNITS:
            continue
        says, is_so = ((one[both] >= PASS).astype(np.int64) for one in (judge, human))
        clusters = trials.cases.clusters
        units = None if clusters is None else clusters[both]
        seed = options.seed ^ zlib.crc32(f"judge:{variant.key}".encode())
        corrected = _corrected(trials, human, judge, options)
        yield JudgeCheck(
            variant=variant.key,
            n_labels=int(both.sum()),
            agreement=mean_estimate((says == is_so).astype(float), units, options.confidence),
            kappa=cohen_kappa(says, is_so),
            kappa_interval=agreement_interval(says, is_so, kappa_of, units, seed=seed),
            ac1=gwet_ac1(says, is_so),
            ac1_interval=agreement_interval(says, is_so, ac1_of, units, seed=seed),
            sensitivity=_share(says, is_so == 1, units),
            specificity=_share(1 - says, is_so == 0, units),
            corrected=bounded_mean(corrected),
            weight=corrected.weight,
        )


def check_warnings(checks: Iterable[JudgeCheck]) -> Iterator[str]:
    """Scorers that agree with people no better than by chance, each with its worst variant."""
    doubtful: dict[str, list[JudgeCheck]] = {}
    for one in checks:
        if one.ac1_interval is not None and one.ac1_interval[0] <= 0:
            doubtful.setdefault(one.scorer, []).append(one)
    for scorer, found in doubtful.items():
        worst = min(found, key=lambda one: one.ac1 or 0.0)
        yield (
            f"{scorer}: {worst.n_labels} human labels of {worst.variant} do not show that it agrees"
            f" with people better than by chance (AC1 {worst.ac1 or 0.0:.2f})"
        )


def corrected_difference(
    trials: Trials, scores: CaseScores, labels: FloatArray, match: Match, options: Options
) -> Estimate | None:
    """A comparison as humans would have had it, from labels of some answers of both variants.

    None without labels of both on enough cases. One label a case for every variant's answer tells
    no difference, so that there is none either.
    """
    new, old = match.candidate, match.baseline
    judged = scores.mean[new] - scores.mean[old]
    human = labels[new] - labels[old]
    both = ~np.isnan(judged) & ~np.isnan(human)
    if int(both.sum()) < MIN_UNITS or not human[both].any():
        return None
    return bounded_difference(_corrected(trials, human, judged, options))


def _corrected(trials: Trials, human: FloatArray, judge: FloatArray, options: Options) -> Corrected:
    """PPI++ over cases (nan: no label, no grade), clusters respected."""
    known = ~np.isnan(judge)
    labelled, rest = known & ~np.isnan(human), known & np.isnan(human)
    clusters = trials.cases.clusters
    return corrected_mean(
        human[labelled],
        judge[labelled],
        judge[rest],
        confidence=options.confidence,
        clusters=None if clusters is None else (clusters[labelled], clusters[rest]),
    )


def _share(hits: IntArray, among: BoolArray, units: IntArray | None) -> Estimate | None:
    if not among.any():
        return None
    return mean_estimate(hits[among].astype(float), None if units is None else units[among])
