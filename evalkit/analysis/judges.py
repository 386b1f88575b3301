"""How far a judge's own verdicts can be trusted: votes and models against each other, position."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.results import JudgeQuality, PositionBias, RaterAgreement
from evalkit.analysis.wording import as_percent, counted
from evalkit.stats.alpha import interval_alpha, interval_alpha_limits
from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.paired import difference_estimate

COLUMNS = (
    "trial_key",
    "case_id",
    "question_key",
    "model",
    "shown",
    "vote",
    "value",
    "is_repaired",
)
"""The columns of VERDICTS that are needed."""

LOW_ALPHA = 0.667
"""Below this, says Krippendorff, not even tentative conclusions can be drawn from ratings."""


def judge_quality(scorer: str, verdicts: pa.Table, *, seed: int, confidence: float) -> JudgeQuality:
    """What a judge's verdicts (schema VERDICTS) say of the judge itself.

    Answers that were judged as one count once: their verdicts are the same ones.
    """
    table = _Table(verdicts)
    seed ^= zlib.crc32(f"agreement:{scorer}".encode())
    return JudgeQuality(
        scorer=scorer,
        models=table.models,
        n_answers=table.n_answers,
        n_questions=table.n_questions,
        n_unread=table.n_unread,
        n_repaired=table.n_repaired,
        agreement=_agreement(table, seed, confidence) if len(table.raters) > 1 else None,
        position=_position(table, confidence) if table.is_pairwise else None,
    )


class _Table:
    """Verdicts as ratings: raters (model and vote) x different questions, nan where none came.

    ``first`` and ``second`` are the ratings of a pairwise judge by where the answer was shown,
    ``ratings`` their mean; of any other judge there are only ``ratings``.
    """

    def __init__(self, verdicts: pa.Table) -> None:
        columns = {name: verdicts[name].to_numpy(zero_copy_only=False) for name in COLUMNS}
        _, once = np.unique(columns["question_key"].astype(str), return_index=True)
        values = columns["value"].astype(np.float64)
        self.n_answers = len(np.unique(columns["trial_key"].astype(str)))
        self.n_questions = len(once)
        self.n_unread = int(np.isnan(values[once]).sum())
        self.n_repaired = int(columns["is_repaired"][once].astype(bool).sum())
        self.models = tuple(dict.fromkeys(str(name) for name in columns["model"]))
        shown = columns["shown"].astype(str)
        self.is_pairwise = bool((shown != "alone").any())
        unit = _units(columns["trial_key"].astype(str), columns["question_key"].astype(str))
        rater = [f"{m}#{v}" for m, v in zip(columns["model"], columns["vote"], strict=True)]
        self.raters, place = np.unique(np.array(rater, dtype=str), return_inverse=True)
        count = int(unit.max(initial=-1)) + 1
        self.cases = np.empty(count, dtype=object)
        self.cases[unit] = columns["case_id"]

        def grid(wanted: str) -> FloatArray:
            cells: FloatArray = np.full((len(self.raters), count), np.nan)
            here = shown == wanted
            cells[place[here], unit[here]] = values[here]
            return cells

        if self.is_pairwise:
            self.first, self.second = grid("first"), grid("second")
            self.ratings = (self.first + self.second) / 2
        else:
            self.ratings = self.first = self.second = grid("alone")


def _units(trials: FloatArray, questions: FloatArray) -> IntArray:
    """A number for each answer; those with the same first question are one."""
    order = np.lexsort((questions, trials))
    starts = np.r_[True, trials[order][1:] != trials[order][:-1]]
    leading = questions[order][starts][np.cumsum(starts) - 1]
    unit = np.empty(len(trials), dtype=np.int64)
    _, unit[order] = np.unique(leading, return_inverse=True)
    return unit


def _agreement(table: _Table, seed: int, confidence: float) -> RaterAgreement | None:
    is_rated = (~np.isnan(table.ratings)).sum(axis=0) >= 2
    ratings, clusters = table.ratings[:, is_rated], _clusters(table.cases[is_rated])
    if not ratings.shape[1]:
        return None
    spread = np.nanmax(ratings, axis=0) - np.nanmin(ratings, axis=0)
    return RaterAgreement(
        n_raters=len(table.raters),
        n_answers=ratings.shape[1],
        same=mean_estimate((spread == 0).astype(np.float64), clusters, confidence),
        alpha=interval_alpha(ratings),
        alpha_interval=(
            interval_alpha_limits(ratings, seed=seed, clusters=clusters, confidence=confidence)
            if ratings.shape[1] >= MIN_UNITS
            else None
        ),
    )


def _position(table: _Table, confidence: float) -> PositionBias | None:
    """How much better an answer fares for being shown first; 0 for a judge without the bias."""
    both = ~np.isnan(table.first) & ~np.isnan(table.second)
    if not both.any():
        return None
    clusters = _clusters(np.broadcast_to(table.cases, both.shape)[both])
    first, second = table.first[both], table.second[both]
    return PositionBias(
        n_pairs=int(both.sum()),
        bias=difference_estimate(first - second, clusters, confidence),
        same=mean_estimate((first == second).astype(np.float64), clusters, confidence),
        ties=float(((first == 0.5).mean() + (second == 0.5).mean()) / 2),
    )


def _clusters(cases: FloatArray) -> IntArray | None:
    """Which of these are about one case; None where no two are."""
    codes = np.unique(cases.astype(str), return_inverse=True)[1]
    return None if len(codes) == codes.max(initial=-1) + 1 else codes


def judge_warnings(judges: tuple[JudgeQuality, ...]) -> Iterator[str]:
    """What a reader should know of judges before relying on them."""
    for one in judges:
        bias = one.position.bias if one.position else None
        if bias is not None and bias.value is not None and _is_away_from_0(bias):
            place = "first" if bias.value > 0 else "second"
            yield (
                f"{one.scorer}: the judge prefers what it is shown {place}, by"
                f" {100 * abs(bias.value):.0f} points; both orders were asked, which cancels"
                " that in the mean"
            )
        alpha = one.agreement.alpha if one.agreement else None
        if alpha is not None and alpha < LOW_ALPHA:
            yield (
                f"{one.scorer}: verdicts on one answer differ much (Krippendorff's alpha"
                f" {alpha:.2f}, below {LOW_ALPHA:g}): its scores are no firm ground"
            )
        if one.n_unread:
            share = as_percent(one.n_unread / max(one.n_questions, 1))
            yield f"{one.scorer}: {counted(one.n_unread, 'verdict')} missing ({share})"


def _is_away_from_0(estimate: Estimate) -> bool:
    low, high = estimate.low, estimate.high
    return low is not None and high is not None and (low > 0 or high < 0)
