"""Which thinking setting to use: a fixed-sequence test, and its result in one sentence.

From the dearest setting down, the next cheaper one is accepted while it is non-inferior to *every*
dearer one; the first that is not ends the walk (Maurer et al. 1995). The order is that of the
settings, fixed before anything was measured, so no correction is needed: a setting worse by more
than the margin is accepted in at most 5 % of such runs.
"""

from __future__ import annotations

from evalkit.analysis.evidence import MAX_MISSING, MIN_UNITS
from evalkit.analysis.sweep import Sweep
from evalkit.analysis.wording import as_percent, counted, in_points


def recommend(sweep: Sweep) -> tuple[str | None, str]:
    """The key of the recommended setting, if any, and why."""
    obstacle = _obstacle(sweep)
    if obstacle:
        return None, f"No recommendation: {obstacle}."
    accepted = _accepted(sweep)
    if all(_is_non_inferior(sweep, accepted, cheaper) for cheaper in range(accepted)):
        return sweep.name(accepted), _proven(sweep, accepted)
    best = max(range(len(sweep)), key=lambda one: (sweep.points[one].score.value or 0.0, -one))
    return sweep.name(best), _best_seen(sweep, best)


def _obstacle(sweep: Sweep) -> str | None:
    """Why nothing can be recommended, if so."""
    units = min(point.score.units for point in sweep.points)
    if units < MIN_UNITS:
        return f"{counted(units, 'independent case')} with a score, and it takes {MIN_UNITS}"
    lost = [sweep.name(one) for one in range(len(sweep)) if not sweep.is_measured(one)]
    if lost:
        return f"more than {as_percent(MAX_MISSING)} of the trials of {lost[0]} are missing"
    return None


def _accepted(sweep: Sweep) -> int:
    """Where the walk from the dearest setting ends."""
    accepted = len(sweep) - 1
    for cheaper in reversed(range(accepted)):
        dearer = range(cheaper + 1, len(sweep))
        if not all(_is_non_inferior(sweep, cheaper, other) for other in dearer):
            break
        accepted = cheaper
    return accepted


def _is_non_inferior(sweep: Sweep, candidate: int, other: int) -> bool:
    """Whether a loss of the margin is excluded even if all that is missing went against it."""
    paired = sweep.paired_at_worst(candidate, other)
    if paired is None or paired.units < MIN_UNITS:
        return False
    return paired.is_non_inferior(sweep.options.margin)


def _proven(sweep: Sweep, chosen: int) -> str:
    margin, name = in_points(sweep.options.margin), sweep.name(chosen)
    if chosen == len(sweep) - 1:
        return f"Use {name}: no cheaper setting is proven to score within {margin} of it."
    proof = f"its score is at most {margin} below every dearer setting's (one-sided 95%)"
    return f"Use {name}: {proof}{_saving(sweep, chosen)}."


def _best_seen(sweep: Sweep, best: int) -> str:
    margin, name = in_points(sweep.options.margin), sweep.name(best)
    score = as_percent(sweep.points[best].score.value or 0.0)
    cases = counted(sweep.points[best].score.n, "case")
    if best == 0:
        return (
            f"{name} scored best ({score}) and is the cheapest, but {cases} do not prove that"
            f" it is within {margin} of every dearer setting."
        )
    return (
        f"{name} scored best ({score}); with {cases} nothing cheaper is proven to be as good"
        f" within {margin}."
    )


def _saving(sweep: Sweep, chosen: int) -> str:
    """What the chosen setting takes in comparison with the dearest."""
    ours, dearest = sweep.summaries[chosen], sweep.summaries[-1]
    if ours.cost_usd is not None and dearest.cost_usd:
        each = ours.cost_usd / max(1, ours.n_answered), dearest.cost_usd / dearest.n_answered
        return f", at {as_percent(each[0] / each[1])} of the price of {sweep.name(-1)}"
    if ours.output_tokens_mean is not None and dearest.output_tokens_mean:
        share = as_percent(ours.output_tokens_mean / dearest.output_tokens_mean)
        return f", with {share} of the output tokens of {sweep.name(-1)}"
    return ""
