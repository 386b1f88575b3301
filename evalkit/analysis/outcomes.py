"""What became of each trial: the one place where outcome classes and scores are decided.

What the model did counts: a refusal, a cut or empty answer and a request it cannot take score 0.
What happened to the request or to the scorer does not: such trials are missing, and every
conclusion says how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.analysis.reduction import reduce_samples
from evalkit.analysis.results import OUTCOME_CLASSES, OutcomeClass
from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.stats.fixed import Drawn

_CODE = {name: code for code, name in enumerate(OUTCOME_CLASSES)}
_MISSING: tuple[OutcomeClass, ...] = ("infra_error", "unscored")


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """One scorer's view of every trial.

    ``outcome`` indexes ``OUTCOME_CLASSES``; ``score`` is in [0, 1], nan where missing.
    """

    scorer: str
    outcome: IntArray
    score: FloatArray

    @property
    def is_missing(self) -> BoolArray:
        """Trials without a score through no fault of the model."""
        return np.asarray(np.isnan(self.score), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class CaseScores:
    """Scores by variant and case, the samples of a case averaged; nan where there is none.

    Where the suite reduces samples in another way, the values are what that makes of them.
    ``low`` and ``high`` take every missing sample for 0 and for 1; ``answered`` leaves model
    errors out instead of counting them as 0. ``samples`` counts the different answers behind a
    mean, ``within`` is their variance (nan with fewer than two, and where they are not averaged).
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    answered: FloatArray
    samples: IntArray
    within: FloatArray

    def drawn(self, row: int, cases: BoolArray | IntArray) -> Drawn | None:
        """A variant's scores on ``cases`` that have one; None where none has two samples."""
        found = Drawn(self.mean[row][cases], self.within[row][cases], self.samples[row][cases])
        return found if found.is_repeated else None


def grade(trials: Trials, scorer: str) -> Graded:
    """The outcome class and the score of every recorded trial."""
    value = trials.values[scorer]
    is_graded = ~np.isnan(value)
    rules: list[tuple[OutcomeClass, BoolArray]] = [
        ("model_error", trials.is_model_error),
        ("infra_error", ~trials.is_answered),
        ("right", value == 1),
        ("partial", value > 0),
        ("unscored", _is_ungradable(trials, is_graded)),
        ("truncated", trials.is_truncated),
        ("refused", trials.is_refused),
        ("no_text", ~trials.has_text),
        ("wrong", is_graded),
    ]
    outcome = np.select(
        [applies for _, applies in rules],
        [_CODE[name] for name, _ in rules],
        default=_CODE["unscored"],
    ).astype(np.int64)
    is_missing = np.isin(outcome, [_CODE[name] for name in _MISSING])
    is_credited = np.isin(outcome, [_CODE["right"], _CODE["partial"]])
    score = np.where(is_missing, np.nan, np.where(is_credited, value, 0.0))
    return Graded(scorer, outcome, score)


def _is_ungradable(trials: Trials, is_graded: BoolArray) -> BoolArray:
    """Trials of cases that the scorer could grade no answer of, not even a whole one.

    Where a case has no target, for example, a cut answer is as little wrong as any other.
    """
    is_whole = trials.is_answered & trials.has_text & ~trials.is_truncated & ~trials.is_refused
    n_cases = len(trials.cases.ids)
    n_whole = np.bincount(trials.case[is_whole], minlength=n_cases)
    n_graded = np.bincount(trials.case[is_graded], minlength=n_cases)
    return np.asarray(((n_whole > 0) & (n_graded == 0))[trials.case], dtype=np.bool_)


def count_outcomes(trials: Trials, graded: Graded, variant: int) -> dict[OutcomeClass, int]:
    """How many of a variant's trials ended in each class; they add up to the trials asked."""
    counts = np.bincount(graded.outcome[trials.variant == variant], minlength=len(OUTCOME_CLASSES))
    outcomes = {name: int(counts[code]) for name, code in _CODE.items()}
    outcomes["not_run"] = max(0, trials.planned[variant] - int(counts.sum()))
    return outcomes


def case_scores(trials: Trials, graded: Graded) -> CaseScores:
    """Average the samples of each case, or make of them what the suite says."""
    missing = graded.is_missing
    samples, within = _spread(trials, graded)
    if reduction := trials.reductions.get(graded.scorer):
        reduced = reduce_samples(trials, graded.scorer, graded.score, reduction)
        return CaseScores(*reduced, samples=samples, within=np.full_like(within, np.nan))
    mean = trials.case_means(graded.score)

    def otherwise(score: FloatArray, differs: BoolArray) -> FloatArray:
        return trials.case_means(score) if differs.any() else mean

    return CaseScores(
        samples=samples,
        within=within,
        mean=mean,
        low=otherwise(np.where(missing, 0.0, graded.score), missing),
        high=otherwise(np.where(missing, 1.0, graded.score), missing),
        answered=otherwise(
            np.where(trials.is_model_error, np.nan, graded.score), trials.is_model_error
        ),
    )


def _spread(trials: Trials, graded: Graded) -> tuple[IntArray, FloatArray]:
    """How many different answers each case has, and the variance of their scores."""
    known = ~graded.is_missing & ~trials.is_repeat
    count = trials.tally(known.astype(np.float64))
    within = np.full(count.shape, np.nan)
    if count.max(initial=0) >= 2:
        score = np.where(known, graded.score, 0.0)
        total, squares = trials.tally(score), trials.tally(score**2)
        several = count >= 2
        n = count[several]
        apart = squares[several] - total[several] ** 2 / n
        within[several] = np.maximum(apart, 0.0) / (n - 1)
    return count.astype(np.int64), within
