"""What a report shows besides the conclusions: agreement, flips, times, and score against cost."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.analysis.agreement import Agreement, Unanimity, agreements, unanimity
from evalkit.analysis.flips import Flips, flips
from evalkit.analysis.outcomes import Graded, case_scores, grade
from evalkit.analysis.results import Analysis
from evalkit.analysis.speeds import Speed, speeds
from evalkit.analysis.tradeoff import Tradeoff, tradeoff
from evalkit.analysis.trials import Trials


@dataclass(frozen=True, slots=True)
class Details:
    """Details of one analysis, on its leading scorer; empty where nothing was scored."""

    agreements: tuple[Agreement, ...] = ()
    unanimity: Unanimity | None = None
    flips: tuple[Flips, ...] = ()
    speeds: tuple[Speed, ...] = ()
    tradeoff: Tradeoff | None = None


def details(trials: Trials, analysis: Analysis, graded: Graded | None = None) -> Details:
    """Everything of this kind; ``graded`` saves grading the leading scorer again."""
    scorer = analysis.leading_scorer
    if scorer is None:
        return Details(speeds=tuple(speeds(trials)))
    cases = case_scores(trials, graded or grade(trials, scorer))
    confidence = next(
        (one.scores[scorer].mean.confidence for one in analysis.variants if scorer in one.scores),
        0.95,
    )
    return Details(
        agreements=tuple(agreements(trials, cases, confidence)),
        unanimity=unanimity(cases),
        flips=tuple(flips(trials, cases, analysis.comparisons, scorer)),
        speeds=tuple(speeds(trials)),
        tradeoff=tradeoff(analysis.variants, scorer),
    )
