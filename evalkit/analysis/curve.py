"""Score against thinking for every prompt and model that ran under several settings."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.analysis.areas import area, areas_against
from evalkit.analysis.front import control, scaling_per_1k, shaped
from evalkit.analysis.gains import step_gains
from evalkit.analysis.options import Options
from evalkit.analysis.outlook import outlook
from evalkit.analysis.policies import policies
from evalkit.analysis.recommendation import recommend
from evalkit.analysis.results import ThinkingCurve, VariantSummary
from evalkit.analysis.summary import Scored
from evalkit.analysis.sweep import Sweep, sweeps
from evalkit.analysis.symptoms import symptoms
from evalkit.analysis.trials import Trials


def thinking_curves(
    trials: Trials, scored: Scored, summaries: Sequence[VariantSummary], options: Options
) -> tuple[ThinkingCurve, ...]:
    """One curve a prompt and model, in the order of the suite."""
    found = list(sweeps(trials, scored, summaries, options))
    return tuple(_curve(sweep, found) for sweep in found)


def _curve(sweep: Sweep, others: Sequence[Sweep]) -> ThinkingCurve:
    recommended, sentence = recommend(sweep)
    points = shaped(sweep)
    return ThinkingCurve(
        prompt=sweep.prompt,
        model=sweep.summaries[0].model,
        scorer=sweep.scored.graded.scorer,
        points=points,
        recommended=recommended,
        sentence=sentence,
        notes=(*symptoms(sweep), *outlook(points, sweep.options.margin)),
        gains=tuple(step_gains(sweep)),
        policies=policies(sweep),
        scaling_per_1k=scaling_per_1k(points),
        control=control(sweep),
        area=area(sweep),
        against=tuple(areas_against(sweep, others)),
        performance=max(
            (one.score.value for one in points if one.score.value is not None), default=None
        ),
    )
